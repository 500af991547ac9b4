"""Cancel and block of one task are told in the order in which they happened, whoever began first."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from chimera.flows.cancel_task import cancel_task
from chimera.kernel import tenancy
from swarm.actions import tasks
from tests.cast import Stage
from tests.races.threads import InBackground, held_after, wait_for_waiters

Settle = Callable[[], None]


@pytest.fixture
def claim(acme: Stage, settle: Settle) -> dict[str, Any]:
    acme.budget(day_usd="100", approval_threshold_usd="10")
    acme.task(acme.session())
    settle()
    (found,) = acme.ada.claim()
    return found


def told(acme: Stage, task_id: str) -> list[str]:
    """What happened to the task, in the order of positions."""
    (session,) = acme.otto.get("sessions").ok()["results"]
    events = acme.otto.get(f"sessions/{session['id']}/events").ok()["results"]
    wanted = ("swarm.task.blocked.v1", "swarm.task.cancelled.v1")
    return [e["type"].split(".")[2] for e in events if e["task"] == task_id and e["type"] in wanted]


def cancel_while_it_is_being_blocked(
    acme: Stage, claim: dict[str, Any], cancel: Callable[[], Any], patch: pytest.MonkeyPatch
) -> None:
    """The spend holds the task and has written nothing yet; the cancel waits for it; then the spend blocks the task."""
    with held_after(patch, tasks, "lock") as hold:
        spend = InBackground(lambda: acme.ada.spend(claim, "40"))
        hold.wait_reached()
        cancelling = InBackground(cancel)
        wait_for_waiters()
        hold.release()
        spend.answer().ok(202)
        cancelled = cancelling.answer()
    assert not isinstance(cancelled, Exception), repr(cancelled)


def test_a_cancel_that_waited_is_told_after_the_block(
    acme: Stage, claim: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = claim["task"]["id"]
    cancel_while_it_is_being_blocked(acme, claim, lambda: acme.otto.post(f"tasks/{task_id}/cancel").ok(), monkeypatch)
    assert told(acme, task_id) == ["blocked", "cancelled"]


def test_control_who_writes_before_it_locks_is_told_too_early(
    acme: Stage, claim: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same cancel, with an id of its own from before the wait: what came later is told first."""
    task_id = claim["task"]["id"]

    def write_then_lock() -> None:
        with tenancy.bound(acme.tenant_id):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_current_xact_id()")
            cancel_task(task_id=UUID(task_id), reason="", by=acme.otto.actor)

    cancel_while_it_is_being_blocked(acme, claim, write_then_lock, monkeypatch)
    assert told(acme, task_id) == ["cancelled", "blocked"]
