"""The console in a real browser: a reviewer decides, and the live timeline follows."""

from typing import Any

import pytest

from tests.browser.conftest import PASSWORD
from tests.browser.screen import CHROMIUM, NOT_TRIED, REQUIRED, Screen, keep_image
from tests.cast import Stage
from tests.scene import Scene

if not CHROMIUM and not REQUIRED:
    pytest.skip(NOT_TRIED, allow_module_level=True)

pytestmark = [pytest.mark.browser, pytest.mark.slow]
COMPLETED = "swarm.task.completed.v1"


def log_in(page: Any, who: str) -> None:
    page.goto("/admin/")
    page.fill("input[name=username]", who)
    page.fill("input[name=password]", PASSWORD)
    page.click("text=Log in")
    page.wait_for_selector("text=Waiting cards")


def test_a_card_is_approved_and_its_task_completes_on_the_live_timeline(
    acme: Stage, scene: Scene, screen: Screen
) -> None:
    task = acme.boss.get(f"reviews/{scene.card}").ok()["task"]

    def watch(page: Any) -> Any:
        page.goto(f"/admin/swarm/swarmsession/{scene.session}/")
        page.wait_for_selector('[data-state="live"]')
        page.wait_for_selector(f'span[data-task="{task}"] >> text=blocked')
        page.wait_for_selector(f'li[data-type="swarm.task.blocked.v1"][data-task="{task}"]')
        assert page.query_selector(f'li[data-type="{COMPLETED}"][data-task="{task}"]') is None
        return page

    def decide(page: Any) -> None:
        page.click("nav >> text=Reviews")
        page.click("text=Write a post about the ferry")
        page.wait_for_selector("text=From Saturday the ferry calls at the baths")
        keep_image(page, "card", full_page=True)
        page.click("button[value=approve]")
        page.wait_for_selector("text=boss@acme approved")
        page.wait_for_selector("text=Approved by boss@acme at")

    def morning(page: Any) -> None:
        log_in(page, "boss@acme")
        timeline = watch(page.context.new_page())
        decide(page)
        timeline.wait_for_selector(f'li[data-type="{COMPLETED}"][data-task="{task}"]')  # without a reload
        timeline.wait_for_selector(f'span[data-task="{task}"] >> text=completed')
        timeline.bring_to_front()
        keep_image(timeline, "session")

    screen(morning)
    assert acme.boss.get(f"tasks/{task}").ok()["status"] == "completed"
    assert screen.complaints == []


def test_a_rejection_without_a_note_keeps_the_form_open(acme: Stage, scene: Scene, screen: Screen) -> None:
    def reject(page: Any) -> None:
        log_in(page, "boss@acme")
        page.goto(f"/admin/safety/reviewcard/{scene.topic}/")
        page.click("summary >> text=Reject")
        page.eval_on_selector("#id_reject_note", "field => field.removeAttribute('required')")
        page.click("button[value=reject]")
        page.wait_for_selector("details[open] >> text=Say why")
        page.fill("#id_reject_note", "Nobody may promise that swimming is safe.")
        page.click("button[value=reject]")
        page.wait_for_selector("text=boss@acme rejected")

    screen(reject)
    assert acme.boss.get(f"reviews/{scene.topic}").ok()["status"] == "rejected"


def test_every_page_is_whole_in_the_browser(acme: Stage, scene: Scene, screen: Screen) -> None:
    """No script fails, nothing is refused by the policy, nothing needs scrolling sideways."""
    pages = {
        "today": "/admin/",
        "queue": "/admin/safety/reviewcard/",
        "spend": f"/admin/safety/reviewcard/{scene.spend}/",
        "sessions": "/admin/swarm/swarmsession/",
        "tasks": "/admin/swarm/task/",
        "task": f"/admin/swarm/task/{scene.failed}/",
        "campaign": f"/admin/swarm/campaign/{scene.campaign}/",
        "agents": "/admin/swarm/agentprofile/",
        "agent": f"/admin/swarm/agentprofile/{acme.ada.id}/",
        "budgets": "/admin/commerce/budgetconfig/",
        "new-budget": "/admin/commerce/budgetconfig/new/",
        "transactions": "/admin/commerce/transaction/",
        "memories": "/admin/memory/memoryrecord/",
        "events": "/admin/kernel/event/",
        "parked": "/admin/kernel/parkedevent/",
        "members": "/admin/swarm/membership/",
        "live": f"/live/sessions/{scene.session}/",
    }
    shown_in_docs = {"today", "queue", "tasks", "agents", "budgets", "transactions", "memories", "live"}

    def visit(page: Any) -> list[str]:
        log_in(page, "boss@acme")
        wide = []
        for name, path in pages.items():
            assert page.goto(path).status == 200, path
            page.wait_for_load_state("load")
            if name == "live":
                page.wait_for_selector('[data-state="live"]')
            if name in shown_in_docs:
                keep_image(page, name)
            page.set_viewport_size({"width": 800, "height": 900})
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wide.append(path)
            page.set_viewport_size({"width": 1440, "height": 900})
        return wide

    assert screen(visit) == []
    assert screen.complaints == []
