"""Another attempt waits where somebody was at fault, in PENDING until `not_before`, and comes at once where nobody was."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings as limits
from django.core.exceptions import ImproperlyConfigured

from chimera import env
from chimera.flows.lapse_leases import cancel_overdue, lapse_leases, return_lease
from chimera.kernel import clock
from chimera.kernel.errors import Refused
from chimera.kernel.eventlog import Event
from swarm import dispatch
from swarm.consumers import frames
from swarm.models import Task
from tests.cast import Caller, Said, Stage
from tests.kernel.log import running
from tests.processes.proc import until

Settle = Callable[[], None]
BASE = 2.0  # seconds, as an installation has it
CLOCK_SECONDS = 2.0  # a step of the clock lapses, another queues; each comes by once a second


@pytest.fixture(autouse=True)
def as_served(settings: Any) -> None:
    """In the other tests nobody waits."""
    settings.RETRY_BASE_SECONDS = BASE


def later(seconds: float) -> Any:
    return clock.held(clock.now() + timedelta(seconds=seconds))


def claimed(stage: Stage, settle: Settle, **task: Any) -> dict[str, Any]:
    stage.task(stage.session(), **task)
    settle()
    (claim,) = stage.ada.claim()
    return claim


def failing(who: Caller, claim: dict[str, Any], **error: Any) -> Said:
    said = {"code": "rate_limited", "message": "Too many requests.", "retryable": True} | error
    body = {"lease_token": claim["lease_token"], "status": "failed", "error": said}
    return who.post(f"tasks/{claim['task']['id']}/result", body)


def row(stage: Stage, claim: dict[str, Any]) -> Task:
    with stage.bound():
        found: Task = Task.objects.get(pk=claim["task"]["id"])
        return found


def waits(stage: Stage, claim: dict[str, Any]) -> float:
    """Seconds from now until the task may run again; it is not in the queue."""
    task = row(stage, claim)
    assert task.status == "pending"
    assert (task.lease_token, task.queued_at) == (None, None)
    assert task.not_before is not None
    return (task.not_before - clock.now()).total_seconds()


def lose(stage: Stage, claim: dict[str, Any]) -> None:
    """Its agent's connection breaks."""
    held = row(stage, claim)
    assert held.lease_expires_at is not None
    with stage.bound():
        return_lease(held.pk, UUID(claim["lease_token"]), held.lease_expires_at)


# ------------------------------------------------------------------ errors


def test_a_retryable_error_waits_before_the_next_attempt(acme: Stage, settle: Settle) -> None:
    claim = claimed(acme, settle)
    with clock.held(clock.now()):
        assert failing(acme.ada, claim).ok()["outcome"] == "retrying"
        wait = waits(acme, claim)
        assert BASE / 2 <= wait <= BASE
        settle()
        dispatch.queue_due()
        assert (acme.ada.claim(), row(acme, claim).status) == ([], "pending")
        with later(wait):
            dispatch.queue_due()
            (again,) = acme.bob.claim()
    assert (again["task"]["id"], again["attempt"]) == (claim["task"]["id"], 2)


def test_what_is_told_of_it_says_until_when_it_waits(acme: Stage, settle: Settle) -> None:
    claim = claimed(acme, settle)
    failing(acme.ada, claim).ok()
    with acme.bound():
        told = Event.objects.get(type="swarm.task.requeued.v1").payload
    assert (told["status"], told["code"]) == ("pending", "rate_limited")
    assert datetime.fromisoformat(told["not_before"]) == row(acme, claim).not_before


def test_each_further_wait_is_longer_and_the_last_attempt_is_the_last(acme: Stage, settle: Settle) -> None:
    claim = claimed(acme, settle, max_attempts=4)
    at = clock.now()
    for attempt in (1, 2, 3):
        with clock.held(at):
            failing(acme.ada, claim).ok()
            wait = waits(acme, claim)
            assert BASE * 2 ** (attempt - 1) / 2 <= wait <= BASE * 2 ** (attempt - 1)
        at += timedelta(seconds=wait)
        with clock.held(at):
            dispatch.queue_due()
            (claim,) = acme.ada.claim()
    with clock.held(at):
        assert failing(acme.ada, claim).ok()["outcome"] == "failed"
        assert row(acme, claim).status == "failed"


def test_an_error_that_is_not_retryable_is_the_end(acme: Stage, settle: Settle) -> None:
    claim = claimed(acme, settle)
    assert failing(acme.ada, claim, retryable=False).ok()["outcome"] == "failed"


def test_an_agent_that_was_told_when_to_come_again_is_heeded(acme: Stage, settle: Settle) -> None:
    claim = claimed(acme, settle)
    with clock.held(clock.now()):
        failing(acme.ada, claim, retry_after_seconds=600).ok()
        assert 600 <= waits(acme, claim) <= 600 + BASE
        (result,) = acme.pia.get(f"tasks/{claim['task']['id']}").ok()["results"]
    assert result["error"]["retry_after_seconds"] == 600


@pytest.mark.parametrize("odd", [-1, limits.RETRY_AFTER_SECONDS_MAX + 1, 1.5, "5", True])
def test_an_odd_wait_is_refused_at_both_doors(acme: Stage, settle: Settle, odd: Any) -> None:
    claim = claimed(acme, settle)
    failing(acme.ada, claim, retry_after_seconds=odd).refused(422, "invalid")
    with pytest.raises(Refused):
        frames.read(frame(claim, retry_after_seconds=odd))


def test_the_socket_reads_the_same_wait(acme: Stage, settle: Settle) -> None:
    said = frames.read(frame(claimed(acme, settle), retry_after_seconds=600))
    assert isinstance(said, frames.Result)
    assert said.error is not None
    assert said.error.retry_after_seconds == 600


def frame(claim: dict[str, Any], **error: Any) -> dict[str, Any]:
    return {
        "kind": "result",
        "task": claim["task"]["id"],
        "lease_token": claim["lease_token"],
        "status": "failed",
        "error": {"code": "rate_limited", "message": "", "retryable": True} | error,
    }


def test_an_attempt_that_could_begin_only_after_the_deadline_is_not_waited_for(acme: Stage, settle: Settle) -> None:
    claim = claimed(acme, settle, deadline_at=(clock.now() + timedelta(seconds=30)).isoformat())
    assert failing(acme.ada, claim, retry_after_seconds=60).ok()["outcome"] == "failed"
    seen = row(acme, claim)
    assert (seen.status, (seen.error or {})["code"]) == ("failed", "rate_limited")


def test_a_task_that_waits_for_its_next_attempt_can_be_cancelled_and_its_session_is_not_over(
    acme: Stage, settle: Settle
) -> None:
    claim = claimed(acme, settle)
    failing(acme.ada, claim).ok()
    acme.pia.post(f"sessions/{claim['task']['session']}/complete").refused(409, "tasks_open")
    assert acme.pia.post(f"tasks/{claim['task']['id']}/cancel").ok()["status"] == "cancelled"


def test_a_task_whose_deadline_comes_while_it_waits_is_cancelled(acme: Stage, settle: Settle) -> None:
    claim = claimed(acme, settle, deadline_at=(clock.now() + timedelta(seconds=30)).isoformat())
    failing(acme.ada, claim).ok()
    with later(31):
        dispatch.queue_due()
        assert acme.ada.claim() == []
        assert cancel_overdue() == 1
    assert row(acme, claim).status == "cancelled"


def test_without_a_base_nobody_waits(acme: Stage, settle: Settle, settings: Any) -> None:
    settings.RETRY_BASE_SECONDS = 0
    claim = claimed(acme, settle)
    failing(acme.ada, claim).ok()
    assert row(acme, claim).status == "queued"


@pytest.mark.parametrize("odd", ["-1", "61", "soon", "nan"])
def test_an_odd_base_stops_the_start(monkeypatch: pytest.MonkeyPatch, odd: str) -> None:
    monkeypatch.setenv("CHIMERA_RETRY_BASE_SECONDS", odd)
    with pytest.raises(ImproperlyConfigured, match="CHIMERA_RETRY_BASE_SECONDS"):
        env.seconds("CHIMERA_RETRY_BASE_SECONDS", 2, most=60)


# ------------------------------------------------------------------ lapses and lost connections


def test_a_lapsed_lease_waits_too(acme: Stage, settle: Settle) -> None:
    claim = claimed(acme, settle)
    with later(limits.LEASE.total_seconds() + 1):
        assert lapse_leases() == 1
        assert BASE / 2 <= waits(acme, claim) <= BASE
        assert (row(acme, claim).error or {})["code"] == "lease_lapsed"


def test_a_connection_that_is_lost_once_costs_no_wait(acme: Stage, settle: Settle) -> None:
    claim = claimed(acme, settle)
    lose(acme, claim)
    settle()
    (again,) = acme.bob.claim()
    assert (again["task"]["id"], again["attempt"]) == (claim["task"]["id"], 2)


def test_a_task_that_loses_its_agent_twice_running_waits(acme: Stage, settle: Settle) -> None:
    claim = claimed(acme, settle, max_attempts=4)
    lose(acme, claim)
    settle()
    (second,) = acme.ada.claim()
    with clock.held(clock.now()):
        lose(acme, second)
        wait = waits(acme, second)
        assert BASE <= wait <= BASE * 2
    with later(wait):
        dispatch.queue_due()
        (third,) = acme.ada.claim()
        failing(acme.ada, third).ok()
        wait = waits(acme, third)
    with later(3 * wait):
        dispatch.queue_due()
        (fourth,) = acme.ada.claim()
        lose(acme, fourth)
    assert row(acme, fourth).status == "failed", "it was its last attempt"


def test_a_loss_after_another_fault_is_a_first_loss(acme: Stage, settle: Settle) -> None:
    claim = claimed(acme, settle)
    failing(acme.ada, claim).ok()
    with later(BASE):
        dispatch.queue_due()
        (again,) = acme.ada.claim()
        lose(acme, again)
    assert row(acme, again).status == "queued"


def test_what_is_sent_back_is_queued_at_once(acme: Stage, settle: Settle) -> None:
    claim = claimed(acme, settle)
    assert acme.ada.finish(claim, confidence=0.2).ok()["outcome"] == "retrying"
    assert row(acme, claim).status == "queued"


def test_a_stale_result_is_queued_at_once_and_uses_up_no_attempt(acme: Stage, settle: Settle) -> None:
    claim = claimed(acme, settle)
    acme.pia.patch(f"sessions/{claim['task']['session']}", {"context": {"tone": "calm"}}).ok()
    assert acme.ada.finish(claim).ok()["outcome"] == "stale"
    assert (row(acme, claim).status, row(acme, claim).attempt_count) == ("queued", 0)


def test_what_a_killed_agent_held_is_queued_at_once(acme: Stage, settle: Settle) -> None:
    claim = claimed(acme, settle)
    acme.otto.post(f"agents/{acme.ada.id}/kill", {"reason": "astray"}).ok()
    assert row(acme, claim).status == "queued"


def test_a_silent_agents_task_runs_elsewhere_within_the_lease_and_five_seconds(acme: Stage, settings: Any) -> None:
    settings.LEASE = timedelta(seconds=2)
    with running("redis", "clock"):
        acme.task(acme.session())
        (claim,) = until(acme.ada.claim)
        taken = row(acme, claim).started_at
        (again,) = until(acme.bob.claim)
        begun = row(acme, again).started_at
    assert taken is not None
    assert begun is not None
    assert settings.LEASE < begun - taken < settings.LEASE + timedelta(seconds=BASE + CLOCK_SECONDS + 1)
