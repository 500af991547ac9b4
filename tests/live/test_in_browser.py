"""The live page in a real browser: it fills from history, goes on by the socket, and reconnects with its cursor."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from tests.browser.screen import ARGUMENTS, CHROMIUM, REQUIRED
from tests.cast import Caller, Stage
from tests.processes.harness import House

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(
        not CHROMIUM and not REQUIRED, reason="not tried: the live page, because Chromium is not installed"
    ),
]


@pytest.fixture
def house(acme: Stage, tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, [])
    made.start("web", "relay")
    try:
        yield made
    finally:
        made.stop()


class Page:
    """A page on a thread of its own: Playwright keeps a loop there, in which Django would refuse to work."""

    def __init__(self, house: House, caller: Caller) -> None:
        self.complaints: list[str] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="browser")
        self._thread.submit(self._open, house.url, logged_in(caller)).result()

    def _open(self, url: str, cookie: str) -> None:
        from playwright.sync_api import sync_playwright

        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = self._browser.new_context(base_url=url, viewport={"width": 1280, "height": 900})
        context.add_cookies([{"name": "sessionid", "value": cookie, "url": url}])
        self._page = context.new_page()
        self._page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self._page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def close(self) -> None:
        self._thread.submit(lambda: (self._browser.close(), self._playwright.stop())).result()
        self._thread.shutdown()

    def __getattr__(self, name: str) -> Any:
        """The page's own methods, called over there."""
        return lambda *args, **more: self._thread.submit(lambda: getattr(self._page, name)(*args, **more)).result()

    def shows(self, selector: str, text: str) -> None:
        script = "([selector, text]) => document.querySelector(selector)?.textContent === text"
        self.wait_for_function(script, arg=[selector, text], timeout=15_000)


@contextmanager
def page_of(house: House, caller: Caller) -> Iterator[Page]:
    """Whatever the page complains of fails the test, apart from sockets that were cut."""
    page = Page(house, caller)
    try:
        yield page
    finally:
        page.close()
    assert [text for text in page.complaints if "WebSocket" not in text] == []


def logged_in(caller: Caller) -> str:
    browser = Client()
    browser.force_login(get_user_model().objects.get(username=caller.name))
    return browser.cookies["sessionid"].value


def test_an_operator_watches_tasks_money_and_cards(acme: Stage, house: House, tmp_path: Path) -> None:
    acme.budget(day_usd="100", approval_threshold_usd="10")
    session = acme.session(name="Harbour launch")
    acme.task(session, type="write a post")
    acme.task(session)
    with page_of(house, acme.otto) as page:
        page.goto(f"{house.url}/live/sessions/{session['id']}/")
        page.shows('[data-live="state"]', "live")
        page.shows('[data-count="queued"]', "2")
        (claim,) = acme.ada.claim(1, wait_seconds=5)
        page.shows('[data-count="running"]', "1")
        held = acme.ada.spend(claim, "2.50").ok(201)
        page.shows('[data-money="held"]', "$2.50")
        acme.ada.post(
            f"transactions/{held['id']}/capture", {"lease_token": claim["lease_token"], "amount_usd": "1.25"}
        ).ok()
        page.shows('[data-money="captured"]', "$1.25")
        acme.ada.spend(claim, "500").refused(402, "budget_exceeded")
        page.shows('[data-money="denied"]', "1")
        asked = acme.ada.spend(claim, "40").ok(202)
        page.shows('[data-money="review"]', "$40.00")
        page.shows('[data-live="cards-count"]', "1")
        href = page.get_attribute(f'[data-card="{asked["review"]}"] a', "href")
        assert href.startswith(f"/admin/safety/reviewcard/{asked['review']}/")
        page.screenshot(path=str(tmp_path / "live.png"), full_page=True)
        acme.rita.post(f"reviews/{asked['review']}/decision", {"decision": "reject", "note": "too dear"}).ok()
        page.shows('[data-live="cards-count"]', "0")
        acme.otto.post(f"sessions/{session['id']}/pause", {"reason": "<b>lunch</b>"}).ok()
        page.shows('[data-live="session"]', "paused")
        page.wait_for_selector('[data-type="swarm.session.paused.v1"]')
        assert "<b>lunch</b>" in page.text_content('[data-type="swarm.session.paused.v1"]')


def test_a_page_that_lost_its_server_continues_where_it_was(acme: Stage, house: House) -> None:
    session = acme.session()
    acme.task(session)
    with page_of(house, acme.otto) as page:
        page.goto(f"{house.url}/live/sessions/{session['id']}/")
        page.shows('[data-live="state"]', "live")
        page.shows('[data-count="queued"]', "1")
        house.kill("web")
        page.shows('[data-live="state"]', "connection lost, trying again")
        acme.task(session)
        house.start("web")
        page.shows('[data-count="queued"]', "2")
        page.shows('[data-live="state"]', "live")
        whole = acme.otto.get(f"sessions/{session['id']}/events").ok()["results"]
        positions = page.eval_on_selector_all(
            "[data-position]", "lines => lines.map(line => line.dataset.position).reverse()"
        )
        assert positions == [event["position"] for event in whole]
