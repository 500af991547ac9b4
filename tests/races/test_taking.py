"""Two reviewers empty one queue: no card is given to both. With the guard off it is, so the test can see it."""

import threading
from uuid import UUID

import pytest

from chimera.flows.claim_next import claim_next
from chimera.kernel.identity import Role
from safety.actions import taking
from safety.models import ReviewCard
from tests.cast import Caller, Stage
from tests.races.threads import PATIENCE_SECONDS, at_once
from tests.safety.piles import rows

CARDS = 200
ROLES = frozenset({Role.REVIEWER})


def empty(acme: Stage, who: Caller) -> list[UUID]:
    """Take until nothing is left."""
    taken: list[UUID] = []
    while True:
        with acme.bound():
            card = claim_next(roles=ROLES, by=who.actor)
        if card is None:
            return taken
        taken.append(card.pk)


@pytest.fixture(autouse=True)
def room_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "CLAIMS_MAX", CARDS + 1)


def test_two_reviewers_who_empty_a_queue_never_get_the_same_card(acme: Stage) -> None:
    cards = rows(acme, CARDS)
    rita, boss = at_once([lambda: empty(acme, acme.rita), lambda: empty(acme, acme.boss)])
    assert isinstance(rita, list), rita
    assert isinstance(boss, list), boss
    assert len(rita) + len(boss) == CARDS
    assert {*rita, *boss} == cards
    assert rita
    assert boss


def test_control_without_its_lock_both_are_given_the_same(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    rows(acme, 1)
    both_have_seen = threading.Barrier(2)

    def unlocked(cards: list[ReviewCard], *, by: object) -> ReviewCard:
        found = ReviewCard.objects.get(pk=cards[0].pk)
        both_have_seen.wait(PATIENCE_SECONDS)
        taking.claim(card=found, by=by)  # type: ignore[arg-type]
        return found

    monkeypatch.setattr(taking, "take_first", unlocked)

    def once(who: Caller) -> UUID | None:
        with acme.bound():
            card = claim_next(roles=ROLES, by=who.actor)
            return card.pk if card else None

    first, second = at_once([lambda: once(acme.rita), lambda: once(acme.boss)])
    assert first == second is not None
