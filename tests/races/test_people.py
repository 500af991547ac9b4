"""At the door and among its keepers, at the same moment: one admin stays, attempts are counted, a code works once."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db.models import QuerySet

from chimera.kernel import clock
from chimera.kernel.entrance import attempts, second_factor
from chimera.kernel.entrance.attempts import What
from chimera.kernel.errors import Refused
from chimera.kernel.identity import Role
from swarm.actions import people, tenants
from swarm.models import Membership
from tests.cast import Caller, Stage
from tests.races.threads import PATIENCE_SECONDS, InBackground, at_once, held_after, wait_for_waiters

GUESSES = 8


@pytest.fixture
def two_admins(acme: Stage) -> list[tuple[Any, Caller]]:
    """(membership, the other one) of Boss and Rita."""
    with acme.bound():
        tenants.add_member(user=get_user_model().objects.get(pk=acme.rita.id), roles={Role.ADMIN, Role.REVIEWER})
        rows = {str(row.user_id): row.pk for row in Membership.objects.all()}
    return [(rows[acme.boss.id], acme.rita), (rows[acme.rita.id], acme.boss)]


def switch_off(stage: Stage, member_id: Any, by: Caller) -> None:
    with stage.bound():
        people.disable(member_id=member_id, reason="quarrel", by=by.actor)


def admins_left(stage: Stage) -> int:
    with stage.bound():
        return int(Membership.objects.filter(roles__contains=[Role.ADMIN], disabled_at=None).count())


def test_two_admins_who_switch_each_other_off_come_one_after_the_other(
    acme: Stage, two_admins: list[tuple[Any, Caller]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with held_after(monkeypatch, people, "_check_not_last_admin") as hold:
        first = InBackground(lambda: switch_off(acme, *two_admins[0]))
        hold.wait_reached()
        second = InBackground(lambda: switch_off(acme, *two_admins[1]))
        wait_for_waiters(asking="swarm_membership")
    assert first.answer() is None
    refusal = second.answer()
    assert isinstance(refusal, Refused)
    assert (refusal.code, admins_left(acme)) == ("last_admin", 1)


def test_control_whoever_holds_only_the_one_row_leaves_no_admin(
    acme: Stage, two_admins: list[tuple[Any, Caller]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def only_this(member_id: Any) -> Membership:
        found: Membership = Membership.objects.select_related("user").select_for_update(of=("self",)).get(pk=member_id)
        return found

    monkeypatch.setattr(people, "_hold", only_this)
    with held_after(monkeypatch, people, "_check_not_last_admin") as hold:
        first = InBackground(lambda: switch_off(acme, *two_admins[0]))
        hold.wait_reached()
        assert InBackground(lambda: switch_off(acme, *two_admins[1])).answer() is None
    assert first.answer() is None
    assert admins_left(acme) == 0


def guess() -> Any:
    return attempts.begin(name="rita", address="", what=What.CODE, user_id=None)


def together(original: Callable[..., Any], number: int) -> Callable[..., Any]:
    """The same, once so many have come so far; each thread waits the first time only."""
    barrier, mine = threading.Barrier(number), threading.local()

    def called(*args: Any, **kwargs: Any) -> Any:
        found = original(*args, **kwargs)
        if not hasattr(mine, "waited"):
            mine.waited = True
            barrier.wait(PATIENCE_SECONDS)
        return found

    return called


@pytest.mark.usefixtures("db")
def test_guesses_at_once_are_counted_one_by_one() -> None:
    said = at_once([guess] * GUESSES)
    assert sum(isinstance(one, attempts.TooMany) for one in said) == GUESSES - attempts.CODES_OF_NAME_MAX


@pytest.mark.usefixtures("db")
def test_control_without_the_names_lock_all_are_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts.advisory, "hold", lambda name: None)
    monkeypatch.setattr(attempts, "_left", together(attempts._left, GUESSES))
    said = at_once([guess] * GUESSES)
    assert not any(isinstance(one, Exception) for one in said)


@pytest.fixture
def code(acme: Stage) -> tuple[Any, str]:
    """Rita, and the code that her phone shows."""
    rita, secret = get_user_model().objects.get(pk=acme.rita.id), second_factor.new_secret()
    with clock.held(clock.now() - timedelta(minutes=5)):
        second_factor.set_up(rita, secret, second_factor.code_at(secret, second_factor.step_now()))
    return rita, second_factor.code_at(secret, second_factor.step_now())


def test_a_code_that_is_sent_twice_at_once_works_once(code: tuple[Any, str]) -> None:
    said = at_once([lambda: second_factor.check(*code)] * 2)
    assert sorted(map(str, said)) == ["None", "totp"]


def test_control_without_the_rows_lock_it_works_twice(code: tuple[Any, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **how: rows.all())
    monkeypatch.setattr(second_factor, "_step_of", together(second_factor._step_of, 2))
    assert at_once([lambda: second_factor.check(*code)] * 2) == ["totp", "totp"]
