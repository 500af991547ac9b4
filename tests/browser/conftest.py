"""A browser in front of a running house: web and relay as processes of their own, Chromium by Playwright."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.browser.scene import Scene, play
from tests.cast import Stage
from tests.processes.harness import House

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
T = TypeVar("T")


class Screen:
    """A browser's page on a thread of its own: Playwright keeps a loop running, in which Django refuses to work."""

    def __init__(self, url: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="browser")
        self._thread.submit(self._open, url).result()
        self.complaints: list[str] = []

    def __call__(self, step: Callable[[Any], T]) -> T:
        return self._thread.submit(step, self._page).result()

    def _open(self, url: str) -> None:
        from playwright.sync_api import sync_playwright

        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        size: Any = {"width": 1440, "height": 900}
        context = self._browser.new_context(base_url=url, viewport=size, locale="en-GB", timezone_id="UTC")
        self._page = context.new_page()
        self._page.set_default_timeout(20_000)
        self._page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self._page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def close(self) -> None:
        self._thread.submit(self._close).result()
        self._thread.shutdown()

    def _close(self) -> None:
        self._browser.close()
        self._playwright.stop()


@pytest.fixture
def scene(acme: Stage, settle: Callable[[], None]) -> Scene:
    return play(acme, settle)


@pytest.fixture
def house(scene: Scene, tmp_path: Path) -> Iterator[House]:
    """After the scene, whose lanes were stepped in this process; from now on the relay steps them."""
    found = House(tmp_path, [])
    found.start("web", "relay")
    yield found
    found.stop()


@pytest.fixture
def screen(house: House) -> Iterator[Screen]:
    opened = Screen(house.url)
    yield opened
    opened.close()
