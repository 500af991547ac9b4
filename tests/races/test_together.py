"""What goes together waits for nobody and takes nothing from anybody: results beside a cancel, new tasks beside a stop."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from chimera.flows.finish_many import finish_together
from chimera.flows.finish_task import Finished, Handed
from chimera.kernel import ids
from chimera.kernel.idempotency import Once
from chimera.kernel.identity import Principal, Role
from swarm.actions import completing, sessions, tasks
from swarm.actions.creating import NewTask
from swarm.actions.results import NewResult
from swarm.groups.creating import Creation, create
from swarm.models import Task, TaskResult
from tests.cast import Stage
from tests.races.threads import InBackground, held_after, wait_for_waiters

Settle = Callable[[], None]


@pytest.fixture
def handed(acme: Stage, settle: Settle) -> Handed:
    """A result that passes, of a task that Ada holds."""
    acme.task(acme.session(), risk_tier=3)
    settle()
    (claim,) = acme.ada.claim()
    task_id, token = UUID(claim["task"]["id"]), UUID(claim["lease_token"])
    new = NewResult(status="succeeded", output_payload={})
    return Handed(task_id=task_id, lease_token=token, agent_id=UUID(acme.ada.id), new=new, by=acme.ada.actor)


def cancelled(acme: Stage, handed: Handed) -> InBackground:
    return InBackground(lambda: acme.otto.post(f"tasks/{handed.task_id}/cancel", {"reason": "enough"}))


def kept(acme: Stage, handed: Handed) -> tuple[str, int]:
    """The task's status, and how many results are kept as applied."""
    with acme.bound():
        status = Task.objects.values_list("status", flat=True).get(pk=handed.task_id)
        return str(status), TaskResult.objects.filter(task_id=handed.task_id, applied=True).count()


def test_a_result_beside_a_cancel_is_left_for_later_and_nobody_waits(
    acme: Stage, handed: Handed, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held_after(monkeypatch, tasks, "cancel") as hold:
        cancel = cancelled(acme, handed)
        hold.wait_reached()
        assert finish_together(acme.tenant_id, [handed]) == {}
        hold.release()
        cancel.answer().ok()
    assert finish_together(acme.tenant_id, [handed]) == {}
    assert kept(acme, handed) == ("cancelled", 0)


def test_control_without_its_lock_a_result_is_applied_to_a_cancelled_task(
    acme: Stage, handed: Handed, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlocked = completing._LOCK.replace("FOR NO KEY UPDATE SKIP LOCKED", "")
    assert unlocked != completing._LOCK
    monkeypatch.setattr(completing, "_LOCK", unlocked)
    with held_after(monkeypatch, tasks, "cancel") as hold:
        cancel = cancelled(acme, handed)
        hold.wait_reached()
        result = InBackground(lambda: finish_together(acme.tenant_id, [handed]))
        wait_for_waiters(asking="WITH fit AS MATERIALIZED")
        hold.release()
        cancel.answer().ok()
        result.answer()
    assert kept(acme, handed) == ("cancelled", 1)


def test_two_who_hand_in_the_same_result_at_once_settle_it_once(acme: Stage, handed: Handed) -> None:
    at_once = [InBackground(lambda: finish_together(acme.tenant_id, [handed])) for _ in range(4)]
    done: list[dict[int, Finished]] = [one.answer() for one in at_once]
    assert sum(map(len, done)) == 1, done
    assert kept(acme, handed) == ("completed", 1)


# ------------------------------------------------------------------ new tasks


@pytest.fixture
def session(acme: Stage) -> str:
    """One that has begun."""
    made: str = acme.session()["id"]
    acme.task(made)
    return made


def creation(acme: Stage, session: str) -> Creation:
    principal = Principal(acme.tenant_id, "agent", acme.pia.id, acme.pia.name, frozenset({Role.PLANNER}))
    said: dict[str, Any] = {"session": session, "type": "research", "input_payload": {}}
    once = Once(
        key=str(ids.uuid7()), principal=principal, method="POST", path="/api/v1/tasks", body=json.dumps(said).encode()
    )
    return Creation(NewTask(session_id=UUID(session), type="research", input_payload={}), acme.pia.actor, once)


def open_tasks(acme: Stage, session: str) -> int:
    with acme.bound():
        return Task.objects.filter(session_id=session).open().count()


def stopped_meanwhile(acme: Stage, session: str, monkeypatch: pytest.MonkeyPatch) -> list[bytes | None]:
    """The session is ended by somebody who has not committed yet, when a task of it is created."""
    with held_after(monkeypatch, sessions, "end") as hold:
        stop = InBackground(lambda: acme.otto.post(f"sessions/{session}/stop", {"reason": "over"}))
        hold.wait_reached()
        made = create(acme.tenant_id, [creation(acme, session)])
        hold.release()
        stop.answer().ok()
    return made


def test_a_task_beside_its_sessions_stop_is_left_to_the_door_and_nobody_waits(
    acme: Stage, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stopped_meanwhile(acme, session, monkeypatch) == [None]
    assert open_tasks(acme, session) == 0


def test_control_without_its_lock_a_task_is_created_in_a_session_that_has_ended(
    acme: Stage, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlocked = sessions._TAKING.replace("FOR SHARE OF s SKIP LOCKED", "")
    assert unlocked != sessions._TAKING
    monkeypatch.setattr(sessions, "_TAKING", unlocked)
    (made,) = stopped_meanwhile(acme, session, monkeypatch)
    assert made is not None
