"""A decision and its question at the same moment: one of them comes second and sees the other, and the card is decided once."""

import threading
from typing import Any

import pytest

from chimera.flows import decide_early
from safety.actions import early
from safety.models import EarlyDecision, ReviewCard
from tests.cast import Said, Stage
from tests.commerce.books import at_work, check_books, claimed_again
from tests.races.threads import PATIENCE_SECONDS, InBackground, at_once, held_after, wait_for_waiters
from tests.safety.test_early_decisions import KEY, budget, say


@pytest.fixture
def claim(acme: Stage) -> dict[str, Any]:
    budget(acme)
    return at_work(acme)


def ask(acme: Stage, claim: dict[str, Any]) -> Said:
    return acme.ada.spend(claim, "8", correlation_key=KEY)


def standing(acme: Stage) -> tuple[str, list[str]]:
    with acme.bound():
        (card,) = ReviewCard.objects.all()
        return card.status, list(EarlyDecision.objects.values_list("status", flat=True))


@pytest.mark.parametrize("_round", range(4))
def test_whoever_comes_second_sees_the_other(acme: Stage, claim: dict[str, Any], _round: int) -> None:
    asked, decided = at_once([lambda: ask(acme, claim), lambda: say(acme.rita)])
    asked.ok(202)
    assert standing(acme) in [("approved", ["used"]), ("approved", [])], (decided.status, decided.body)
    assert claimed_again(acme, claim)["resume"]["review"] == asked["review"]
    check_books(acme)


def test_a_question_waits_for_the_decision_that_is_being_written(
    acme: Stage, claim: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with held_after(monkeypatch, early, "keep") as hold:
        deciding = InBackground(lambda: say(acme.rita))
        hold.wait_reached()
        asking = InBackground(lambda: ask(acme, claim))
        wait_for_waiters(asking="pg_advisory_xact_lock")
        hold.release()
        deciding.answer().ok(202)
        asking.answer().ok(202)
    assert standing(acme) == ("approved", ["used"])


def test_a_decision_waits_for_the_question_that_is_being_written(
    acme: Stage, claim: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lets the key go before it waits for the task: who asks holds them the other way round."""
    with held_after(monkeypatch, decide_early.early, "check_free") as hold:
        asking = InBackground(lambda: ask(acme, claim))
        hold.wait_reached()
        deciding = InBackground(lambda: say(acme.rita))
        wait_for_waiters(asking="pg_advisory_xact_lock")
        hold.release()
        asking.answer().ok(202)
        assert deciding.answer().ok()["status"] == "approved"
    assert standing(acme) == ("approved", [])


def test_control_without_the_key_they_miss_one_another_for_good(
    acme: Stage, claim: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has looked before the other wrote: the card waits for people, the decision for a card."""
    both_have_looked = threading.Barrier(2)
    look, wait = early.pending_card, early.waiting_for
    waited: list[int] = []

    def pending_card(key: str) -> Any:
        found = look(key)
        both_have_looked.wait(PATIENCE_SECONDS)
        return found

    def waiting_for(key: str) -> Any:
        found = wait(key)
        waited.append(len(found))
        if len(waited) == 2:  # once before it asks, once when the card is there
            both_have_looked.wait(PATIENCE_SECONDS)
        return found

    monkeypatch.setattr(early, "hold", lambda key: None)
    monkeypatch.setattr(early, "check_free", lambda key: None)
    monkeypatch.setattr(early, "pending_card", pending_card)
    monkeypatch.setattr(early, "waiting_for", waiting_for)
    asked, decided = at_once([lambda: ask(acme, claim), lambda: say(acme.rita)])
    assert (asked.status, decided.status) == (202, 202)
    assert standing(acme) == ("pending", ["waiting"])


@pytest.mark.parametrize("_round", range(3))
def test_two_questions_under_one_key_use_one_decision(acme: Stage, _round: int) -> None:
    budget(acme)
    say(acme.rita).ok(202)
    session = acme.session()
    claims = [at_work(acme, session=session) for _ in range(2)]
    said = at_once([lambda claim=claim: ask(acme, claim) for claim in claims])
    with acme.bound():
        assert list(EarlyDecision.objects.values_list("status", flat=True)) == ["used"]
        cards = sorted(ReviewCard.objects.values_list("status", flat=True))
    assert [answer.status for answer in said] == [202, 202], "the first card was born decided, so its key is free again"
    assert cards == ["approved", "pending"]
