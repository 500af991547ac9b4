"""Two reviewers decide the same card at the same moment: one decision counts, and the other is told whose."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db.models import F

from chimera.kernel.states import Machine
from safety import actions as safety
from safety.models import ReviewCard
from swarm.actions import tasks
from swarm.models import Task
from tests.cast import Said, Stage
from tests.races.threads import PATIENCE_SECONDS, InBackground, at_once, held_after, wait_for_waiters

Settle = Callable[[], None]
ROUNDS = 5


@pytest.fixture
def card(acme: Stage, settle: Settle) -> str:
    """A result that waits for a person."""
    acme.task(acme.session())
    settle()
    (claim,) = acme.ada.claim()
    found: str = acme.ada.finish(claim, 0.8).ok()["review"]
    return found


def decide_together(acme: Stage, card: str) -> list[Said]:
    approve: dict[str, Any] = {"decision": "approve"}
    reject: dict[str, Any] = {"decision": "reject", "note": "wrong harbour"}
    return at_once(
        [
            lambda: acme.rita.post(f"reviews/{card}/decision", approve),
            lambda: acme.boss.post(f"reviews/{card}/decision", reject),
        ]
    )


def decided_facts(acme: Stage) -> Counter[str]:
    (session,) = acme.otto.get("sessions").ok()["results"]
    events = acme.otto.get(f"sessions/{session['id']}/events").ok()["results"]
    return Counter(event["type"] for event in events)


def test_control_without_guards_both_decisions_go_through(
    acme: Stage, card: str, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody locks, and nobody compares: the card is approved and rejected, the task completed and failed."""
    both_have_read = threading.Barrier(2)

    def read_card(card_id: Any) -> Any:
        found = ReviewCard.objects.get(pk=card_id)
        both_have_read.wait(PATIENCE_SECONDS)
        return found

    def advance(machine: Machine, rows: Sequence[Any], *, to: Any, **changes: Any) -> None:
        for row in rows:
            type(row).objects.filter(pk=row.pk).update(status=to, version=F("version") + 1, **changes)
            row.status = to

    monkeypatch.setattr(tasks, "lock_all", lambda task_ids: list(Task.objects.filter(pk__in=task_ids).order_by("pk")))
    monkeypatch.setattr(safety, "lock", read_card)
    monkeypatch.setattr(Machine, "advance_each", advance)
    assert [said.status for said in decide_together(acme, card)] == [200, 200]
    facts = decided_facts(acme)
    assert facts["safety.review.decided.v1"] == 2
    assert (facts["swarm.task.completed.v1"], facts["swarm.task.failed.v1"]) == (1, 1)


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_one_decision_counts_and_the_other_is_told_whose(acme: Stage, card: str, settle: Settle, _round: int) -> None:
    rita, boss = decide_together(acme, card)
    winner, (who, loser) = (acme.rita, ("approved", boss)) if rita.status == 200 else (acme.boss, ("rejected", rita))
    told = loser.refused(409, "already_decided")
    assert (told["decided_by"], told["review_status"]) == (winner.name, who)
    assert winner.name in told["detail"]
    assert acme.rita.get(f"reviews/{card}").ok()["status"] == who
    facts = decided_facts(acme)
    assert facts["safety.review.decided.v1"] == 1
    assert facts["swarm.task.completed.v1"] + facts["swarm.task.failed.v1"] == 1


def test_who_waited_for_the_decision_reads_it(acme: Stage, card: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slower one has found the card pending before the quicker one commits; looking again under the lock tells."""
    with held_after(monkeypatch, safety, "decide") as hold:
        quicker = InBackground(lambda: acme.rita.post(f"reviews/{card}/decision", {"decision": "approve"}))
        hold.wait_reached()
        rejection = {"decision": "reject", "note": "wrong harbour"}
        slower = InBackground(lambda: acme.boss.post(f"reviews/{card}/decision", rejection))
        wait_for_waiters()
        hold.release()
        quicker.answer().ok()
        assert slower.answer().refused(409, "already_decided")["decided_by"] == acme.rita.name
