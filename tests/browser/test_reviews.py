"""The reviewers' queue and card in a real browser: by the keyboard, by two people, on a telephone, in the dark, and for who sees nothing."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model

from commerce.models import BudgetConfig
from safety.models import Policy
from tests.browser.accessible import faults
from tests.browser.conftest import PASSWORD
from tests.browser.screen import CHROMIUM, NOT_TRIED, REQUIRED, Screen, keep_image
from tests.browser.test_console import log_in
from tests.cast import Stage
from tests.safety.acts import POST, decide, propose
from tests.safety.piles import pile
from tests.scene import Scene

if not CHROMIUM and not REQUIRED:
    pytest.skip(NOT_TRIED, allow_module_level=True)

pytestmark = [pytest.mark.browser, pytest.mark.slow]
QUEUE = "/admin/safety/reviewcard/"
TELEPHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}


@pytest.fixture
def action(acme: Stage, scene: Scene, settle: Any) -> str:
    """The card of an action that comes a second time, after changes were asked for."""
    house = {"name": "house", "rules": [{"name": "what we publish", "when": {"tools": ["publish"]}, "then": "review"}]}
    acme.boss.post("policies", house | {"status": "enforced"}).ok(201)
    claim = acme.ada.claim()[0]
    acme.ada.post(
        "memories/search",
        {"query": "when does the ferry call", "task": claim["task"]["id"], "lease_token": claim["lease_token"]},
    ).ok()
    said: dict[str, Any] = {"amount_usd": "0.01", "payee": "short.example", "purpose": "The opening, to all neighbours"}
    decide(acme, propose(acme, claim, **said).ok(201), "request_changes", note="Name the hour.")
    settle()
    claims = {each["task"]["id"]: each for each in acme.ada.claim(8)}
    text = POST | {"text": "The baths open on Saturday at six. Bring a towel.", "tags": ["baths", "opening"]}
    again = propose(acme, claims[claim["task"]["id"]], text, **said).ok(201)
    ferry = next(m for m in acme.pia.get("memories").ok()["results"] if "ferry calls" in m["content"])
    acme.pia.post(f"memories/{ferry['id']}/supersede", {"content": "The ferry calls on Sundays only."}).ok(201)
    settle()
    return str(again["review"])


@pytest.fixture
def rita(acme: Stage) -> str:
    found = get_user_model().objects.get(pk=acme.rita.id)
    found.set_password(PASSWORD)
    found.save()
    return str(found.get_username())


def focused(page: Any) -> str:
    """What the keyboard is at, in words, and only where one sees that it is."""
    said: str = page.evaluate(
        "() => document.activeElement.matches(':focus-visible') ? document.activeElement.innerText.trim() : '' "
    )
    return said


def test_a_reviewer_needs_no_mouse(acme: Stage, scene: Scene, rita: str, screen: Screen) -> None:
    huts = pile(acme, 3, session=scene.session)

    def work(page: Any) -> None:
        log_in(page, rita)
        page.goto(QUEUE)
        page.keyboard.press("?")
        page.wait_for_selector("dialog[open] >> text=Keys")
        keep_image(page, "keys")
        page.keyboard.press("Escape")
        page.wait_for_selector("dialog[open]", state="detached")
        page.keyboard.press("k")
        assert focused(page).startswith("spend Render the poster")
        page.keyboard.press("/")
        page.keyboard.type("hut")
        page.keyboard.press("Enter")
        page.wait_for_url("**q=hut**")
        for key in ("j", "x", "j", "x", "j"):
            page.keyboard.press(key)
        assert "Paint hut 3" in focused(page)
        assert page.locator("input.action-select:checked").count() == 2
        keep_image(page, "batch")
        page.keyboard.press("c")
        page.wait_for_function("document.activeElement.id === 'id_request_changes_note'")
        assert huts[2] in page.url
        page.keyboard.type("Paint it blue.")
        page.keyboard.press("Control+Enter")
        page.wait_for_selector("text=rita@acme requested changes to")
        taken: list[str] = []
        page.on("request", lambda sent: taken.append(sent.url) if sent.url.endswith("/next/") else None)
        for _ in range(4):  # held down
            page.keyboard.down("n")
        page.keyboard.up("n")
        page.wait_for_selector("text=You are looking at it until")
        assert len(taken) == 1
        page.keyboard.press("a")
        assert focused(page) == "Approve"
        page.keyboard.press("Enter")
        page.wait_for_selector("text=rita@acme approved")
        page.keyboard.press("u")
        page.wait_for_url(f"**{QUEUE}")

    screen(work)
    assert acme.rita.get(f"reviews/{huts[2]}").ok()["status"] == "changes_requested"
    first = acme.rita.get(f"reviews/{huts[0]}").ok()
    assert (first["status"], first["decided_by"]) == ("approved", rita)
    assert screen.complaints == []


def test_several_are_decided_with_one_reason_and_two_people_never_get_the_same(
    acme: Stage, scene: Scene, rita: str, screen: Screen
) -> None:
    huts = pile(acme, 3, session=scene.session)

    def work(page: Any) -> None:
        log_in(page, rita)
        other = page.context.browser.new_context(base_url=page.url.split("/admin")[0]).new_page()
        log_in(other, "boss@acme")
        mine, theirs = take(page), take(other)
        assert [huts[0] in mine, huts[1] in theirs] == [True, True]
        other.goto(mine)
        other.wait_for_selector("text=rita@acme is looking at it until")
        page.click("button[value=approve]")
        page.wait_for_selector("text=rita@acme approved")
        other.click("summary >> text=Reject")
        other.fill("#id_reject_note", "I was about to say no.")
        other.click("button[value=reject]")
        other.wait_for_selector("text=This card was already approved by rita@acme at")
        page.goto(f"{QUEUE}?q=hut")
        for hut in huts[1:]:
            page.check(f'input[name="_selected_action"][value="{hut}"]')
        page.select_option("#changelist-actions select[name=action]", "reject")
        page.click("#changelist-actions button[name=index]")
        page.fill("textarea[name=note]", "No paint is left.")
        page.click("button >> text=Reject 2 cards")
        page.wait_for_selector("text=rita@acme rejected 1 card at")
        page.wait_for_selector("text=Left as it is: “Paint hut 2”. boss@acme is looking at it")
        other.context.close()

    screen(work)
    statuses = [acme.rita.get(f"reviews/{hut}").ok()["status"] for hut in huts]
    assert statuses == ["approved", "pending", "rejected"]
    assert screen.complaints == []


def take(page: Any) -> str:
    page.goto(QUEUE)
    page.click("text=Take the next one")
    page.wait_for_selector("text=You are looking at it until")
    return str(page.url)


def test_pages_are_whole_narrow_dark_and_accessible(acme: Stage, scene: Scene, action: str, screen: Screen) -> None:
    with acme.bound():
        budget, policy = BudgetConfig.objects.get(scope="tenant").pk, Policy.objects.get().pk
    paths = {
        "queue": QUEUE,
        "card-action": f"{QUEUE}{action}/",
        "card-spend": f"{QUEUE}{scene.spend}/",
        "budget": f"/admin/commerce/budgetconfig/{budget}/",
        "session": f"/admin/swarm/swarmsession/{scene.session}/",
        "policy": f"/admin/safety/policy/{policy}/",
        "live": f"/live/sessions/{scene.session}/",
    }

    def visit(page: Any, scheme: str, size: dict[str, int]) -> list[str]:
        wrong = []
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        for name, path in paths.items():
            assert page.goto(path).status == 200, path
            if name == "card-action":
                page.wait_for_selector('[data-state="live"]')
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wrong.append(f"{path} is too wide for {size['width']}")
            wrong += [f"{name}, {scheme}: {fault}" for fault in faults(page)]
            if name in {"queue", "card-action"}:
                suffix = "-narrow" if size is TELEPHONE else ""
                keep_image(page, f"{name}{suffix}", full_page=name != "queue" and size is DESK)
        return wrong

    screen(lambda page: log_in(page, "boss@acme"))
    wrong = screen(lambda page: visit(page, "light", DESK))
    acme.boss.post("tenant/pause", {"reason": "the tide is high"}).ok()  # its banner stands on every page
    wrong += screen(lambda page: visit(page, "dark", TELEPHONE))
    assert "\n".join(sorted(set(wrong))) == ""
    assert screen(lambda page: page.locator("text=the tide is high").count()) > 0
    assert screen.complaints == []
