"""A hold is voided by hand in a real browser: by mouse, and by the keyboard alone."""

from typing import Any

import pytest

from tests.browser.screen import CHROMIUM, NOT_TRIED, REQUIRED, Screen
from tests.browser.test_console import log_in
from tests.cast import Stage
from tests.scene import Scene

if not CHROMIUM and not REQUIRED:
    pytest.skip(NOT_TRIED, allow_module_level=True)

pytestmark = [pytest.mark.browser, pytest.mark.slow]
STEPS_MAX = 200  # of the Tab key; a page has fewer places


@pytest.fixture
def held(acme: Stage, scene: Scene) -> str:
    (claim,) = acme.ada.claim()
    asked = acme.ada.spend(claim, "0.02", purpose="The council's minutes, as scans")
    return str(asked.ok(201)["id"])


def tab_to(page: Any, selector: str) -> None:
    for _ in range(STEPS_MAX):
        page.keyboard.press("Tab")
        if page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
            return
    raise AssertionError(f"the keyboard does not reach {selector}")


def test_a_hold_is_voided_by_mouse(acme: Stage, held: str, screen: Screen) -> None:
    def void(page: Any) -> None:
        log_in(page, "boss@acme")
        page.click("nav >> text=Transactions")
        page.click("tr:has-text('The council') >> a >> nth=0")
        page.wait_for_url(f"**/{held}/")
        page.click("summary >> text=Void this hold")
        page.fill("#id_void_reason", "The council sent them as text.")
        page.click("button[value=void]")
        page.wait_for_selector("text=boss@acme voided the hold of")
        page.wait_for_selector("text=The council sent them as text.")
        assert page.locator("button[value=void]").count() == 0

    screen(void)
    assert acme.boss.get(f"transactions/{held}").ok()["status"] == "voided"
    assert screen.complaints == []


def test_a_hold_is_voided_by_the_keyboard_alone(acme: Stage, held: str, screen: Screen) -> None:
    def void(page: Any) -> None:
        log_in(page, "boss@acme")
        page.goto(f"/admin/commerce/transaction/{held}/")
        tab_to(page, "summary")
        page.keyboard.press("Enter")
        tab_to(page, "#id_void_reason")
        page.keyboard.type("The council sent them as text.")
        tab_to(page, "button[value=void]")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=boss@acme voided the hold of")

    screen(void)
    assert acme.boss.get(f"transactions/{held}").ok()["status"] == "voided"
    assert screen.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_money_is_shown_on_a_telephone_in_the_light_and_in_the_dark(
    acme: Stage, held: str, screen: Screen, scheme: str
) -> None:
    """Nothing sticks out sideways, the chart is there, and words stand out from what is behind them."""
    budget = acme.fay.get("budgets", scope="tenant").ok()["results"][0]["id"]
    paths = (f"/admin/commerce/transaction/{held}/", f"/admin/commerce/budgetconfig/{budget}/")

    def visit(page: Any) -> list[str]:
        page.emulate_media(color_scheme=scheme)
        log_in(page, "boss@acme")
        page.set_viewport_size({"width": 390, "height": 844})
        wrong = []
        for path in (*paths, "/admin/commerce/transaction/", "/admin/commerce/budgetconfig/"):
            assert page.goto(path).status == 200, path
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wrong.append(path)
        page.goto(paths[1])
        assert page.locator("figure.chm-chart svg").first.bounding_box()["width"] > 200
        return wrong

    assert screen(visit) == []
    assert screen.complaints == []
