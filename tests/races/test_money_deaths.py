"""A process dies at every line while it authorises, captures or meters: money moves once, and whoever asks again is answered the same."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from chimera.flows.meter_lease import Beaten
from chimera.flows.meter_many import Cost, meter_many
from chimera.kernel import ids
from chimera.kernel.actors import SYSTEM
from chimera.kernel.errors import StaleLease
from commerce.models import Transaction
from safety.models import ReviewCard
from swarm.models import Task
from tests.cast import Said, Stage
from tests.commerce.books import check_books
from tests.lanes import settle
from tests.races.aftermath import log_and_cursors
from tests.races.dying import at_every_line

pytestmark = pytest.mark.slow
Make = Callable[[int], "Scene"]


@dataclass
class Scene:
    """Tasks that Ada has claimed."""

    acme: Stage
    claims: list[dict[str, Any]]
    key: str = field(default_factory=lambda: str(ids.uuid7()))

    def rows(self) -> list[Transaction]:
        with self.acme.bound():
            tasks = [claim["task"]["id"] for claim in self.claims]
            return sorted(Transaction.objects.filter(task_id__in=tasks), key=lambda row: tasks.index(str(row.task_id)))

    def leave(self) -> None:
        """Ada's slots are free for the next scene."""
        for claim in self.claims:
            self.acme.otto.post(f"tasks/{claim['task']['id']}/cancel", {}).ok()
        check_books(self.acme)


@pytest.fixture
def make(acme: Stage) -> Make:
    session = acme.session()
    acme.budget()

    def make(number: int) -> Scene:
        tasks = [acme.task(session)["id"] for _ in range(number)]
        settle()
        claims: list[dict[str, Any]] = []
        while len(claims) < number:
            claims += acme.ada.claim(number)
        settle()
        return Scene(acme, sorted(claims, key=lambda claim: tasks.index(claim["task"]["id"])))

    return make


# ------------------------------------------------------------------ one purchase, over HTTP


def buy(scene: Scene) -> tuple[Said, Said]:
    """Held and captured in part, each call under its key."""
    (claim,) = scene.claims
    lease = {"lease_token": claim["lease_token"]}
    asked = {"task": claim["task"]["id"], "amount_usd": "40", "asset_symbol": "USD", "payee": "render.example"}
    held = scene.acme.ada.post("transactions", asked | lease, Idempotency_Key=f"spend {scene.key}").ok(201)
    path = f"transactions/{held['id']}/capture"
    return held, scene.acme.ada.post(path, lease | {"amount_usd": "15"}, Idempotency_Key=f"capture {scene.key}").ok()


def bought_once(scene: Scene) -> None:
    check_books(scene.acme)
    assert len(scene.rows()) <= 1
    held, captured = buy(scene)
    again = buy(scene)
    assert (held.body, captured.body) == (again[0].body, again[1].body)
    (row,) = scene.rows()
    assert (held["id"], held["status"]) == (str(row.pk), "held")
    assert (row.status, row.captured_usd) == ("captured", Decimal(15))
    scene.leave()


def test_the_process_that_authorises_and_captures_dies(make: Make) -> None:
    deaths = at_every_line(lambda: make(1), buy, bought_once, mark=log_and_cursors)
    assert deaths > 30, deaths


# ------------------------------------------------------------------ beats with a cost, in a group

COSTS = (Decimal("0.20"), Decimal("0.50"), Decimal("0.30"))


def meter(scene: Scene) -> list[Beaten | Exception]:
    costs = [
        Cost(
            task_id=UUID(claim["task"]["id"]),
            lease_token=UUID(claim["lease_token"]),
            agent_id=UUID(claim["task"]["agent"]),
            cost_usd=cost,
            by=SYSTEM,
        )
        for claim, cost in zip(scene.claims, COSTS, strict=True)
    ]
    return meter_many(scene.acme.tenant_id, costs)


def metered_once(scene: Scene) -> None:
    check_books(scene.acme)
    begins, stopped, grows = meter(scene)
    assert [one.commands for one in (begins, grows) if isinstance(one, Beaten)] == [[], []]
    assert isinstance(stopped, StaleLease) or (isinstance(stopped, Beaten) and stopped.commands == ["stop"])
    assert isinstance(meter(scene)[1], StaleLease)
    seen = [(row.status, row.amount_usd, row.metered_usd, row.captured_usd) for row in scene.rows()]
    assert seen == [
        ("held", Decimal("0.4"), Decimal("0.2"), None),
        ("captured", Decimal("0.3"), Decimal("0.5"), Decimal("0.3")),
        ("held", Decimal("0.5"), Decimal("0.3"), None),
    ]
    with scene.acme.bound():
        task = Task.objects.get(pk=scene.claims[1]["task"]["id"])
        assert task.status == "blocked"
        assert ReviewCard.objects.filter(task_id=task.pk).count() == 1
    scene.leave()


def test_the_process_that_meters_many_dies(make: Make) -> None:
    """One begins, one uses up its money, one grows."""

    def metered() -> Scene:
        scene = make(3)
        scene.acme.budget(scope="task", scope_id=scene.claims[1]["task"]["id"], total_usd="0.30")
        last = scene.claims[2]
        body = {"lease_token": last["lease_token"], "cost_usd": "0.10"}
        scene.acme.ada.post(f"tasks/{last['task']['id']}/heartbeat", body).ok()
        return scene

    deaths = at_every_line(metered, meter, metered_once, mark=log_and_cursors)
    assert deaths > 30, deaths


# ------------------------------------------------------------------ a result that says its last cost


def hand_in(scene: Scene) -> Said:
    return scene.acme.ada.finish(scene.claims[0], cost_usd="0.70").ok()


def cost_once(scene: Scene) -> None:
    """However often it is handed in, and whoever died: the task is done, and has cost what it says."""
    check_books(scene.acme)
    assert [hand_in(scene)["outcome"] for _ in range(2)] == ["completed"] * 2
    (row,) = scene.rows()
    assert (row.status, row.metered_usd, row.captured_usd) == ("captured", Decimal("0.7"), Decimal("0.7"))
    check_books(scene.acme)


def test_the_process_that_takes_a_result_with_its_cost_dies(make: Make) -> None:
    def metered() -> Scene:
        scene = make(1)
        (claim,) = scene.claims
        beat = {"lease_token": claim["lease_token"], "cost_usd": "0.20"}
        scene.acme.ada.post(f"tasks/{claim['task']['id']}/heartbeat", beat).ok()
        return scene

    deaths = at_every_line(metered, hand_in, cost_once, mark=log_and_cursors)
    assert deaths > 10, deaths
