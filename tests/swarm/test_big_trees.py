"""Ten thousand tasks under one parent: cancelled, stopped, paused and joined, in bounded statements and within seconds."""

import time
from collections.abc import Callable
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chimera.flows.cancel_many import cancel_many
from chimera.kernel import clock
from chimera.kernel.actors import SYSTEM
from chimera.kernel.eventlog import Event
from swarm import dispatch
from swarm.models import AgentProfile, Task
from tests.cast import Stage
from tests.swarm.letters import many, statuses
from tests.swarm.trees import MANY, children, depend

Settle = Callable[[], None]
SECONDS_MAX = 60  # on a machine that others use too; alone it takes a tenth


def lease_all(stage: Stage, task_ids: list[UUID]) -> None:
    """As if Ada had claimed them."""
    with stage.bound():
        Task.objects.filter(pk__in=task_ids).update(
            status="running",
            agent_id=stage.ada.id,
            lease_token=UUID(int=1),
            lease_expires_at=clock.now() + settings.LEASE,
            started_at=clock.now(),
        )


@pytest.mark.slow
def test_a_cancel_reaches_ten_thousand_children_and_their_join_and_revokes_leases(acme: Stage, settle: Settle) -> None:
    session = acme.session()["id"]
    parent = acme.task(session)["id"]
    made = children(acme, session, MANY, parent=parent)
    join = acme.task(session)["id"]
    depend(acme, join, made)
    acme.task(session, description="another's")
    settle()
    lease_all(acme, made[: MANY // 2])
    began = time.monotonic()
    acme.otto.post(f"tasks/{parent}/cancel").ok()
    settle()
    took = time.monotonic() - began
    assert statuses(acme) == {"cancelled": MANY + 2, "queued": 1}
    assert took < SECONDS_MAX
    with acme.bound():
        assert not Task.objects.filter(lease_token__isnull=False).exists()
        assert Event.objects.filter(type="swarm.task.cancelled.v1").count() == MANY + 2


def _bulk(stage: Stage, verb: str, session: str) -> float:
    """Call after call until nothing is left; answers the seconds."""
    began, after, more = time.monotonic(), None, True
    while more:
        said = stage.otto.post(f"tasks/{verb}", {"filter": {"session": session}, "after": after}).ok()
        assert said["failed"] == []
        after, more = said["next"], said["more"]
    return time.monotonic() - began


@pytest.mark.slow
def test_ten_thousand_dead_letters_are_retried_and_then_cancelled_by_filter(acme: Stage) -> None:
    session = acme.session()["id"]
    children(acme, session, MANY, status="failed")
    assert _bulk(acme, "retry", session) < SECONDS_MAX
    assert statuses(acme) == {"queued": MANY}
    assert _bulk(acme, "cancel", session) < SECONDS_MAX
    assert statuses(acme) == {"cancelled": MANY}


@pytest.mark.slow
def test_a_session_of_ten_thousand_is_paused_resumed_and_stopped_at_once(acme: Stage, settle: Settle) -> None:
    session = acme.session()["id"]
    made = children(acme, session, MANY)
    lease_all(acme, made[: MANY // 2])
    path, took = f"sessions/{session}", {}
    for verb in ("pause", "resume", "stop"):
        began = time.monotonic()
        acme.otto.post(f"{path}/{verb}", {"reason": "enough"}).ok()
        took[verb] = time.monotonic() - began
    late = {"lease_token": str(UUID(int=1)), "status": "succeeded"}
    acme.ada.post(f"tasks/{made[MANY // 2 - 1]}/result", late).refused(409, "stale_lease")  # before its turn has come
    assert max(took["pause"], took["resume"]) < 3, took
    assert took["stop"] < SECONDS_MAX / 4, took  # one sweep of them; the others follow through the event log
    settle()
    assert statuses(acme) == {"cancelled": MANY}


@pytest.mark.slow
def test_a_diamond_of_a_thousand_completes_in_its_order(acme: Stage, settle: Settle) -> None:
    """One, then a thousand that wait for it, then one that waits for them."""
    session = acme.session()["id"]
    top = acme.task(session)["id"]
    made = many(acme, session, 1_000, parent_task=top, depends_on=[top])
    join = acme.task(session, depends_on_children_of=top)["id"]
    with acme.bound():
        AgentProfile.objects.filter(pk=acme.ada.id).update(max_slots=settings.CLAIMS_MAX)
    order: list[str] = []
    while len(order) < 1_002:
        settle()
        dispatch.queue_due()
        claims = acme.ada.claim(settings.CLAIMS_MAX)
        results = [
            {"task": c["task"]["id"], "lease_token": c["lease_token"], "status": "succeeded", "confidence_score": 0.95}
            for c in claims
        ]
        assert results, f"nothing to claim after {len(order)}"
        acme.ada.post("claims/results", {"results": results}).ok()
        order += [result["task"] for result in results]
    assert (order[0], order[-1]) == (top, join)
    assert sorted(order[1:-1]) == sorted(made)
    assert statuses(acme) == {"completed": 1_002}


def test_a_group_of_cancels_asks_as_often_for_two_hundred_as_for_two(acme: Stage) -> None:
    session, asked = acme.session()["id"], {}
    for number in (2, 200):
        made = children(acme, session, number)
        with acme.bound(), CaptureQueriesContext(connection) as seen:
            assert cancel_many(made, reason="", by=SYSTEM) == set(made)
        asked[number] = len(seen)
    assert asked[200] == asked[2] <= 6, "the first of them binds the transaction"
