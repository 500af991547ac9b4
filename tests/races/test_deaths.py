"""From the approval of a spend to its capture, a process dies at every line: there is one hold, one card, one resume."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from chimera.kernel import ids, tenancy
from chimera.kernel.relay.pace import Pace
from chimera.kernel.relay.redis_lane import RedisLane
from commerce.models import SpendWindow, Transaction
from safety.models import ReviewCard
from swarm.models import Task
from tests.cast import Caller, Stage
from tests.lanes import settle
from tests.races.aftermath import bring_back, log_and_cursors
from tests.races.dying import at_every_line

pytestmark = pytest.mark.slow

AMOUNT = Decimal(40)


@dataclass
class Scene:
    """A spend above the threshold, on its way through a decision; each call may be repeated, as honest clients do."""

    acme: Stage
    claim: dict[str, Any]
    card: str
    transaction: str
    key: str = field(default_factory=lambda: str(ids.uuid7()))

    @property
    def task(self) -> str:
        return str(self.claim["task"]["id"])

    def decide(self) -> None:
        if self.acme.rita.get(f"reviews/{self.card}").ok()["status"] == "pending":
            self.acme.rita.post(f"reviews/{self.card}/decision", {"decision": "approve", "note": "go"}).ok()

    def claim_again(self) -> dict[str, Any]:
        """With a key, so that an answer that was lost is given once more."""
        said = self.acme.bob.post("claims", {"max": 1}, Idempotency_Key=self.key).ok()
        (claim,) = said["claims"]
        assert claim["resume"]["review"] == self.card
        assert [t["id"] for t in claim["resume"]["transactions"]] == [self.transaction]
        return dict(claim)

    def spend_again(self) -> None:
        claim = self.claim_again()
        lease = {"lease_token": claim["lease_token"]}
        asked = {"task": self.task, "amount_usd": str(AMOUNT), "asset_symbol": "USD", "payee": "render.example"}
        again = self.acme.bob.post("transactions", asked | lease, Idempotency_Key=f"spend {self.key}").ok(201)
        assert (again["id"], again["status"]) == (self.transaction, "held")
        self.acme.bob.post(f"transactions/{self.transaction}/capture", lease).ok()

    def to_the_end(self) -> None:
        """What is left to do, whoever died where; then the judgement."""
        self.check()
        self.decide()
        settle()
        bring_back()
        self.spend_again()
        self.acme.bob.finish(self.claim_again()).ok()
        settle()
        self.check()
        self.judge()

    def check(self) -> None:
        """At any moment: one card, one transaction, and task, card and keeper agree."""
        with self.acme.bound():
            (card,) = ReviewCard.objects.filter(task_id=self.task)
            (transaction,) = Transaction.objects.filter(task_id=self.task)
            task = Task.objects.get(pk=self.task)
            held = {w.held_usd for w in SpendWindow.objects.all()}
        assert str(card.pk) == self.card
        seen = (card.status, task.status, transaction.status, transaction.keeper)
        assert seen in AGREED, seen
        assert held == {AMOUNT if transaction.status in ("review", "held") else Decimal(0)}

    def judge(self) -> None:
        with tenancy.system(), connection.cursor() as cursor:
            cursor.execute("SELECT type FROM kernel_event WHERE task_id = %s", [self.task])
            told = Counter(row[0].removesuffix(".v1") for row in cursor.fetchall())
        assert {name: told[name] for name in ONCE} == dict.fromkeys(ONCE, 1)
        assert told["swarm.task.claimed"] == 2
        assert told["commerce.transaction.voided"] == 0
        with self.acme.bound():
            assert Task.objects.get(pk=self.task).attempt_count == 1


AGREED = {
    ("pending", "blocked", "review", "card"),
    ("approved", "queued", "held", "resume"),
    ("approved", "running", "held", "lease"),
    ("approved", "running", "captured", None),
    ("approved", "completed", "captured", None),
}
ONCE = (
    "swarm.task.blocked",
    "swarm.task.resumed",
    "swarm.task.completed",
    "safety.review.opened",
    "safety.review.decided",
)


@pytest.fixture
def blocked(acme: Stage) -> Callable[[], Scene]:
    """Makes scenes: a spend in review."""
    session = acme.session()
    acme.budget(approval_threshold_usd="10", day_usd="1000000", month_usd="1000000")

    def make() -> Scene:
        acme.task(session)
        settle()
        claim = claimed_by(acme.bob)
        asked = acme.bob.spend(claim, str(AMOUNT)).ok(202)
        settle()
        return Scene(acme, claim, asked["review"], asked["id"])

    return make


def claimed_by(agent: Caller, **more: str) -> dict[str, Any]:
    """As agents do: ask again while there is nothing. A list may hold the ids of tasks that have ended, after a repetition."""
    for _ in range(10):
        if claims := agent.claim():
            return claims[0]
    raise AssertionError("nothing to claim")


def dispatch_all() -> None:
    lane = RedisLane()
    while lane.step() in (Pace.MORE, Pace.DONE, Pace.TOLD):
        pass


def decided(scene: Scene) -> Scene:
    scene.decide()
    return scene


def dispatched(scene: Scene) -> Scene:
    scene.decide()
    settle()
    return scene


def test_the_reviewers_process_dies(blocked: Callable[[], Scene]) -> None:
    deaths = at_every_line(blocked, Scene.decide, Scene.to_the_end, mark=log_and_cursors)
    assert deaths > 20


def test_the_relay_dies(blocked: Callable[[], Scene]) -> None:
    deaths = at_every_line(
        lambda: decided(blocked()), lambda scene: dispatch_all(), Scene.to_the_end, mark=log_and_cursors
    )
    assert deaths > 10  # it sends less than the others


def test_the_process_that_hands_it_out_dies(blocked: Callable[[], Scene]) -> None:
    """What it has popped from Redis and not claimed comes back."""
    deaths = at_every_line(
        lambda: dispatched(blocked()), Scene.claim_again, Scene.to_the_end, mark=log_and_cursors, before_each=bring_back
    )
    assert deaths > 20


def test_the_process_that_captures_dies(blocked: Callable[[], Scene]) -> None:
    def claimed() -> Scene:
        scene = dispatched(blocked())
        scene.claim_again()
        return scene

    deaths = at_every_line(claimed, Scene.spend_again, Scene.to_the_end, mark=log_and_cursors)
    assert deaths > 20
