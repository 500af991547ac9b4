"""What changes between the finding and the changing is reported, and the others go on."""

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from chimera.flows import bulk_tasks, grouping
from chimera.flows.bulk_tasks import BulkVerb, change_each, change_matching
from chimera.kernel import clock
from swarm.models import Task
from swarm.selection import TaskFilter
from swarm.states import TaskStatus
from tests import cluster
from tests.cast import Stage
from tests.races.threads import InBackground, held_after
from tests.swarm.letters import failed, many, statuses

Settle = Callable[[], None]


def bulk(stage: Stage, verb: BulkVerb, task_ids: list[str]) -> bulk_tasks.Outcome:
    return change_each(
        tenant_id=stage.tenant_id, verb=verb, task_ids=[UUID(t) for t in task_ids], by=stage.otto.actor, reason=""
    )


def test_a_task_that_ended_meanwhile_is_reported_and_the_others_go_on(acme: Stage, settle: Settle) -> None:
    made = many(acme, acme.session()["id"], 3)
    settle()
    claims = {c["task"]["id"]: c for c in acme.ada.claim(3)}
    acme.ada.finish(claims[made[1]]).ok()  # after it was found, before its turn
    outcome = bulk(acme, BulkVerb.CANCEL, made)
    assert (outcome.matched, outcome.changed) == (3, 2)
    assert [(str(f.task), f.code) for f in outcome.failed] == [(made[1], "task_completed")]
    assert statuses(acme) == {"cancelled": 2, "completed": 1}


def test_a_task_that_failed_meanwhile_is_not_dropped_by_a_cancel(acme: Stage) -> None:
    letters = failed(acme, acme.session()["id"], 1)
    assert [f.code for f in bulk(acme, BulkVerb.CANCEL, letters).failed] == ["task_failed"]
    assert statuses(acme) == {"failed": 1}


def test_a_dead_letter_that_was_retried_meanwhile_is_neither_dropped_nor_retried_again(acme: Stage) -> None:
    letters = failed(acme, acme.session()["id"], 2)
    acme.otto.post(f"tasks/{letters[0]}/retry").ok()
    for verb in (BulkVerb.DROP, BulkVerb.RETRY):
        outcome = bulk(acme, verb, letters[:1])
        assert [f.code for f in outcome.failed] == ["task_queued"]
    assert statuses(acme) == {"queued": 1, "failed": 1}


def test_a_task_that_is_gone_is_reported(acme: Stage) -> None:
    assert [f.code for f in bulk(acme, BulkVerb.CANCEL, [str(uuid4())]).failed] == ["not_found"]


def _cancel_while_the_second_finishes(
    acme: Stage, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> tuple[bulk_tasks.Outcome, list[str]]:
    """The bulk stands still after the first task, its list in hand, while the agent hands in the second's result."""
    session = acme.session()["id"]
    made = many(acme, session, 2)
    settle()
    claims = {c["task"]["id"]: c for c in acme.ada.claim(2)}
    chosen = TaskFilter(session=UUID(session))
    monkeypatch.setattr(grouping, "TOGETHER_MAX", 1)
    with held_after(monkeypatch, grouping, "together") as hold:
        going = InBackground(
            lambda: change_matching(
                tenant_id=acme.tenant_id, verb=BulkVerb.CANCEL, chosen=chosen, by=acme.otto.actor, reason=""
            )
        )
        hold.wait_reached()
        assert acme.ada.finish(claims[made[1]]).ok()["outcome"] == "completed"
        hold.release()
        outcome = going.answer()
    assert isinstance(outcome, bulk_tasks.Outcome), outcome
    return outcome, made


def test_a_result_that_comes_between_finding_and_cancelling_wins(
    acme: Stage, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome, made = _cancel_while_the_second_finishes(acme, settle, monkeypatch)
    assert [(str(f.task), f.code) for f in outcome.failed] == [(made[1], "task_completed")]
    assert statuses(acme) == {"cancelled": 1, "completed": 1}


def test_control_without_the_guards_a_completed_task_is_cancelled(
    acme: Stage, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unguarded(*, task_id: UUID, reason: str, by: Any) -> None:
        Task.objects.filter(pk=task_id).update(
            status=TaskStatus.CANCELLED, completed_at=clock.now(), lease_token=None, lease_expires_at=None
        )

    monkeypatch.setattr(bulk_tasks, "_check_still", lambda task_id, statuses: None)
    monkeypatch.setattr(bulk_tasks, "cancel_many", lambda task_ids, **said: set())
    monkeypatch.setattr(bulk_tasks, "cancel_task", unguarded)
    outcome, _ = _cancel_while_the_second_finishes(acme, settle, monkeypatch)
    assert outcome.failed == []
    assert statuses(acme) == {"cancelled": 2}


def test_a_task_that_somebody_holds_is_reported_as_busy_and_the_others_go_on(acme: Stage, settings: Any) -> None:
    made = many(acme, acme.session()["id"], 3)
    with psycopg.connect(cluster.postgres.urls.superuser) as elsewhere:
        elsewhere.execute("SELECT 1 FROM swarm_task WHERE id = %s FOR UPDATE", [made[0]])
        begun = time.monotonic()
        said = acme.otto.post("tasks/cancel", {"filter": {"type": "research"}}).ok()
        assert time.monotonic() - begun >= settings.LOCK_TIMEOUT_MS / 1000
    assert (said["changed"], [(f["task"], f["code"]) for f in said["failed"]]) == (2, [(made[0], "busy")])
    assert acme.otto.post("tasks/cancel", {"filter": {"type": "research"}}).ok()["changed"] == 1
