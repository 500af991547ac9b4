"""Cancel and block of one task are told in the order in which they happened, whoever began first."""

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from chimera.flows.cancel_task import cancel_task
from chimera.kernel import tenancy
from swarm.actions import tasks
from tests.cast import Stage
from tests.races.threads import PATIENCE_SECONDS, InBackground, held_after, wait_for_waiters

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


def cancel_that_began_first(acme: Stage, claim: dict[str, Any], begin: str, patch: pytest.MonkeyPatch) -> None:
    """The cancel's transaction begins; the spend locks the task; the cancel waits for it; the spend blocks the task."""
    begun, go_on = threading.Event(), threading.Event()

    def cancel() -> None:
        with tenancy.bound(acme.tenant_id), connection.cursor() as cursor:
            cursor.execute(begin)
            begun.set()
            assert go_on.wait(PATIENCE_SECONDS)
            cancel_task(task_id=UUID(claim["task"]["id"]), reason="", by=acme.otto.actor)

    cancelling = InBackground(cancel)
    assert begun.wait(PATIENCE_SECONDS)
    with held_after(patch, tasks, "lock") as hold:
        spend = InBackground(lambda: acme.ada.spend(claim, "40"))
        hold.wait_reached()
        go_on.set()
        wait_for_waiters()
        hold.release()
        spend.answer().ok(202)
    assert cancelling.answer() is None


def test_a_cancel_that_locks_before_it_writes_is_told_after_the_block(
    acme: Stage, claim: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel_that_began_first(acme, claim, "SELECT 1", monkeypatch)
    assert told(acme, claim["task"]["id"]) == ["blocked", "cancelled"]


def test_control_who_writes_before_it_locks_is_told_too_early(
    acme: Stage, claim: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same cancel, with a transaction id from before the wait, as a first write gives it."""
    cancel_that_began_first(acme, claim, "SELECT pg_current_xact_id()", monkeypatch)
    assert told(acme, claim["task"]["id"]) == ["cancelled", "blocked"]
