"""Windows are locked in one round: who settles money of two days never waits in a circle with who settles that of the first.

The first has the windows of today, or the total's, and wants those of yesterday; the second has those of yesterday, and wants the total's.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from chimera.flows import finish_task as finishing
from chimera.kernel import clock
from chimera.kernel.actors import Actor
from commerce import actions as commerce
from commerce.actions import keeping, metering
from commerce.models import Transaction
from tests.cast import Caller, Said, Stage
from tests.commerce.books import at_work, check_books
from tests.commerce.test_calendar import leased_until
from tests.lanes import settle
from tests.races.threads import InBackground, held_after, wait_for_waiters

SECOND = timedelta(seconds=1)
ZONE = "Europe/Lisbon"
Play = Callable[[], tuple[Any, Any]]


@pytest.fixture
def midnight() -> datetime:
    return clock.day_bounds(ZONE, clock.day_in(ZONE))[1]


@pytest.fixture
def bobs(acme: Stage, midnight: datetime) -> Callable[[], Said]:
    """Captures a hold of Bob's that was made before midnight, in windows that are the first of all."""
    acme.budget(day_usd="100", approval_threshold_usd="5")
    claim = at_work(acme, acme.bob)
    leased_until(acme, claim, midnight + timedelta(hours=1))
    with clock.held(midnight - SECOND):
        hold = acme.bob.spend(claim, "1").ok(201)["id"]
    body = {"lease_token": claim["lease_token"]}
    return lambda: Caller(acme.bob.secret).post(f"transactions/{hold}/capture", body)


def busy(said: Any) -> bool:
    return isinstance(said, Said) and said.status == 503


# ------------------------------------------------------------------ a result with a cost


@pytest.fixture
def result(
    acme: Stage, midnight: datetime, bobs: Callable[[], Said], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Play]:
    """A result comes after midnight, with a cost and a hold of yesterday, while Bob captures his."""
    claim = at_work(acme)
    leased_until(acme, claim, midnight + timedelta(hours=1))
    with clock.held(midnight - SECOND):
        acme.ada.spend(claim, "1").ok(201)

    def play() -> tuple[Any, Any]:
        with held_after(monkeypatch, finishing, "meter_last") as hold:
            finish = InBackground(lambda: acme.ada.finish(claim, cost_usd="0.10"))
            hold.wait_reached()
            capture = InBackground(bobs)
            wait_for_waiters()
            hold.release()
            return finish.answer(), capture.answer()

    with clock.held(midnight + SECOND):
        yield play


def test_a_result_with_a_cost_and_a_capture_of_yesterday_both_pass(acme: Stage, result: Play) -> None:
    finished, captured = result()
    assert finished.ok()["outcome"] == "completed"
    captured.ok()
    check_books(acme)


def test_control_a_result_that_locks_the_windows_of_its_cost_alone_is_a_deadlock(
    result: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metering, "_settled_with", lambda *args: ())
    finished, captured = result()
    assert busy(finished) != busy(captured)


# ------------------------------------------------------------------ a result of who goes on where another agent spent


@pytest.fixture
def taken_over(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> Play:
    """What Ada's budget holds is given back by Bob's result, which has a cost, while Ada captures something else from the same two budgets."""
    session = acme.session()
    acme.budget(scope="agent", scope_id=acme.ada.id, day_usd="100")
    acme.budget(scope="session", scope_id=session["id"], day_usd="100", approval_threshold_usd="5")
    claim = at_work(acme, session=session)
    other = at_work(acme, session=session)
    hold = acme.ada.spend(other, "1").ok(201)["id"]
    card = acme.ada.spend(claim, "8").ok(202)["review"]
    acme.rita.post(f"reviews/{card}/decision", {"decision": "approve"}).ok()
    settle()
    (again,) = acme.bob.claim()

    def play() -> tuple[Any, Any]:
        with held_after(monkeypatch, finishing, "meter_last") as held:
            finish = InBackground(lambda: acme.bob.finish(again, cost_usd="0.10"))
            held.wait_reached()
            body = {"lease_token": other["lease_token"]}
            capture = InBackground(lambda: Caller(acme.ada.secret).post(f"transactions/{hold}/capture", body))
            wait_for_waiters()
            held.release()
            return finish.answer(), capture.answer()

    return play


def test_a_result_and_a_capture_from_the_budgets_of_two_agents_both_pass(acme: Stage, taken_over: Play) -> None:
    finished, captured = taken_over()
    assert finished.ok()["outcome"] == "completed"
    captured.ok()
    check_books(acme)


def test_control_a_result_that_locks_the_windows_of_its_own_agent_first_is_a_deadlock(
    taken_over: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metering, "_settled_with", lambda *args: ())
    finished, captured = taken_over()
    assert busy(finished) != busy(captured)


# ------------------------------------------------------------------ a claim of two tasks that resume


@pytest.fixture
def claim(acme: Stage, midnight: datetime, bobs: Callable[[], Said], monkeypatch: pytest.MonkeyPatch) -> Iterator[Play]:
    """Two tasks whose meters end as they resume, the one of today claimed first, while Bob captures his."""

    later, sooner = (at_work(acme, priority=priority) for priority in (10, 20))

    def approved(claim: dict[str, Any]) -> None:
        leased_until(acme, claim, midnight + timedelta(hours=1))
        body = {"lease_token": claim["lease_token"], "cost_usd": "0.10"}
        acme.ada.post(f"tasks/{claim['task']['id']}/heartbeat", body).ok()
        card = acme.ada.spend(claim, "8").ok(202)["review"]
        acme.rita.post(f"reviews/{card}/decision", {"decision": "approve"}).ok()

    def play() -> tuple[Any, Any]:
        with held_after(monkeypatch, keeping, "expire") as hold:
            claiming = InBackground(lambda: Caller(acme.ada.secret).claim(2))
            hold.wait_reached()
            capture = InBackground(bobs)
            wait_for_waiters()
            hold.release()
            return claiming.answer(), capture.answer()

    with clock.held(midnight - SECOND):
        approved(later)
    with clock.held(midnight + SECOND):
        approved(sooner)
        settle()
        yield play


def test_a_claim_of_two_that_resume_and_a_capture_of_yesterday_both_pass(acme: Stage, claim: Play) -> None:
    claims, captured = claim()
    assert [one["task"]["priority"] for one in claims] == [20, 10]
    assert [[t["amount_usd"] for t in one["resume"]["transactions"]] for one in claims] == [["8.00"], ["8.00"]]
    captured.ok()
    check_books(acme)


def test_control_a_claim_that_locks_task_by_task_is_a_deadlock(claim: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    together = commerce.rebind

    def one_by_one(leases: dict[UUID, UUID], *, by: Actor) -> dict[UUID, list[Transaction]]:
        kept: dict[UUID, list[Transaction]] = {}
        for task_id, token in leases.items():
            kept |= together({task_id: token}, by=by)
        return kept

    monkeypatch.setattr(commerce, "rebind", one_by_one)
    claims, captured = claim()
    assert isinstance(claims, Exception) != busy(captured)
