"""A session, a campaign or one agent is paused, stopped and goes on: who may, what it takes away at once, and how the queue stands."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from chimera.flows import cancel_task, stop_work
from commerce.models import Transaction
from swarm.models import AgentProfile, Task
from tests.cast import Stage
from tests.commerce.books import check_books
from tests.swarm.test_stops import ALL, WHY, listed, queue_of

Settle = Callable[[], None]
LEASES = 12


def housed(acme: Stage, what: str) -> tuple[str, dict[str, Any]]:
    """The path of a campaign or a session, and the session in which tasks are made."""
    if what == "session":
        session = acme.session()
        return f"sessions/{session['id']}", session
    campaign = acme.otto.post("campaigns", {"name": "baths", "goal": "They are full."}).ok(201)
    return f"campaigns/{campaign['id']}", acme.session(campaign=campaign["id"])


@pytest.mark.parametrize("what", ["session", "campaign"])
def test_what_a_claim_met_paused_is_first_again_when_it_goes_on(acme: Stage, settle: Settle, what: str) -> None:
    path, session = housed(acme, what)
    order = [acme.task(session)["id"] for _ in range(4)]
    settle()
    others = queue_of(acme, settle, 2)
    acme.otto.post(f"{path}/pause", WHY).ok()
    (claim,) = acme.bob.claim()
    assert claim["task"]["id"] in others
    assert order[0] not in listed(acme)
    acme.otto.post(f"{path}/resume", WHY).ok()
    settle()
    left = [one for one in others if one != claim["task"]["id"]]
    assert listed(acme) == [*order, *left]


def test_what_a_killed_agent_held_is_first_again_and_has_used_up_no_attempt(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    order = [acme.task(session, max_attempts=1)["id"] for _ in range(6)]
    settle()
    assert len(acme.ada.claim(3)) == 3
    acme.otto.post(f"agents/{acme.ada.id}/kill", WHY).ok()
    settle()
    assert listed(acme) == order
    with acme.bound():
        assert set(Task.objects.values_list("status", "attempt_count", "error__code")) == {
            ("queued", 0, None),
            ("queued", 0, "lease_revoked"),
        }
    assert acme.bob.claim()[0]["task"]["id"] == order[0]


@pytest.mark.parametrize("what", ["session", "campaign", "agent"])
def test_leases_with_money_are_taken_away_together_and_none_alone(
    acme: Stage, settle: Settle, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """One by one, hundreds of them take seconds."""
    acme.budget(day_usd="10")
    path, session = housed(acme, "campaign" if what == "campaign" else "session")
    with acme.bound():
        AgentProfile.objects.filter(pk=acme.ada.id).update(max_slots=LEASES)
    for _ in range(LEASES):
        acme.task(session)
    settle()
    for claim in acme.ada.claim(LEASES):
        acme.ada.spend(claim, "0.10").ok(201)
    alone: list[Any] = []

    def noted(found: Sequence[Any], step: Any) -> int:
        alone.extend(found)
        return 0

    for flow in (cancel_task, stop_work):
        monkeypatch.setattr(flow, "one_by_one", noted)
    acme.otto.post(f"agents/{acme.ada.id}/kill" if what == "agent" else f"{path}/stop", WHY).ok()
    assert alone == []
    with acme.bound():
        assert Transaction.objects.filter(status="voided").count() == LEASES
        assert not Task.objects.filter(status="running").exists()
    check_books(acme)


@pytest.mark.parametrize("verb", ["pause", "resume", "stop", "complete"])
def test_a_planner_completes_a_session_and_does_not_undo_what_a_person_did(acme: Stage, verb: str) -> None:
    path = f"sessions/{acme.session()['id']}"
    if verb == "resume":
        acme.otto.post(f"{path}/pause", WHY).ok()
    may = {"otto", "boss"} | ({"pia"} if verb == "complete" else set())
    refused = {who for who in ALL if getattr(acme, who).post(f"{path}/{verb}", {"reason": 1}).status == 403}
    assert refused == set(ALL) - may


@pytest.mark.parametrize(("what", "verb"), [("session", "stop"), ("campaign", "stop"), ("agent", "kill")])
def test_what_takes_work_away_needs_a_reason_and_a_pause_none(acme: Stage, what: str, verb: str) -> None:
    path = f"agents/{acme.bob.id}" if what == "agent" else housed(acme, what)[0]
    acme.otto.post(f"{path}/pause").ok()
    for said in ({}, {"reason": ""}, {"reason": " "}):
        acme.otto.post(f"{path}/{verb}", said).refused(422, "invalid")
    acme.otto.post(f"{path}/{verb}", WHY).ok()
