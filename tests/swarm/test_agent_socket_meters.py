"""Beats with a cost over the agents' socket: metered as over HTTP, many at once, each with an answer of its own."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import OperationalError
from psycopg.errors import DeadlockDetected

from chimera.flows import meter_many as flow
from chimera.kernel.bridge import in_thread
from commerce.models import Transaction
from swarm.models import Task
from tests.cast import Stage
from tests.commerce.books import check_books
from tests.live.watching import run
from tests.swarm.at_socket import AtSocket

pytestmark = pytest.mark.usefixtures("relay")


def rows(acme: Stage) -> list[tuple[str, Decimal, Decimal | None, Decimal | None]]:
    with acme.bound():
        found = Transaction.objects.order_by("pk")
        return [(row.status, row.amount_usd, row.metered_usd, row.captured_usd) for row in found]


def status_of(acme: Stage, claim: dict[str, Any]) -> str:
    with acme.bound():
        return str(Task.objects.get(pk=claim["task"]["id"]).status)


async def at_work(acme: Stage, at: AtSocket, number: int = 1, **task: Any) -> list[dict[str, Any]]:
    session = await in_thread(acme.session)
    for _ in range(number):
        await in_thread(lambda: acme.task(session, **task))
    await at.ready(number)
    claims = list(await at.tasks(number))
    await at.ready(0)
    return claims


def test_a_cost_is_held_one_step_ahead_and_a_repeated_one_counts_nothing(acme: Stage) -> None:
    acme.budget(day_usd="10")

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            (claim,) = await at_work(acme, ada)
            for cost in ("0.20", "0.20", "0", None):
                (said,) = (await ada.beat(claim, cost_usd=cost))["leases"]
                assert said == {
                    "task": claim["task"]["id"],
                    "lease_expires_at": claim["lease_expires_at"],
                    "commands": [],
                }

    run(main)
    assert rows(acme) == [("held", Decimal("0.4"), Decimal("0.2"), None)]
    check_books(acme)


def test_of_several_leases_one_is_stopped_one_is_stale_and_one_goes_on(acme: Stage) -> None:
    acme.budget(day_usd="10")

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            goes_on, ends, stale = await at_work(acme, ada, 3)
            await in_thread(lambda: acme.budget(scope="task", scope_id=ends["task"]["id"], total_usd="0.30"))
            (await in_thread(lambda: acme.pia.post(f"tasks/{stale['task']['id']}/cancel", {}))).ok()
            first, second, third = (await ada.beat(goes_on, ends, stale, cost_usd="0.50"))["leases"]
            assert first == {
                "task": goes_on["task"]["id"],
                "lease_expires_at": goes_on["lease_expires_at"],
                "commands": [],
            }
            assert (second["task"], second["lease_expires_at"]) == (ends["task"]["id"], None)
            assert (second["commands"], second["reason"]) == (["stop"], "budget_exceeded")
            (card,) = (await in_thread(lambda: acme.rita.get("reviews", status="pending"))).ok()["results"]
            assert (second["review"], second["detail"]) == (card["id"], card["reasons"][0]["detail"])
            assert third["error"]["code"] == "stale_lease"
            (again,) = (await ada.beat(ends, cost_usd="0.60"))["leases"]
            assert again["error"]["code"] == "stale_lease"
            assert (await ada.finish(ends))["code"] == "stale_lease"
            assert await in_thread(lambda: status_of(acme, ends)) == "blocked"

    run(main)
    assert sorted(rows(acme), key=lambda row: row[0]) == [
        ("captured", Decimal("0.3"), Decimal("0.5"), Decimal("0.3")),
        ("held", Decimal("1"), Decimal("0.5"), None),
    ]
    check_books(acme)


def test_the_slot_of_a_stopped_task_is_free_at_once(acme: Stage) -> None:
    async def main() -> None:
        async with AtSocket(acme.bob) as bob:
            (claim,) = await at_work(acme, bob)
            await bob.ready(1)
            task = await in_thread(lambda: acme.task(acme.session()))
            await bob.beat(claim, cost_usd="0.10")
            assert (await bob.tasks(2))[1]["task"]["id"] == task["id"]

    run(main)
    assert [row[0] for row in rows(acme)] == ["denied"]


def test_a_dry_run_and_a_judge_are_refused_and_keep_their_leases(acme: Stage) -> None:
    acme.budget(day_usd="10")

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            (claim,) = await at_work(acme, ada, execution_mode="dry_run")
            (said,) = (await ada.beat(claim, cost_usd="0.20"))["leases"]
            assert said["error"]["code"] == "dry_run"
            assert (await ada.beat(claim))["leases"][0]["commands"] == []
            assert (await ada.finish(claim))["outcome"] == "completed"
        async with AtSocket(acme.jude) as jude:
            (claim,) = await at_work(acme, jude, role="judge")
            (said,) = (await jude.beat(claim, cost_usd="0.20"))["leases"]
            assert said["error"]["code"] == "role"
            acme_says = await in_thread(
                lambda: acme.jude.post(
                    f"tasks/{claim['task']['id']}/heartbeat", {"lease_token": claim["lease_token"], "cost_usd": "0.20"}
                )
            )
            acme_says.refused(403, "role")
            assert (await jude.beat(claim))["leases"][0]["commands"] == []

    run(main)
    assert rows(acme) == []


@pytest.mark.parametrize("cost", ["-1", "NaN", "0.0000001", 0.5, "1e400"])
def test_a_cost_that_nobody_could_count_is_refused_as_over_http(acme: Stage, cost: Any) -> None:
    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            (claim,) = await at_work(acme, ada)
            said = await ada.beat(claim, cost_usd=cost)
            http = await in_thread(
                lambda: acme.ada.post(
                    f"tasks/{claim['task']['id']}/heartbeat", {"lease_token": claim["lease_token"], "cost_usd": cost}
                )
            )
            assert (said["kind"], said["code"]) == ("error", http["code"])
            assert said["errors"][0] == http["errors"][0] | {"field": "leases.0.cost_usd"}

    run(main)
    assert rows(acme) == []


def test_after_a_deadlock_each_is_metered_alone(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    acme.budget(day_usd="1.00")
    tries = list[int]()

    def deadlocks(costs: Any) -> None:
        tries.append(len(costs))
        raise OperationalError("deadlock detected") from DeadlockDetected()

    monkeypatch.setattr(flow, "_lock", deadlocks)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            claims = await at_work(acme, ada, 4)
            said = (await ada.beat(*claims, cost_usd="0.30"))["leases"]
            assert sorted(lease["commands"] for lease in said) == [[], [], ["stop"], ["stop"]]

    run(main)
    assert sum(tries) == 4
    check_books(acme)


def test_progress_and_cost_go_in_one_beat(acme: Stage) -> None:
    acme.budget(day_usd="10")

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            (claim,) = await at_work(acme, ada)
            await ada.beat(claim, cost_usd="0.20", progress={"phase": "writing", "percentage": 80})
            shown = (await in_thread(lambda: acme.otto.get(f"tasks/{claim['task']['id']}"))).ok()
            assert shown["progress"]["phase"] == "writing"
            assert (await ada.finish(claim))["outcome"] == "completed"

    run(main)
    assert rows(acme) == [("captured", Decimal("0.4"), Decimal("0.2"), Decimal("0.2"))]
    check_books(acme)
