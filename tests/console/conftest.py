"""People of Acme at their desks, and one row of every noun."""

from collections.abc import Callable

import pytest

from chimera.kernel import clock
from chimera.kernel.eventlog import Event
from chimera.kernel.relay.tables import ParkedEvent
from commerce.models import BudgetConfig, Transaction
from memory.models import MemoryRecord, Persona
from safety.models import Delivery
from swarm.models import Membership, ResourceLock
from tests.cast import Stage
from tests.console.desk import Desk
from tests.kernel.world import SOUL, tomorrow
from tests.safety.acts import propose
from tests.scene import Scene, play


@pytest.fixture
def rita(acme: Stage) -> Desk:
    return Desk(acme.rita)


@pytest.fixture
def otto(acme: Stage) -> Desk:
    return Desk(acme.otto)


@pytest.fixture
def fay(acme: Stage) -> Desk:
    return Desk(acme.fay)


@pytest.fixture
def boss(acme: Stage) -> Desk:
    return Desk(acme.boss)


@pytest.fixture
def waiting(acme: Stage, settle: Callable[[], None]) -> str:
    """The id of a card about a result whose confidence lies between the bands."""
    acme.task(acme.session(), description="Write a post about the harbour")
    settle()
    (claim,) = acme.ada.claim()
    output = {"post": "Swim at high tide, not before.", "platform": "short"}
    finished = acme.ada.finish(claim, confidence=0.8, output=output).ok()
    assert finished["outcome"] == "blocked"
    settle()
    return str(finished["review"])


@pytest.fixture
def scene(acme: Stage, settle: Callable[[], None]) -> Scene:
    return play(acme, settle)


def row_of_each(acme: Stage, scene: Scene) -> dict[str, str]:
    """The id of a row of each noun of tests.console.places."""
    acme.ada.post("locks", {"resource": "tide gate", "ttl_seconds": 600}).ok(201)
    limit = acme.otto.post("concurrency-limits", {"scope": "key", "value": "printer", "running_max": 2}).ok(201)
    night = {"name": "Nightly tide", "cron": "0 3 * * *", "overlap": "skip"}
    template = {"type": "research", "input_payload": {"question": "high water"}}
    schedule = acme.otto.post(f"campaigns/{scene.campaign}/schedules", night | {"task": template}).ok(201)
    with acme.bound():
        budget = BudgetConfig.objects.get(scope="tenant").pk
    policy = acme.boss.post("policies", {"name": "house", "rules": []}).ok(201)
    told = acme.boss.post("notification-targets", HOOK).ok(201)
    (claim,) = acme.ada.claim()
    acme.ada.spend(claim, "0.02").ok(201)
    acme.otto.post("personas", {"soul": SOUL}).ok(201)
    erasure = acme.boss.post("memories/erasures", {"scope": "subject", "whose": "ghost", "reason": "asked"}).ok(202)
    action = propose(acme, claim, {"text": "The baths open at high water."}).ok(201)
    raised = {"window": "month", "amount_usd": "1", "reason": "high water", "expires_at": tomorrow()}
    increase = acme.fay.post(f"budgets/{budget}/increases", raised).ok(201)
    foretold = acme.rita.post("reviews/decisions", FORETOLD).ok(202)
    with acme.bound():
        found = {
            "card": scene.card,
            "action": action["id"],
            "early": foretold["id"],
            "session": scene.session,
            "task": scene.failed,
            "dead": scene.failed,
            "campaign": scene.campaign,
            "schedule": schedule["id"],
            "agent": acme.ada.id,
            "lock": ResourceLock.objects.get().pk,
            "limit": limit["id"],
            "memory": MemoryRecord.objects.first().pk,
            "erasure": erasure["id"],
            "persona": Persona.objects.get().pk,
            "budget": budget,
            "increase": increase["id"],
            "transaction": Transaction.objects.get(status="held", keeper="lease").pk,
            "policy": policy["id"],
            "target": told["id"],
            "delivery": failed_delivery(told["id"]).pk,
            "event": Event.objects.order_by("-pk").first().pk,
            "parked": parked().pk,
            "tenant": acme.tenant_id,
            "member": Membership.objects.first().pk,
        }
    return {noun: str(pk) for noun, pk in found.items()}


FORETOLD = {"correlation_key": "order 17", "decision": "reject", "note": "not this year"}
HOOK = {"name": "house", "kind": "webhook", "address": "https://hooks.example.com/services/house"}


def failed_delivery(target_id: str) -> Delivery:
    """A test that nobody took; in the bound tenant."""
    row: Delivery = Delivery.objects.create(
        target_id=target_id,
        occasion="test",
        message={"type": "test", "timestamp": "2026-03-01T08:00:00Z", "data": {"tenant": {"name": "Acme"}}},
        status="failed",
        attempts=10,
        attempts_until=10,
        error="It answered 500.",
        ended_at=clock.now(),
    )
    return row


def parked(number: int = 1) -> ParkedEvent:
    """An event that the memory lane put aside; in the bound tenant."""
    row: ParkedEvent = ParkedEvent.objects.create(
        lane="memory",
        xid=number,
        seq=number,
        type="memory.memory.added.v1",
        payload={"aggregate_id": "0"},
        at=clock.now(),
        actor="system:chimera",
        error="Traceback\nEmbedderAway: nobody answers",
        attempts=5,
    )
    return row
