"""The dead-letter page in a real browser: some are ticked and dropped, then all that match are retried."""

from typing import Any

import pytest

from tests.browser.screen import CHROMIUM, NOT_TRIED, REQUIRED, Screen
from tests.browser.test_console import log_in
from tests.cast import Stage
from tests.scene import Scene
from tests.swarm.letters import failed

if not CHROMIUM and not REQUIRED:
    pytest.skip(NOT_TRIED, allow_module_level=True)

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_ticked_ones_are_dropped_and_all_that_match_are_retried(acme: Stage, scene: Scene, screen: Screen) -> None:
    session = acme.session(name="Harbour launch, second week")["id"]
    letters = failed(acme, session, 6, code="timeout", description="Read the ferry's timetable")

    def work(page: Any) -> None:
        log_in(page, "boss@acme")
        page.click("nav >> text=Dead letters")
        for letter in letters[:2]:
            page.check(f'input[name="_selected_action"][value="{letter}"]')
        page.select_option("#changelist-actions select[name=action]", "drop")
        page.click("#changelist-actions button[name=index]")
        page.fill("textarea[name=reason]", "the ferry is cancelled")
        page.click("text=Drop 2 dead letters >> nth=-1")
        page.wait_for_selector("text=boss@acme dropped 2 dead letters")
        page.goto(f"/admin/swarm/deadletter/?code=timeout&session={session}")
        page.click("summary >> text=Retry all 4 that match")
        page.click("details[open] button[name=index]")
        page.wait_for_selector("text=boss@acme retried 4 dead letters")
        page.wait_for_selector("text=Nothing fits this search and these filters.")

    screen(work)
    assert screen.complaints == []
    assert [acme.otto.get(f"tasks/{letter}").ok()["status"] for letter in letters[:2]] == ["cancelled"] * 2
    assert acme.otto.get(f"tasks/{scene.failed}").ok()["status"] == "failed"
