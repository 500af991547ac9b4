"""How memory is kept, in a real browser: its policy and the receipt of an erasure, wide, narrow and dark."""

from typing import Any

import pytest

from chimera.housekeeping import erase_memories
from tests.browser.screen import CHROMIUM, NOT_TRIED, REQUIRED, Screen, keep_image
from tests.browser.test_console import log_in
from tests.cast import Stage
from tests.scene import Scene

if not CHROMIUM and not REQUIRED:
    pytest.skip(NOT_TRIED, allow_module_level=True)

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NARROW = {"width": 390, "height": 844}


def stays_inside(page: Any) -> bool:
    """Nothing makes the page wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1"))


def test_a_policy_is_previewed_and_put_in_place(acme: Stage, scene: Scene, screen: Screen) -> None:
    def change(page: Any) -> None:
        log_in(page, "boss@acme")
        page.click("nav >> text=Memory policy")
        page.fill("input[name=half_life_days_episodic]", "30")
        page.fill("input[name=max_age_days_episodic]", "365")
        page.click("button[name=preview]")
        page.wait_for_selector("text=memories would go with this within the hour")
        keep_image(page, "memory-policy", full_page=True)
        page.click("button[name=save]")
        page.wait_for_selector("text=boss@acme put version 1 of the memory policy in place")
        page.wait_for_selector("text=half of its strength is gone after 30 days")
        page.set_viewport_size(NARROW)
        assert stays_inside(page)

    screen(change)
    assert acme.boss.get("memories/policy").ok()["fading"]["half_life_days"] == {"episodic": 30}


def test_memory_is_erased_and_the_receipt_is_read_narrow_and_dark(acme: Stage, scene: Scene, screen: Screen) -> None:
    said = [{"content": f"What customer 7 told us, part {n}.", "subject": "customer-7"} for n in range(3)]
    acme.ada.post("memories/batch", {"memories": said}).ok()

    def ask(page: Any) -> None:
        log_in(page, "boss@acme")
        page.click("nav >> text=Erasures")
        page.click("text=New erasure")
        page.select_option("select[name=scope]", "subject")
        page.fill("input[name=whose]", "customer-7")
        page.fill("textarea[name=reason]", "The customer asked for it.")
        page.check("input[name=sure]")
        page.click("text=Erase it for good")
        page.wait_for_selector("text=boss@acme asked for the erasure")

    def read(page: Any) -> None:
        page.reload()
        page.wait_for_selector("text=Memories gone")
        keep_image(page, "erasure", full_page=True)
        page.set_viewport_size(NARROW)
        page.emulate_media(color_scheme="dark")
        page.evaluate("localStorage.setItem('_x_adminTheme', JSON.stringify('dark'))")
        page.reload()
        page.wait_for_selector("text=Memories gone")
        assert stays_inside(page)
        keep_image(page, "erasure-narrow", full_page=True)

    screen(ask)
    erase_memories()
    screen(read)
