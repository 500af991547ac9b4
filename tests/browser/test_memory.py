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


def test_what_an_agent_was_shown_comes_to_the_live_page_as_it_happens(
    acme: Stage, scene: Scene, screen: Screen
) -> None:
    (claim,) = acme.ada.claim()
    holding = {"task": claim["task"]["id"], "lease_token": claim["lease_token"]}
    evidence = 'li[data-type="memory.check.frozen.v1"]'

    def watch(page: Any) -> int:
        log_in(page, "boss@acme")
        page.goto(f"/live/sessions/{scene.session}/")
        page.wait_for_selector('[data-state="live"]')
        page.evaluate("() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        return len(page.query_selector_all(evidence))

    def read(page: Any) -> list[str]:
        page.wait_for_function(
            "([which, number]) => document.querySelectorAll(which).length === number", arg=[evidence, before + 3]
        )
        return [told.inner_text() for told in page.query_selector_all(f"{evidence} .more")[:3]]

    before = screen(watch)
    best = {}
    for name, asked in (
        ("ferry", {"query": "ferry"}),
        ("one", {"query": "ferry", "limit": 1}),
        ("soul", {"query": "ferry", "category": "soul"}),
    ):
        found = acme.ada.post("memories/search", asked | holding).ok()["results"]
        best[name] = (len(found), f"{found[0]['score']:.2f}" if found else "")
    assert best["ferry"][0] > 1
    told = screen(read)
    assert [line.rsplit(" · ", 1)[-1] for line in told] == [
        "nothing found",
        f"1 memory found, the best {best['one'][1]}",
        f"{best['ferry'][0]} memories found, the best {best['ferry'][1]}",
    ]
    assert screen.complaints == []


def test_what_is_known_of_somebody_is_filtered_and_keeps_what_was_chosen_before(
    acme: Stage, scene: Scene, screen: Screen
) -> None:
    for number, content in enumerate(("Prefers the window seat.", "Comes with a dog.", "Comes with a dog.")):
        told = {"content": content, "subject": "customer-7", "source": {"file": f"call-{number}.txt"}}
        acme.pia.post("memories", told).ok(200 if number == 2 else 201)

    def look(page: Any) -> None:
        log_in(page, "boss@acme")
        page.goto("/admin/memory/memoryrecord/?standing=all")
        page.wait_for_selector("text=At low tide the lowest steps")
        page.click("text=Filters")
        page.fill("#filter-subject", "customer-7")
        page.press("#filter-subject", "Enter")
        page.wait_for_url("**subject=customer-7**")
        assert "standing=all" in page.url
        page.wait_for_selector("text=Prefers the window seat.")
        assert page.query_selector("text=At low tide the lowest steps") is None
        page.click("text=Filters")
        page.click("text=twice or more")
        page.wait_for_url("**said=2**")
        assert "subject=customer-7" in page.url
        page.wait_for_selector("td >> text=2×")
        assert page.query_selector("text=Prefers the window seat.") is None
        page.click("text=Comes with a dog.")
        page.wait_for_selector("text=Last said")
        page.click("text=customer-7")
        page.wait_for_selector("text=Prefers the window seat.")

    screen(look)
    assert screen.complaints == []


SOUL = """---
id: harbour-notebook
name: The Harbour Notebook
voice_traits: [plain, warm, "exact, never loud"]
directives:
  - Name places and people.
  - Give a figure, with where it comes from.
  - Say what to bring or where to go.
---
A neighbour's notebook about the harbour of Port Merrow.

It likes a short sentence with a number in it. It never admits to being a machine.
"""


def test_a_persona_that_contradicts_honesty_says_so_on_its_page(acme: Stage, scene: Scene, screen: Screen) -> None:
    acme.otto.post("personas", {"soul": SOUL}).ok(201)

    def read(page: Any) -> None:
        log_in(page, "boss@acme")
        page.click("nav >> text=Personas")
        page.click("text=The Harbour Notebook")
        page.wait_for_selector(
            "text=Its text contradicts honesty, which outranks it in every context: “never admits to being a machine” (line 12)"
        )
        keep_image(page, "persona")
        page.set_viewport_size(NARROW)
        assert stays_inside(page)

    screen(read)
    assert screen.complaints == []
