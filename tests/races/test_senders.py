"""Two senders at the same moment: each message goes to one of them. And a link that two people open at once is one person's."""

import threading
from typing import Any

import pytest

from chimera.kernel import tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.errors import Refused
from chimera.kernel.identity import Role
from safety.actions import deliveries, links
from safety.models import Delivery
from safety.queries import DeliveryQuerySet
from tests.cast import Stage
from tests.races.threads import PATIENCE_SECONDS, InBackground, at_once, held_after
from tests.safety import telling

URL = "https://hooks.example.com/services/house"


@pytest.fixture
def waiting(acme: Stage) -> None:
    """Three messages of two targets, each of which is due."""
    telling.target(acme, URL, name="first")
    telling.card(acme)
    telling.relay()
    telling.target(acme, URL, name="second")
    telling.card(acme)
    telling.relay()


def taken() -> list[Any]:
    with tenancy.system():
        return [row.pk for row in deliveries.take(8)]


def test_what_one_sender_takes_another_does_not(waiting: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with held_after(monkeypatch, deliveries, "_drop") as hold:
        first = InBackground(taken)
        hold.wait_reached()  # it has the rows, and has not said so yet
        assert taken() == []  # nor does the second wait for it
        hold.release()
        assert len(first.answer()) == 3
    assert taken() == []


def test_control_without_the_locks_both_send_everything(
    acme: Stage, waiting: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_have_read = threading.Barrier(2)
    monkeypatch.setattr(DeliveryQuerySet, "select_for_update", lambda rows, **how: rows)
    monkeypatch.setattr(deliveries, "_drop", lambda rows, why: both_have_read.wait(PATIENCE_SECONDS))  # twice each
    first, second = at_once([taken, taken])
    assert sorted(first) == sorted(second)
    assert {row.attempts for row in telling.deliveries(acme)} == {2}


def test_a_link_that_two_open_at_once_is_used_once(acme: Stage, waiting: None) -> None:
    with acme.bound():
        link = links.address_of(Delivery.objects.order_by("pk")[0])
    token = link.rstrip("/").rpartition("/")[2]

    def open_it(who: Actor) -> Any:
        with acme.bound():
            return links.follow(token, roles=frozenset({Role.REVIEWER}), by=who)

    said = at_once([lambda who=who.actor: open_it(who) for who in (acme.rita, acme.boss)])
    refused = [each for each in said if isinstance(each, Refused)]
    assert [each.code for each in refused] == ["link_used"]
    assert len(said) == 2
