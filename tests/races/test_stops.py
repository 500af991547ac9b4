"""A tenant is stopped while its agents are at it: whoever had read before the stop was first, everybody else is refused."""

from collections.abc import Callable
from typing import Any

import pytest

from chimera.flows import stop_tenant
from chimera.kernel.eventlog import Event
from commerce.models import SpendWindow, Transaction
from swarm.actions import completing, houses, listed, stops, tasks
from swarm.models import Stop, Task
from swarm.queries import ACCEPTS
from tests.cast import Stage
from tests.lanes import settle
from tests.races.aftermath import bring_back, log_and_cursors
from tests.races.dying import at_every_line
from tests.races.threads import InBackground, at_once, held_after, wait_for_waiters

WHY = {"reason": "the swarm runs away"}


@pytest.fixture
def held(acme: Stage) -> Callable[[], dict[str, Any]]:
    """Makes claims of Ada, each with a hold of one dollar."""
    acme.budget(day_usd="1000")
    session = acme.session()

    def make() -> dict[str, Any]:
        acme.task(session)
        settle()
        bring_back()
        (claim,) = acme.ada.claim()
        acme.ada.spend(claim, "1").ok(201)
        return claim

    return make


def stopped(acme: Stage) -> InBackground:
    return InBackground(lambda: acme.otto.post("tenant/stop", WHY))


def stands(acme: Stage) -> tuple[str, str]:
    with acme.bound():
        return Task.objects.get().status, Transaction.objects.get().status


def test_a_result_that_had_read_before_the_stop_was_first_and_the_sweep_waits_for_it(
    acme: Stage, held: Callable[[], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = held()
    with held_after(monkeypatch, tasks, "complete") as hold:
        result = InBackground(lambda: acme.ada.finish(claim))
        hold.wait_reached()
        stop = stopped(acme)
        wait_for_waiters()
        hold.release()
        assert result.answer().ok()["outcome"] == "completed"
        stop.answer().ok()
    assert stands(acme) == ("completed", "captured")


def test_a_result_that_waited_for_the_sweep_is_stale(
    acme: Stage, held: Callable[[], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = held()
    with held_after(monkeypatch, tasks, "revoke_all") as hold:
        stop = stopped(acme)
        hold.wait_reached()
        result = InBackground(lambda: acme.ada.finish(claim))
        wait_for_waiters()
        hold.release()
        stop.answer().ok()
        result.answer().refused(409, "stale_lease")
    assert stands(acme) == ("queued", "voided")


@pytest.mark.parametrize("guarded", [False, True])
def test_a_claim_that_slipped_in_is_worth_nothing_and_the_clock_takes_it_away(
    acme: Stage, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """Without the guard of each write, what it was handed can be finished long after the stop was answered."""
    acme.task(acme.session())
    settle()
    with held_after(monkeypatch, listed, "take") as hold:
        slipped = InBackground(acme.ada.claim)
        hold.wait_reached()
        stopped(acme).answer().ok()
        hold.release()
        (claim,) = slipped.answer()
    if not guarded:
        monkeypatch.setattr(completing, "_COMPLETE", completing._COMPLETE.replace(ACCEPTS, "true"))
        blind = houses._SESSIONS.replace("WHERE lifted_at IS NULL ORDER", "WHERE false ORDER")
        monkeypatch.setattr(houses, "_SESSIONS", blind)
        assert acme.ada.finish(claim).ok()["outcome"] == "completed"
        return
    acme.ada.finish(claim).refused(409, "stale_lease")
    assert stop_tenant.revoke_stopped() == 1
    with acme.bound():
        assert Task.objects.get().status == "queued"


def test_of_two_who_stop_it_at_once_one_does(acme: Stage) -> None:
    said = at_once([lambda: acme.otto.post("tenant/stop", WHY), lambda: acme.boss.post("tenant/stop", WHY)])
    assert sorted(one.status for one in said) == [200, 409]
    with acme.bound():
        assert Stop.objects.count() == Event.objects.filter(type="swarm.tenant.stopped.v1").count() == 1


def test_without_the_lock_by_name_the_index_lets_one_alone_act(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stops.advisory, "hold", lambda name: None)
    with held_after(monkeypatch, stops, "_tell") as hold:
        first = stopped(acme)
        hold.wait_reached()
        second = stopped(acme)
        wait_for_waiters()
        hold.release()
        first.answer().ok()
        assert second.answer().status != 200
    with acme.bound():
        assert Stop.objects.acting().count() == 1


@pytest.mark.slow
def test_a_process_that_dies_while_it_stops_a_tenant_has_stopped_it_or_has_not(
    acme: Stage, held: Callable[[], dict[str, Any]]
) -> None:
    def judge(claim: dict[str, Any]) -> None:
        with acme.bound():
            acts = Stop.objects.acting().exists()
        if not acts:
            acme.otto.post("tenant/stop", WHY).ok()
        acme.ada.finish(claim).refused(409, "stale_lease")
        stop_tenant.revoke_stopped()
        with acme.bound():
            task = Task.objects.get(pk=claim["task"]["id"])
            assert (task.status, task.attempt_count) == ("queued", 0)
            assert Transaction.objects.get(task_id=task.pk).status == "voided"
            assert {window.held_usd for window in SpendWindow.objects.all()} == {0}
        acme.otto.post("tenant/resume", WHY).ok()
        settle()
        (again,) = acme.ada.claim()
        assert again["task"]["id"] == claim["task"]["id"]
        acme.ada.finish(again).ok()

    deaths = at_every_line(held, lambda _: acme.otto.post("tenant/stop", WHY).ok(), judge, mark=log_and_cursors)
    assert deaths > 10
