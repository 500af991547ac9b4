"""Connections that break, come again, or are two: whose the leases are, and when others have the tasks."""

import asyncio
import time
from typing import Any

import pytest

from chimera.kernel import redis
from chimera.kernel.bridge import in_thread
from chimera.kernel.http import going
from swarm.consumers import pushing, working
from swarm.models import Task
from tests.cast import Stage
from tests.live.watching import run, until
from tests.swarm.at_socket import AtSocket, held, many

pytestmark = pytest.mark.usefixtures("relay")

WITHIN_SECONDS = 2.0  # of the contract
GENEROUS_SECONDS = 15.0  # other tests run beside us


@pytest.fixture
def returned(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many leases each broken connection looked after."""
    counted: list[int] = []
    give_back = working.give_back

    def counts(tenant_id: Any, leases: Any) -> int:
        counted.append(len(leases))
        return give_back(tenant_id, leases)

    monkeypatch.setattr(working, "give_back", counts)
    return counted


def row(acme: Stage, task_id: str) -> Task:
    with acme.bound():
        found: Task = Task.objects.get(pk=task_id)
        return found


async def taken(at: AtSocket, slots: int) -> list[dict[str, Any]]:
    await at.ready(slots)
    return await at.tasks(slots)


async def quiet() -> None:
    """What sockets leave behind has been done."""
    await until(lambda: not pushing._afterwards, GENEROUS_SECONDS)


def test_a_dropped_sockets_tasks_are_anothers_within_two_seconds(acme: Stage, returned: list[int]) -> None:
    made = many(acme, 3)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada, AtSocket(acme.jude):
            await taken(ada, 3)
            async with AtSocket(acme.bob) as bob:
                await bob.ready(1)
                began = time.monotonic()
                await ada.drop()
                (claim,) = await bob.tasks(1, GENEROUS_SECONDS)
                took = time.monotonic() - began
                assert claim["task"]["id"] in made
                assert claim["attempt"] == 2
        assert pushing.GRACE_SECONDS <= took < GENEROUS_SECONDS
        assert pushing.GRACE_SECONDS + 0.5 <= WITHIN_SECONDS, "which leaves half a second for the rest"
        await quiet()

    run(main)
    assert returned[0] == 3
    assert row(acme, made[0]).error is None or row(acme, made[0]).error["code"] == "connection_lost"


def test_who_comes_back_within_the_grace_goes_on_with_its_leases(acme: Stage) -> None:
    many(acme, 3)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            before = await taken(ada, 3)
        async with AtSocket(acme.ada) as again:
            said = await again.beat(*before)
            assert [lease["task"] for lease in said["leases"]] == [c["task"]["id"] for c in before]
            assert all(lease["lease_expires_at"] for lease in said["leases"])
            await again.ready(3)
            await quiet()
            for claim in before:
                assert (await again.finish(claim))["outcome"] == "completed"
            assert again.claims == []

    run(main)


def test_who_comes_back_too_late_has_lost_them(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    many(acme, 1)
    monkeypatch.setattr(pushing, "GRACE_SECONDS", 0.05)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            (claim,) = await taken(ada, 1)
        await quiet()
        async with AtSocket(acme.ada) as again:
            assert (await again.beat(claim))["leases"][0]["error"]["code"] == "stale_lease"
            assert (await again.finish(claim))["code"] == "stale_lease"

    run(main)


def test_a_result_on_its_way_when_the_connection_breaks_counts(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    (made,) = many(acme, 1)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            (claim,) = await taken(ada, 1)
            lease = {"task": claim["task"]["id"], "lease_token": claim["lease_token"]}
            ada.say({"kind": "result", "ref": 1, "status": "succeeded", "confidence_score": 0.95, **lease})
            await ada.drop()
        await until(lambda: not pushing._afterwards, GENEROUS_SECONDS)
        assert (await in_thread(row, acme, made)).status == "completed"

    run(main)


def test_a_beat_on_its_way_when_the_connection_breaks_does_not_keep_the_lease(
    acme: Stage, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written after the connection is gone, and changes the lease's end: that is known before anything is given back."""
    (made,) = many(acme, 1)
    monkeypatch.setattr("swarm.actions.claims.RENEW_BELOW", 1.0)  # each beat renews

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            (claim,) = await taken(ada, 1)
            lease = {"task": claim["task"]["id"], "lease_token": claim["lease_token"]}
            ada.say({"kind": "heartbeat", "ref": 1, "leases": [lease]})
            await ada.drop()
        await quiet()
        after = await in_thread(row, acme, made)
        assert (after.status, after.error["code"]) == ("queued", "connection_lost")

    run(main)


def test_a_claim_on_its_way_when_the_connection_breaks_is_given_back(
    acme: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    (made,) = many(acme, 1)
    take, reached, go_on = working.take, asyncio.Event(), asyncio.Event()

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def slow(*args: Any) -> Any:
            taken = take(*args)
            if taken.shown:
                loop.call_soon_threadsafe(reached.set)
                asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(GENEROUS_SECONDS)
            return taken

        monkeypatch.setattr(working, "take", slow)
        async with AtSocket(acme.ada) as ada:
            await ada.ready(1)
            await asyncio.wait_for(reached.wait(), GENEROUS_SECONDS)
            assert (await in_thread(row, acme, made)).status == "running"
            await ada.drop()
            go_on.set()
        await quiet()
        after = await in_thread(row, acme, made)
        assert (after.status, after.error["code"]) == ("queued", "connection_lost")

    run(main)


def test_a_process_on_its_way_out_gives_nothing_back(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    (made,) = many(acme, 1)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            await taken(ada, 1)
            monkeypatch.setattr(going, "_away", True)
        await quiet()
        assert (await in_thread(row, acme, made)).status == "running"

    run(main)


def test_two_sockets_and_http_claims_never_hold_more_than_the_slots(acme: Stage) -> None:
    many(acme, 30)

    async def main() -> None:
        async with AtSocket(acme.ada) as first, AtSocket(acme.ada) as second:
            first.say({"kind": "ready", "ref": "a", "slots": 8})
            second.say({"kind": "ready", "ref": "b", "slots": 8})
            by_http = await asyncio.gather(*(in_thread(acme.ada.claim, 8) for _ in range(4)))
            claimed = [claim for claims in by_http for claim in claims]
            await until(lambda: len(first.claims) + len(second.claims) + len(claimed) == 8, GENEROUS_SECONDS)
            done: set[str] = set()
            for number in range(20):
                at = first if number % 2 else second
                given = [*first.claims, *second.claims, *claimed]
                claim = next(claim for claim in given if claim["lease_token"] not in done)
                assert (await at.finish(claim))["outcome"] == "completed"
                done.add(claim["lease_token"])
                total = 9 + number
                await until(
                    lambda total=total: len(first.claims) + len(second.claims) + len(claimed) >= total, GENEROUS_SECONDS
                )
                assert await held(acme) <= 8
            ids = [claim["task"]["id"] for claim in (*first.claims, *second.claims, *claimed)]
            assert len(ids) == len(set(ids)) == 28

    run(main)


def test_work_is_found_while_redis_is_away(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with AtSocket(acme.ada) as ada, AtSocket(acme.bob) as bob:
            await ada.ready(8)
            await bob.ready(1, types=["research"])
            monkeypatch.setattr(redis, "hint", away)
            made = await in_thread(many, acme, 9)
            await until(lambda: len(ada.claims) + len(bob.claims) == 9, GENEROUS_SECONDS)
            assert {c["task"]["id"] for c in (*ada.claims, *bob.claims)} == set(made)

    def away() -> Any:
        raise redis.Away

    run(main)
