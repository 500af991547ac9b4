"""`not_before`, `deadline_at` and `timeout_seconds`: nothing begins early, and nothing goes on when its time is over."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as limits

from chimera.flows.lapse_leases import cancel_overdue, lapse_leases
from chimera.kernel import clock
from swarm import dispatch
from tests.cast import Stage
from tests.kernel.log import running
from tests.processes.proc import until

Settle = Callable[[], None]
LATE_SECONDS = 2.0  # the clock comes by once a second


def later(seconds: float) -> Any:
    return clock.held(clock.now() + timedelta(seconds=seconds))


def ahead(seconds: float) -> str:
    return (clock.now() + timedelta(seconds=seconds)).isoformat()


def claimed(stage: Stage, settle: Settle, **task: Any) -> dict[str, Any]:
    stage.task(stage.session(), **task)
    settle()
    (claim,) = stage.ada.claim()
    return claim


def shown(stage: Stage, claim: dict[str, Any]) -> tuple[str, str]:
    task = stage.pia.get(f"tasks/{claim['task']['id']}").ok()
    return task["status"], (task["error"] or {}).get("code", "")


def lease_seconds(claim: dict[str, Any]) -> float:
    until_ = datetime.fromisoformat(claim["lease_expires_at"])
    return (until_ - datetime.fromisoformat(claim["task"]["started_at"])).total_seconds()


# ------------------------------------------------------------------ timeout


def test_a_lease_is_no_longer_than_the_timeout_and_a_beat_does_not_stretch_it(acme: Stage, settle: Settle) -> None:
    claim = claimed(acme, settle, timeout_seconds=10)
    assert lease_seconds(claim) == pytest.approx(10, abs=0.001)
    with later(8):
        beat = acme.ada.post(f"tasks/{claim['task']['id']}/heartbeat", {"lease_token": claim["lease_token"]}).ok()
    assert beat["lease_expires_at"] == claim["lease_expires_at"]


def test_a_timeout_longer_than_a_lease_lets_it_be_renewed_and_ends_it_all_the_same(acme: Stage, settle: Settle) -> None:
    lease = limits.LEASE.total_seconds()
    claim = claimed(acme, settle, timeout_seconds=int(lease * 1.5), max_attempts=1)
    body = {"lease_token": claim["lease_token"]}
    with later(lease * 0.8):
        acme.ada.post(f"tasks/{claim['task']['id']}/heartbeat", body).ok()
        assert lapse_leases() == 0
    with later(lease * 1.4):
        acme.ada.post(f"tasks/{claim['task']['id']}/heartbeat", body).ok()
    with later(lease * 1.5 + 0.1):
        acme.ada.finish(claim).refused(409, "stale_lease")
        assert lapse_leases() == 1
    assert shown(acme, claim) == ("failed", "timeout")


def test_a_timeout_counts_anew_with_each_attempt(acme: Stage, settle: Settle) -> None:
    claimed(acme, settle, timeout_seconds=10, max_attempts=2)
    with later(11):
        assert lapse_leases() == 1
        settle()
        (again,) = acme.ada.claim()
        assert (again["attempt"], again["task"]["error"]["code"]) == (2, "timeout")
        assert lease_seconds(again) == pytest.approx(10, abs=0.001)
        assert lapse_leases() == 0
    with later(22):
        lapse_leases()
    assert shown(acme, again) == ("failed", "timeout")


def test_a_running_clock_ends_a_task_soon_after_its_timeout(acme: Stage) -> None:
    with running("redis", "clock"):
        acme.task(acme.session(), timeout_seconds=1, max_attempts=1)
        (claim,) = until(acme.ada.claim)
        until(lambda: shown(acme, claim) == ("failed", "timeout"))
        task = acme.pia.get(f"tasks/{claim['task']['id']}").ok()
    ran = datetime.fromisoformat(task["completed_at"]) - datetime.fromisoformat(task["started_at"])
    assert 1 <= ran.total_seconds() < 1 + LATE_SECONDS


def test_a_timeout_that_is_no_length_of_time_is_refused(acme: Stage) -> None:
    body = {"session": acme.session()["id"], "type": "x", "input_payload": {}}
    for odd in (0, -1, 604_801, "10", 1.5):
        acme.pia.post("tasks", body | {"timeout_seconds": odd}).refused(422, "invalid")


# ------------------------------------------------------------------ deadline


def test_a_lease_ends_with_the_deadline_and_the_task_has_failed(acme: Stage, settle: Settle) -> None:
    claim = claimed(acme, settle, deadline_at=ahead(20), max_attempts=5)
    assert lease_seconds(claim) == pytest.approx(20, abs=5)
    with later(21):
        acme.ada.finish(claim).refused(409, "stale_lease")
        assert lapse_leases() == 1
    assert shown(acme, claim) == ("failed", "deadline_exceeded")


def test_of_timeout_and_deadline_the_earlier_ends_it(acme: Stage, settle: Settle) -> None:
    claim = claimed(acme, settle, deadline_at=ahead(40), timeout_seconds=10, max_attempts=1)
    assert lease_seconds(claim) == pytest.approx(10, abs=0.001)
    with later(11):
        lapse_leases()
    assert shown(acme, claim) == ("failed", "timeout")


@pytest.mark.parametrize("status", ["pending", "queued"])
def test_a_deadline_that_passes_before_anybody_took_it_cancels_it_and_what_waits_for_it(
    acme: Stage, settle: Settle, status: str
) -> None:
    session = acme.session()
    more = {"depends_on": [acme.task(session)["id"]]} if status == "pending" else {}
    task = acme.task(session, deadline_at=ahead(20), **more)["id"]
    waiting = acme.task(session, depends_on=[task])["id"]
    settle()
    assert acme.pia.get(f"tasks/{task}").ok()["status"] == status
    assert cancel_overdue() == 0
    with later(21):
        assert task not in [claim["task"]["id"] for claim in acme.ada.claim(5)]
        assert cancel_overdue() == 1
        settle()
    assert {acme.pia.get(f"tasks/{i}").ok()["status"] for i in (task, waiting)} == {"cancelled"}


def test_a_running_clock_cancels_what_is_overdue(acme: Stage) -> None:
    with running("redis", "clock"):
        task = acme.task(acme.session(), deadline_at=ahead(1))["id"]
        until(lambda: acme.pia.get(f"tasks/{task}").ok()["status"] == "cancelled")
        ended = acme.pia.get(f"tasks/{task}").ok()
    late = datetime.fromisoformat(ended["completed_at"]) - datetime.fromisoformat(ended["deadline_at"])
    assert 0 <= late.total_seconds() < LATE_SECONDS


def test_a_deadline_in_the_past_or_before_not_before_is_refused(acme: Stage) -> None:
    body = {"session": acme.session()["id"], "type": "x", "input_payload": {}}
    acme.pia.post("tasks", body | {"deadline_at": ahead(-1)}).refused(422, "invalid")
    acme.pia.post("tasks", body | {"deadline_at": ahead(10), "not_before": ahead(11)}).refused(422, "invalid")


# ------------------------------------------------------------------ not before


def test_nothing_begins_before_its_time_whoever_asks(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    task = acme.task(session, not_before=ahead(30), type="early")["id"]
    settle()
    dispatch.queue_due()
    dispatch.restock()
    assert acme.ada.claim(5) == []
    assert acme.ada.claim(5, types=["early"]) == []
    assert acme.pia.get(f"tasks/{task}").ok()["status"] == "pending"


def test_what_waited_for_others_still_waits_for_its_time(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    first = acme.task(session)["id"]
    second = acme.task(session, depends_on=[first], not_before=ahead(30))["id"]
    settle()
    acme.ada.finish(acme.ada.claim()[0]).ok()
    settle()
    dispatch.queue_due()
    assert acme.ada.claim() == []
    with later(31):
        dispatch.queue_due()
        assert [claim["task"]["id"] for claim in acme.ada.claim()] == [second]


def test_a_running_clock_hands_it_out_when_its_time_has_come(acme: Stage) -> None:
    with running("redis", "clock"):
        acme.task(acme.session(), not_before=ahead(1))
        (claim,) = until(acme.ada.claim)
    late = datetime.fromisoformat(claim["task"]["queued_at"]) - datetime.fromisoformat(claim["task"]["not_before"])
    assert 0 <= late.total_seconds() < LATE_SECONDS
