"""A process dies at every line of what it does for many at once: each of the many is settled once, whoever asks again."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from chimera.flows.lapse_leases import lapse_leases
from chimera.flows.spend_many import Answered, Asked, Capture, Spend, Void, spend_many
from chimera.flows.spend_together import spend_together
from chimera.kernel import clock, ids
from chimera.kernel.eventlog import Event
from chimera.kernel.idempotency import Once
from chimera.kernel.identity import Principal, Role
from commerce.models import Transaction
from safety.models import ReviewCard
from swarm.actions.creating import NewTask
from swarm.groups import Ask, Asker, Claiming, Creation
from swarm.groups.creating import create
from swarm.models import Task, TaskResult
from tests.cast import Stage
from tests.commerce.books import check_books
from tests.lanes import settle
from tests.races.aftermath import bring_back, log_and_cursors
from tests.races.dying import at_every_line

pytestmark = pytest.mark.slow
TASKS = 3


@dataclass
class Scene:
    """Three tasks, and what Ada holds of them."""

    acme: Stage
    tasks: list[str]
    claims: list[dict[str, Any]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    creations: list[tuple[Creation, str, dict[str, Any]]] = field(default_factory=list)
    mark: UUID = field(default_factory=ids.uuid7)  # older than what is to be made

    def told(self) -> Counter[str]:
        with self.acme.bound():
            types = Event.objects.filter(task_id__in=self.tasks).values_list("type", flat=True)
            return Counter(name.removesuffix(".v1").partition(".")[2] for name in types)

    def statuses(self) -> list[str]:
        with self.acme.bound():
            found = dict(Task.objects.filter(pk__in=self.tasks).values_list("pk", "status"))
        return [found[UUID(task)] for task in self.tasks]


@pytest.fixture
def queued(acme: Stage) -> Callable[[], Scene]:
    session = acme.session()
    acme.budget(approval_threshold_usd="10")

    def make() -> Scene:
        tasks = [acme.task(session)["id"] for _ in range(TASKS)]
        settle()
        return Scene(acme, tasks)

    return make


@pytest.fixture
def claimed(queued: Callable[[], Scene]) -> Callable[[], Scene]:
    def make() -> Scene:
        scene = queued()
        while len(scene.claims) < TASKS:
            scene.claims += scene.acme.ada.claim(TASKS)
        scene.claims.sort(key=lambda claim: scene.tasks.index(claim["task"]["id"]))
        settle()
        return scene

    return make


# ------------------------------------------------------------------ results

SCORES = (0.95, 0.95, 0.8)
OUTCOMES = ["completed", "completed", "blocked"]


def hand_in(scene: Scene) -> list[str]:
    """One that passes plainly, one with money, one for a person."""
    said = {"status": "succeeded", "output_payload": {"answer": "42"}}
    results = [
        {"task": claim["task"]["id"], "lease_token": claim["lease_token"], "confidence_score": score} | said
        for claim, score in zip(scene.claims, SCORES, strict=True)
    ]
    return [one["status"] for one in scene.acme.ada.post("claims/results", {"results": results}).ok()["outcomes"]]


def results_are_settled_once(scene: Scene) -> None:
    check_books(scene.acme)
    assert hand_in(scene) == hand_in(scene) == OUTCOMES
    assert scene.statuses() == OUTCOMES
    told = scene.told()
    assert (told["task.completed"], told["task.blocked"], told["review.opened"]) == (2, 1, 1)
    assert (told["transaction.captured"], told["transaction.voided"]) == (1, 0)
    with scene.acme.bound():
        assert TaskResult.objects.filter(task_id__in=scene.tasks).count() == TASKS
        assert ReviewCard.objects.filter(task_id__in=scene.tasks).count() == 1
    check_books(scene.acme)


def test_the_process_that_writes_many_results_dies(claimed: Callable[[], Scene]) -> None:
    def paid() -> Scene:
        scene = claimed()
        scene.acme.ada.spend(scene.claims[1], "3").ok(201)
        return scene

    deaths = at_every_line(paid, hand_in, results_are_settled_once, mark=log_and_cursors)
    assert deaths > 30, deaths


# ------------------------------------------------------------------ money


def spend(scene: Scene) -> list[tuple[int, str]]:
    answered = spend_many(scene.acme.tenant_id, scene.asked)
    assert all(isinstance(one, Answered) for one in answered), answered
    return [(one.status, one.body["status"]) for one in answered if isinstance(one, Answered)]


def money_moved_once(scene: Scene) -> None:
    check_books(scene.acme)
    assert spend(scene) == spend(scene) == [(201, "held"), (202, "review"), (200, "captured"), (200, "voided")]
    with scene.acme.bound():
        rows = Transaction.objects.filter(task_id__in=scene.tasks)
        assert Counter(rows.values_list("status", flat=True)) == {"held": 1, "review": 1, "captured": 1, "voided": 1}
        assert ReviewCard.objects.filter(task_id__in=scene.tasks).count() == 1
    told = scene.told()
    assert (told["task.blocked"], told["transaction.captured"], told["transaction.voided"]) == (1, 1, 1)
    check_books(scene.acme)


@pytest.fixture
def asking(claimed: Callable[[], Scene]) -> Callable[[], Scene]:
    """A hold, a spend for a person, a capture and a void, each under a key of its own."""

    def make() -> Scene:
        scene = claimed()
        third = scene.claims[2]
        holds = [UUID(scene.acme.ada.spend(third, amount).ok(201)["id"]) for amount in ("1", "2")]
        scene.asked = [
            asked(scene, 0, Spend(task_id=UUID(scene.tasks[0]), amount_usd=Decimal(4), asset_symbol="USD")),
            asked(scene, 1, Spend(task_id=UUID(scene.tasks[1]), amount_usd=Decimal(40), asset_symbol="USD")),
            asked(scene, 2, Capture(transaction_id=holds[0])),
            asked(scene, 2, Void(transaction_id=holds[1], reason="not needed")),
        ]
        return scene

    return make


def test_the_process_that_moves_money_for_many_dies(asking: Callable[[], Scene]) -> None:
    """All of it in one transaction."""
    deaths = at_every_line(asking, spend, money_moved_once, mark=log_and_cursors)
    assert deaths > 40, deaths


def spend_in_a_group(scene: Scene) -> None:
    answered = spend_together(scene.acme.tenant_id, scene.asked)
    assert [one.status if one else None for one in answered] == [201, None, 200, 200]


def test_the_process_that_decides_for_many_dies(asking: Callable[[], Scene]) -> None:
    """Three of them are decided together and written in few statements; the one for a person is left to the way above."""

    def moved_once(scene: Scene) -> None:
        money_moved_once(scene)
        for claim in (scene.claims[0], scene.claims[2]):
            scene.acme.ada.finish(claim).ok()  # a slot for the next scene

    deaths = at_every_line(asking, spend_in_a_group, moved_once, mark=log_and_cursors)
    assert deaths > 5, deaths


def asked(scene: Scene, place: int, what: Spend | Capture | Void) -> Asked:
    ada = scene.acme.ada
    principal = Principal(scene.acme.tenant_id, "agent", ada.id, ada.name, frozenset())
    return Asked(
        what=what,
        lease_token=UUID(scene.claims[place]["lease_token"]),
        agent_id=UUID(ada.id),
        by=ada.actor,
        once=Once(key=str(ids.uuid7()), principal=principal, method="POST", path="/", body=b"{}"),
    )


# ------------------------------------------------------------------ claims


def claim_for_many(scene: Scene) -> None:
    """Two calls of one agent at the same moment."""
    ada = scene.acme.ada
    got = Claiming().claim(Asker(scene.acme.tenant_id, UUID(ada.id)), [Ask(2, ada.actor), Ask(1, ada.actor)])
    assert [len(one.shown) for one in got] == [2, 1]


def all_come_back_and_end_once(scene: Scene) -> None:
    """Nobody knows of these leases: they lapse, and what was only popped comes back."""
    with clock.held(clock.now() + timedelta(seconds=61)):
        lapse_leases()
    for _ in range(2 * TASKS):
        settle()
        bring_back()
        for claim in scene.acme.ada.claim(TASKS):
            scene.acme.ada.finish(claim).ok()
    settle()
    assert scene.statuses() == ["completed"] * TASKS
    told = scene.told()
    assert told["task.completed"] == TASKS
    assert told["task.claimed"] == told["task.requeued"] + TASKS


def test_the_process_that_claims_for_many_dies(queued: Callable[[], Scene]) -> None:
    deaths = at_every_line(
        queued, claim_for_many, all_come_back_and_end_once, mark=log_and_cursors, before_each=bring_back
    )
    assert deaths > 12, deaths


# ------------------------------------------------------------------ new tasks


@pytest.fixture
def creating(acme: Stage) -> Callable[[], Scene]:
    """Three callers' new tasks, each under a key of its own, and no task yet."""
    session = acme.session()["id"]
    acme.task(session)  # which starts it
    principal = Principal(acme.tenant_id, "agent", acme.pia.id, acme.pia.name, frozenset({Role.PLANNER}))

    def make() -> Scene:
        scene = Scene(acme, [])
        for number in range(TASKS):
            said = {"session": session, "type": "research", "input_payload": {"number": number}}
            key, body = str(ids.uuid7()), json.dumps(said).encode()
            once = Once(key=key, principal=principal, method="POST", path="/api/v1/tasks", body=body)
            new = NewTask(session_id=UUID(session), type="research", input_payload={"number": number})
            scene.creations.append((Creation(new, acme.pia.actor, once), key, said))
        return scene

    return make


def create_together(scene: Scene) -> None:
    create(scene.acme.tenant_id, [creation for creation, _, _ in scene.creations])


def each_is_created_once(scene: Scene) -> None:
    """The callers repeat, under the same keys."""
    for _, key, said in scene.creations * 2:
        scene.tasks.append(scene.acme.pia.post("tasks", said, Idempotency_Key=key).ok(201)["id"])
    assert scene.tasks[:TASKS] == scene.tasks[TASKS:]
    assert len(set(scene.tasks)) == TASKS
    assert scene.told()["task.created"] == TASKS
    with scene.acme.bound():
        keys = [said["input_payload"] for _, _, said in scene.creations]
        assert (
            list(Task.objects.filter(pk__in=scene.tasks).order_by("pk").values_list("input_payload", flat=True)) == keys
        )
        assert Task.objects.filter(pk__gt=scene.mark).count() == TASKS


def test_the_process_that_creates_for_many_dies(creating: Callable[[], Scene]) -> None:
    deaths = at_every_line(creating, create_together, each_is_created_once, mark=log_and_cursors)
    assert deaths > 8, deaths
