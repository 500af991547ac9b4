"""Verbs of operators and finance: what they do, what they say, and what they refuse."""

import re
import time
from collections.abc import Callable
from typing import Any

from chimera.kernel import redis
from chimera.kernel.eventlog import Event
from chimera.kernel.relay.tables import ParkedEvent
from commerce.models import BudgetConfig
from memory.models import MemoryRecord
from swarm.models import AgentProfile, Campaign, SwarmSession, Task
from tests.cast import Stage
from tests.console.conftest import parked
from tests.console.desk import Desk
from tests.console.places import NOUNS
from tests.scene import Scene

Settle = Callable[[], None]


def _status(acme: Stage, model: Any, pk: str) -> str:
    with acme.bound():
        return str(model.objects.get(pk=pk).status)


# ------------------------------------------------------------------ sessions and campaigns


def test_a_session_is_paused_resumed_and_stopped(otto: Desk, acme: Stage, settle: Settle) -> None:
    session = acme.session(name="The harbour")
    task = acme.task(session)
    page = otto.post(NOUNS["session"].one(session["id"], "pause"), reason="lunch").ok()
    assert re.search(r"otto@acme paused The harbour at \d\d:\d\d UTC\.", page.text)
    assert page.buttons == {"resume", "complete", "stop"}
    assert _status(acme, SwarmSession, session["id"]) == "paused"
    assert otto.post(NOUNS["session"].one(session["id"], "resume")).ok().buttons == {"pause", "complete", "stop"}
    page = otto.post(NOUNS["session"].one(session["id"], "stop"), reason="enough").ok()
    assert page.buttons == set()
    assert _status(acme, SwarmSession, session["id"]) == "stopped"
    settle()
    assert _status(acme, Task, task["id"]) == "cancelled"
    with acme.bound():
        told = Event.objects.get(type="swarm.session.ended.v1")
    assert (told.actor, told.payload["reason"]) == (f"person:{acme.otto.id}", "enough")


def test_a_session_with_open_tasks_is_not_completed(otto: Desk, acme: Stage) -> None:
    session = acme.session()
    acme.task(session)
    page = otto.post(NOUNS["session"].one(session["id"], "complete")).ok()
    assert "1 tasks are still open; wait for them, or stop the session." in page.text
    assert "completed launch" not in page.text
    assert _status(acme, SwarmSession, session["id"]) == "running"


def test_a_verb_that_came_too_late_says_so_and_changes_nothing(otto: Desk, boss: Desk, acme: Stage) -> None:
    session = acme.session()
    assert "pause" in otto.get(NOUNS["session"].one(session["id"])).buttons
    boss.post(NOUNS["session"].one(session["id"], "stop"), reason="enough").ok()
    page = otto.post(NOUNS["session"].one(session["id"], "pause")).ok()
    assert "This session is stopped; it cannot become paused." in page.text
    assert "otto@acme paused" not in page.text


def test_a_campaign_is_paused_resumed_completed_and_stopped(otto: Desk, acme: Stage) -> None:
    made = [acme.otto.post("campaigns", {"name": n, "goal": "g"}).ok(201) for n in ("first", "second")]
    session, _ = (acme.session(campaign=campaign["id"]) for campaign in made)
    first, second = (campaign["id"] for campaign in made)
    for verb, status in (("pause", "paused"), ("resume", "active")):
        otto.post(NOUNS["campaign"].one(first, verb), reason="why").ok()
        assert _status(acme, Campaign, first) == status
    assert "1 session is still open" in otto.post(NOUNS["campaign"].one(first, "complete"), reason="why").ok().text
    assert _status(acme, Campaign, first) == "active"
    acme.pia.post(f"sessions/{session['id']}/complete").ok()
    otto.post(NOUNS["campaign"].one(first, "complete"), reason="why").ok()
    assert _status(acme, Campaign, first) == "completed"
    otto.post(NOUNS["campaign"].one(second, "stop"), reason="why").ok()
    assert _status(acme, Campaign, second) == "stopped"
    with acme.bound():
        assert SwarmSession.objects.get(campaign_id=second).status == "stopped"


# ------------------------------------------------------------------ tasks


def test_a_dead_letter_is_retried_with_all_its_attempts(otto: Desk, acme: Stage, scene: Scene) -> None:
    page = otto.get(NOUNS["task"].list, status__exact="failed").ok()
    assert "The table is a scanned picture." in page.text
    page = otto.post(NOUNS["task"].one(scene.failed, "retry")).ok()
    assert "otto@acme retried" in page.text
    assert _status(acme, Task, scene.failed) == "queued"
    assert page.buttons == {"cancel"}


def test_a_dead_letter_is_dropped(otto: Desk, acme: Stage, scene: Scene) -> None:
    otto.post(NOUNS["task"].one(scene.failed, "cancel"), reason="nobody needs it").ok()
    assert _status(acme, Task, scene.failed) == "cancelled"
    assert "No task yet." not in otto.get(NOUNS["task"].list).text
    assert scene.failed not in otto.get(NOUNS["task"].list, status__exact="failed").html


def test_cancelling_a_blocked_task_withdraws_its_card_and_frees_its_money(
    otto: Desk, fay: Desk, acme: Stage, scene: Scene
) -> None:
    with acme.bound():
        task_id = str(Task.objects.get(description="Render the poster").pk)
    before = fay.get(NOUNS["budget"].list).text
    assert "$0.02 left of $0.30" in before
    otto.post(NOUNS["task"].one(task_id, "cancel"), reason="too dear").ok()
    assert "$0.14 left of $0.30" in fay.get(NOUNS["budget"].list).text
    assert "withdrawn" in otto.get(NOUNS["task"].one(task_id)).text


def test_the_task_page_shows_results_progress_money_and_cards(boss: Desk, acme: Stage, scene: Scene) -> None:
    with acme.bound():
        found = {t.description: str(t.pk) for t in Task.objects.all()}
    page = boss.get(NOUNS["task"].one(found["Write a post about the ferry"])).ok()
    for words in (
        "From Saturday the ferry calls",
        "confidence 0.81",
        "$0.04 render.example held",
        "result to look at pending",
    ):
        assert words in page.text, words
    running = boss.get(NOUNS["task"].one(found["Read the council's minutes"])).ok()
    assert "reading 40 % page 12 of 30" in running.text
    assert "Lease until" in running.text


# ------------------------------------------------------------------ agents


def test_an_agent_is_paused_resumed_killed_and_let_in_again(otto: Desk, acme: Stage) -> None:
    agent = acme.ada.id
    for verb, status in (("pause", "inactive"), ("resume", "active"), ("kill", "suspended"), ("resume", "active")):
        page = otto.post(NOUNS["agent"].one(agent, verb), reason="why").ok()
        assert "otto@acme" in page.text
        assert _status(acme, AgentProfile, agent) == status
    assert acme.ada.post("claims", {"max": 1}).refused(401, "unauthenticated")  # its keys ended with the kill


def test_a_new_key_is_shown_once_and_opens_the_door(otto: Desk, acme: Stage) -> None:
    path = NOUNS["agent"].one(acme.ada.id, "rotate_key")
    page = otto.post(path).ok()
    (key,) = re.findall(r'<code id="secret">(chm_[\w-]+)</code>', page.html)
    assert "otto@acme made a new key for ada" in page.text
    assert page.headers["Cache-Control"].count("no-store") == 1
    assert key not in otto.get(NOUNS["agent"].one(acme.ada.id)).html
    acme.ada.secret = key
    assert acme.ada.claim() == []
    with acme.bound():
        assert key not in str(list(Event.objects.values_list("payload", flat=True)))


def test_liveness_and_slots_are_what_the_agents_do(otto: Desk, acme: Stage, scene: Scene) -> None:
    page = otto.get(NOUNS["agent"].list).ok()
    assert "ada alive active worker 1 of 8" in page.text
    assert "bob silent active worker 0 of 1" in page.text


# ------------------------------------------------------------------ money


def test_finance_makes_a_budget(fay: Desk, acme: Stage) -> None:
    page = fay.post(
        "/admin/commerce/budgetconfig/new/", scope="tenant", currency="USD", day_usd="12.50", is_active="on"
    ).ok()
    assert "fay@acme created the tenant budget" in page.text
    assert "$12.50 left of $12.50" in page.text
    with acme.bound():
        assert BudgetConfig.objects.get().created_by == f"person:{acme.fay.id}"


def test_a_budget_that_cannot_be_is_refused_at_its_field(fay: Desk, acme: Stage) -> None:
    new = "/admin/commerce/budgetconfig/new/"
    for said, sentence in (
        ({"scope": "tenant", "day_usd": "-1"}, "Must not be negative."),
        ({"scope": "tenant", "day_usd": "NaN"}, "Must be an amount in US dollars"),
        ({"scope": "tenant", "day_usd": "9999999999999"}, "that is a typing error"),
        ({"scope": "tenant", "day_usd": "0.0000001"}, "at most six decimals"),
        ({"scope": "tenant", "scope_id": acme.ada.id}, "A budget for a tenant has no `scope_id`."),
        ({"scope": "agent"}, "needs the `scope_id` of a agent"),
        ({"scope": "agent", "scope_id": "nonsense"}, "Must be a valid UUID."),
        ({"scope": "session", "scope_id": acme.ada.id}, "There is no session"),
        ({"scope": "galaxy"}, "Select a valid choice."),
    ):
        page = fay.post(new, currency="USD", is_active="on", **said)
        assert page.status in {400, 409, 422}, said
        assert sentence in page.text, (said, page.text[-600:])
    with acme.bound():
        assert not BudgetConfig.objects.exists()


def test_finance_changes_limits_and_they_act_at_once(fay: Desk, acme: Stage) -> None:
    budget = acme.budget(day_usd="1.00")
    path = NOUNS["budget"].one(budget["id"])
    assert 'value="1.00"' in fay.get(path).html
    page = fay.post(f"{path}change/", day_usd="0.50", month_usd="9", is_active="on", version="1").ok()
    assert "fay@acme changed the tenant budget" in page.text
    assert "$0.50 left of $0.50" in page.text
    page = fay.post(f"{path}change/", day_usd="7", is_active="on", version="1").ok()
    assert "The budget is at version 2; read it again." in page.text
    refused = fay.post(f"{path}change/", day_usd="lots", is_active="on", version="2")
    assert refused.status == 422
    assert "Must be an amount in US dollars" in refused.text
    assert "inactive" in fay.post(f"{path}change/", day_usd="0.50", version="2").ok().text


def test_the_ledger_shows_refusals_too(fay: Desk, acme: Stage, scene: Scene) -> None:
    page = fay.get(NOUNS["transaction"].list).ok()
    for words in ("$0.24 USD denied", "$0.12 USD review", "$0.04 USD captured", "$0.04 USD held"):
        assert words in page.text, words
    assert "$0.24" not in fay.get(NOUNS["transaction"].list, status__exact="held").text


# ------------------------------------------------------------------ memory, parked events, the log


def test_memories_are_found_by_their_words_and_forgotten(otto: Desk, acme: Stage, scene: Scene) -> None:
    memories = NOUNS["memory"]
    page = otto.get(memories.list, q="gates opening").ok()  # stems, not letters
    assert "The tide gate opens two hours before high water, from April" in page.text
    assert "ferry calls" not in page.text
    assert "ferry" in otto.get(memories.list, q='"the ferry" -gate').text
    with acme.bound():
        found = str(MemoryRecord.objects.get(content__startswith="The tide gate").pk)
    page = otto.post(memories.one(found, "forget"), reason="out of date").ok()
    assert "otto@acme made the swarm forget" in page.text
    assert "Forgotten at" in page.text
    assert "out of date" in page.text
    assert "from April" not in otto.get(memories.list, q="gates").text
    assert "from April" in otto.get(memories.list, standing="forgotten").text


def test_a_parked_event_is_retried_once(otto: Desk, acme: Stage) -> None:
    with acme.bound():
        row = parked()
    path = NOUNS["parked"].one(row.pk)
    assert "EmbedderAway: nobody answers" in otto.get(NOUNS["parked"].list).text
    page = otto.post(f"{path}retry/").ok()
    assert "otto@acme retried memory.memory.added.v1" in page.text
    assert _status(acme, ParkedEvent, str(row.pk)) == "retrying"
    assert "it cannot become retrying" in otto.post(f"{path}retry/").ok().text


def test_the_log_tells_who_did_what_by_name(otto: Desk, acme: Stage, scene: Scene) -> None:
    page = otto.get(NOUNS["event"].list).ok()
    assert "task failed The table is a scanned picture. ada" in page.text
    only = otto.get(NOUNS["event"].list, q=scene.card).ok()
    assert "review opened" in only.text
    assert "task claimed" not in only.text
    assert "task claimed" not in otto.get(NOUNS["event"].list, noun="safety.review").text


# ------------------------------------------------------------------ the frame


def test_a_verb_wakes_the_relay_after_its_commit(otto: Desk, acme: Stage) -> None:
    session = acme.session()
    listening = redis.client().pubsub(ignore_subscribe_messages=True)
    listening.subscribe(redis.NUDGE_CHANNEL)
    listening.get_message(timeout=1)
    otto.get(NOUNS["session"].one(session["id"])).ok()
    assert listening.get_message(timeout=0.05) is None
    otto.post(NOUNS["session"].one(session["id"], "pause")).ok()
    assert _heard(listening) == "1"
    listening.close()


def _heard(listening: Any) -> str:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if message := listening.get_message(timeout=0.1):
            return str(message["data"])
    raise AssertionError("nobody nudged the relay")


def test_today_shows_each_role_its_figures(acme: Stage, scene: Scene) -> None:
    seen = {who: Desk(getattr(acme, who)).get("/admin/").ok().text for who in ("rita", "otto", "fay", "anna")}
    for who, shown in (("rita", True), ("otto", False), ("fay", False), ("anna", True)):
        assert ("Waiting cards 3 nothing overdue" in seen[who]) == shown, who
    for who, shown in (("rita", False), ("otto", True), ("fay", False), ("anna", True)):
        assert ("Running tasks 1 2 in the queue, 3 blocked" in seen[who]) == shown, who
        assert ("Agents alive 1 of 4" in seen[who]) == shown, who
        assert ("Dead letters 1" in seen[who]) == shown, who
    for who, shown in (("rita", False), ("otto", False), ("fay", True), ("anna", True)):
        assert ("Spent today $0.28" in seen[who]) == shown, who


def test_what_was_spent_today_is_the_same_with_redis_and_without(fay: Desk, scene: Scene) -> None:
    assert "Spent today $0.28" in fay.get("/admin/").text
    redis.client().flushall()
    assert "Spent today $0.28" in fay.get("/admin/").text


def test_a_stop_or_a_kill_takes_the_work_away_before_the_next_page(otto: Desk, acme: Stage, settle: Settle) -> None:
    campaign = acme.otto.post("campaigns", {"name": "c", "goal": "g"}).ok(201)
    of_session, of_campaign, held = (
        acme.task(session)["id"] for session in (acme.session(), acme.session(campaign=campaign["id"]), acme.session())
    )
    otto.post(NOUNS["campaign"].one(campaign["id"], "stop"), reason="enough").ok()
    assert _status(acme, Task, of_campaign) == "cancelled"
    with acme.bound():
        session_id = str(Task.objects.get(pk=of_session).session_id)
    otto.post(NOUNS["session"].one(session_id, "stop"), reason="enough").ok()
    assert _status(acme, Task, of_session) == "cancelled"
    settle()
    assert [claim["task"]["id"] for claim in acme.ada.claim()] == [held]
    otto.post(NOUNS["agent"].one(acme.ada.id, "kill"), reason="enough").ok()
    assert _status(acme, Task, held) == "queued"
