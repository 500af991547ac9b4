"""A random walk through everything that moves money: after each step the books agree, and no limit is broken."""

from random import Random
from typing import Any

import pytest
from django.db.models import F

from chimera.flows.expire_holds import expire_holds
from chimera.flows.revoke_many import revoke_many
from chimera.kernel.actors import SYSTEM
from commerce.models import SpendWindow, Transaction
from commerce.states import MoneyStatus
from safety.models import ReviewCard
from swarm.actions import tasks
from swarm.models import Task
from tests.cast import Said, Stage
from tests.commerce.books import check_books, check_reconciled
from tests.lanes import settle

STEPS = 60
AMOUNTS = ("0.000001", "0.33", "1", "2.5", "4", "7.999999")


class Walk:
    """Three tasks of one session, one agent, and whatever chance makes of them."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage, self.chance = stage, Random(seed)
        session = stage.session()
        stage.budget(day_usd="20", month_usd="25", approval_threshold_usd="3")
        stage.budget(scope="session", scope_id=session["id"], total_usd="22", per_transaction_usd="5")
        for _ in range(3):
            stage.task(session, max_attempts=20)
        self.claims: dict[str, dict[str, Any]] = {}
        self.open: dict[str, list[str]] = {}
        self.seen: set[int] = set()

    def step(self) -> None:
        act = self.chance.choice(
            [
                self.claim,
                self.spend,
                self.spend,
                self.spend,
                self.capture,
                self.void,
                self.void_by_hand,
                self.decide,
                self.lapse,
                self.expire,
            ]
        )
        said = act()
        if said is not None:
            assert said.status in {200, 201, 202, 402, 404, 409, 422}, said.body
            self.seen.add(said.status)

    def claim(self) -> None:
        settle()
        for claim in self.stage.ada.claim(8):
            self.claims[claim["task"]["id"]] = claim
            self.open.setdefault(claim["task"]["id"], [])

    def spend(self) -> Said | None:
        if not self.claims:
            return None
        claim = self.chance.choice(list(self.claims.values()))
        said = self.stage.ada.spend(claim, self.chance.choice(AMOUNTS))
        if said.status in {201, 202}:
            self.open[claim["task"]["id"]].append(said["id"])
        return said

    def capture(self) -> Said | None:
        return self._settle(
            "capture", {"amount_usd": self.chance.choice(AMOUNTS)} if self.chance.random() < 0.5 else {}
        )

    def void(self) -> Said | None:
        return self._settle("void", {})

    def void_by_hand(self) -> Said | None:
        known = [held for found in self.open.values() for held in found]
        if not known:
            return None
        return self.stage.fay.post(f"transactions/{self.chance.choice(known)}/void", {"reason": "by chance"})

    def _settle(self, verb: str, more: dict[str, str]) -> Said | None:
        with_money = [task for task, found in self.open.items() if found]
        if not with_money:
            return None
        task = self.chance.choice(with_money)
        body = {"lease_token": self.claims[task]["lease_token"]} | more
        return self.stage.ada.post(f"transactions/{self.chance.choice(self.open[task])}/{verb}", body)

    def decide(self) -> Said | None:
        with self.stage.bound():
            card = ReviewCard.objects.filter(status="pending").first()
        if card is None:
            return None
        decision = self.chance.choice(["approve", "approve", "request_changes"])
        return self.stage.rita.post(f"reviews/{card.pk}/decision", {"decision": decision, "note": "by chance"})

    def lapse(self) -> None:
        with self.stage.bound():
            running = list(Task.objects.filter(status="running").order_by("pk"))
            if running and self.chance.random() < 0.3:
                task = tasks.lock(self.chance.choice(running).pk)
                revoke_many([task.pk], reason="by chance", by=SYSTEM)

    def expire(self) -> None:
        with self.stage.bound():
            if self.chance.random() < 0.2:
                waiting = Transaction.objects.filter(keeper="resume")
                waiting.update(resume_deadline=F("created_at"), version=F("version") + 1)
        expire_holds()


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_the_books_agree_and_no_limit_is_broken(acme: Stage, seed: int) -> None:
    walk = Walk(acme, seed)
    for _ in range(STEPS):
        walk.step()
        check_books(acme)
        with acme.bound():
            assert not SpendWindow.objects.filter(limit_usd__lt=F("held_usd") + F("captured_usd")).exists()
    check_reconciled()
    with acme.bound():
        reached = set(Transaction.objects.values_list("status", flat=True))
    assert len(walk.seen) >= 3
    assert {MoneyStatus.CAPTURED, MoneyStatus.VOIDED} & reached
