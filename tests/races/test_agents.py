"""A claim and its agent: what it claims is told after what made it claimable, and who kills the agent waits for it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from chimera.flows.claim_tasks import claim_tasks
from swarm import dispatch
from swarm.actions import agents, claims, listed
from swarm.models import AgentProfile
from tests.cast import Stage
from tests.races.threads import InBackground, held_after, wait_for_waiters

Settle = Callable[[], None]


def claimed_while_redis_is_away(acme: Stage) -> int:
    with acme.bound():
        return len(
            claim_tasks(agent_id=UUID(acme.bob.id), most=1, popped=[], redis_away=True, by=acme.bob.actor).claims
        )


def told(acme: Stage, session: dict[str, Any]) -> list[str]:
    events = acme.otto.get(f"sessions/{session['id']}/events").ok()["results"]
    return [event["type"].split(".")[2] for event in events if event["task"]]


def a_claim_that_began_before_its_task(acme: Stage, patch: pytest.MonkeyPatch) -> list[str]:
    session = acme.session()
    with held_after(patch, agents, "hold") as hold:
        claim = InBackground(lambda: claimed_while_redis_is_away(acme))
        hold.wait_reached()
        acme.task(session)
        dispatch.queue_due()  # the clock, which does not read the log: a writer that has begun holds that back
        hold.release()
        assert claim.answer() == 1
    return told(acme, session)


def test_a_claim_that_began_before_its_task_is_told_after_it(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    assert a_claim_that_began_before_its_task(acme, monkeypatch) == ["created", "queued", "claimed"]


def test_control_with_a_lock_of_the_agents_row_it_is_told_too_early(
    acme: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def row(agent_id: UUID) -> Any:
        return AgentProfile.objects.select_for_update(no_key=True).get(pk=agent_id)

    monkeypatch.setattr(agents, "hold", row)
    assert a_claim_that_began_before_its_task(acme, monkeypatch) == ["claimed", "created", "queued"]


def test_two_claims_of_one_agent_never_take_more_than_its_slots(
    acme: Stage, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = acme.session()
    acme.task(session), acme.task(session)
    settle()
    with held_after(monkeypatch, claims, "lease") as hold:
        first = InBackground(lambda: claimed_while_redis_is_away(acme))
        hold.wait_reached()
        second = InBackground(lambda: claimed_while_redis_is_away(acme))
        wait_for_waiters()
        hold.release()
        assert (first.answer(), second.answer()) == (1, 0)


def test_who_kills_an_agent_waits_for_its_claim_and_takes_it_away(
    acme: Stage, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = acme.task(acme.session())
    settle()
    with held_after(monkeypatch, listed, "take") as hold:
        claim = InBackground(acme.bob.claim)
        hold.wait_reached()
        kill = InBackground(lambda: acme.otto.post(f"agents/{acme.bob.id}/kill", {"reason": "astray"}))
        wait_for_waiters()
        hold.release()
        (slipped,) = claim.answer()
        assert kill.answer().ok()["status"] == "suspended"
    seen = acme.pia.get(f"tasks/{task['id']}").ok()
    assert (seen["status"], seen["error"]["code"]) == ("queued", "lease_revoked")
    acme.bob.finish(slipped).refused(401, "unauthenticated")
