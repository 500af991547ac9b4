"""Chromium by Playwright: the system's own, never a downloaded one."""

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

# The shell is the same engine without the browser's own windows, which nobody sees here and which cost twice as much again.
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
REQUIRED = os.environ.get("CHIMERA_REQUIRE_BROWSER") == "1"
NOT_TRIED = "not tried: the console in a browser, because Chromium is not installed (Debian: apt install chromium-headless-shell)"
IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 20_000  # two cores, and other tests beside us
T = TypeVar("T")


class Chromium:
    """A browser for several tests, on a thread of its own: Playwright keeps a loop running there, in which Django refuses to work."""

    def __init__(self) -> None:
        assert CHROMIUM, "Chromium is not installed, and CHIMERA_REQUIRE_BROWSER=1 demands it"
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="browser")
        self.there(self._launch)

    def there(self, steps: Callable[[], T]) -> T:
        """Do some steps on its thread."""
        return self._thread.submit(steps).result()

    def context(self, url: str) -> Any:
        """Nothing of what others left: no cookies, no cache. Called over there."""
        return self._browser.new_context(
            base_url=url, viewport={"width": 1440, "height": 900}, locale="en-GB", timezone_id="UTC"
        )

    def close(self) -> None:
        self.there(lambda: (self._browser.close(), self._playwright.stop()))
        self._thread.shutdown()

    def _launch(self) -> None:
        from playwright.sync_api import sync_playwright

        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)


class Screen:
    """One test's pages in the browser."""

    def __init__(self, chromium: Chromium, url: str) -> None:
        self.complaints: list[str] = []
        self._chromium = chromium
        chromium.there(lambda: self._open(url))

    def __call__(self, steps: Callable[[Any], T]) -> T:
        """Do some steps over there, with the page."""
        return self._chromium.there(lambda: steps(self._page))

    def close(self) -> None:
        self._chromium.there(self._context.close)

    def _open(self, url: str) -> None:
        self._context = self._chromium.context(url)
        self._context.on("page", self._listen)
        self._page = self._context.new_page()

    def _listen(self, page: Any) -> None:
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))


def keep_image(page: Any, name: str, *, full_page: bool = False) -> None:
    """For the docs, when CHIMERA_SCREENSHOTS=1."""
    if os.environ.get("CHIMERA_SCREENSHOTS") == "1":
        IMAGES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=IMAGES / f"{name}.png", full_page=full_page, animations="disabled")
