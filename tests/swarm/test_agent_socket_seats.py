"""Several connections of one agent: each has its own leases, a beat takes one over, and they share the slots."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from chimera.kernel import clock
from chimera.kernel.bridge import in_thread
from swarm.actions import claims
from swarm.consumers import pushing, seat
from swarm.models import Task
from tests.cast import Stage
from tests.live.watching import run, until
from tests.processes import proc
from tests.swarm.at_socket import AtSocket, many

pytestmark = pytest.mark.usefixtures("relay")

GENEROUS_SECONDS = 15.0  # other tests run beside us


def row(acme: Stage, claim: dict[str, Any]) -> Task:
    with acme.bound():
        found: Task = Task.objects.get(pk=claim["task"]["id"])
        return found


async def taken(at: AtSocket, slots: int) -> list[dict[str, Any]]:
    await at.ready(slots)
    claims = await at.tasks(slots)
    await at.ready(0)
    return claims


async def quiet() -> None:
    """What sockets leave behind has been done."""
    await until(lambda: not pushing._afterwards, GENEROUS_SECONDS)


def test_two_connections_under_one_key_have_each_their_own_tasks_and_end_alone(acme: Stage) -> None:
    many(acme, 4)

    async def main() -> None:
        async with AtSocket(acme.ada) as first, AtSocket(acme.ada) as second:
            assert "leases" not in first.hello
            firsts, seconds = await taken(first, 2), await taken(second, 2)
            ids = {claim["task"]["id"] for claim in (*firsts, *seconds)}
            assert len(ids) == 4
            await first.drop()
            await quiet()
            assert {(await in_thread(row, acme, claim)).status for claim in firsts} == {"queued"}
            assert {(await in_thread(row, acme, claim)).status for claim in seconds} == {"running"}
            for claim in seconds:
                assert (await second.finish(claim))["outcome"] == "completed"
        await quiet()
        assert UUID(acme.ada.id) not in seat._seats

    run(main)


def test_a_beat_takes_a_lease_over_from_the_connection_before(acme: Stage) -> None:
    many(acme, 2)

    async def main() -> None:
        async with AtSocket(acme.ada) as first, AtSocket(acme.ada) as second:
            mine, other = await taken(first, 2)
            await second.beat(mine)
            await first.drop()
            await quiet()
            assert (await in_thread(row, acme, mine)).status == "running"
            assert (await in_thread(row, acme, other)).status == "queued"
            await second.drop()
            await quiet()
            assert (await in_thread(row, acme, mine)).status == "queued", "the second gives it back in its turn"

    run(main)


@pytest.mark.parametrize("more", [{}, {"timeout_seconds": 30}])
def test_a_connection_to_another_process_sees_that_its_lease_was_taken_over(
    acme: Stage, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    """Of another process the memory says nothing; the row's new end does, also where the task's timeout fixes that end."""
    many(acme, 1, **more)
    monkeypatch.setattr(seat.Seat, "_all", lambda self: {self})  # each as if it were alone

    async def main() -> None:
        async with AtSocket(acme.ada) as first, AtSocket(acme.ada) as second:
            (claim,) = await taken(first, 1)
            await second.beat(claim)
            await first.drop()
            await quiet()
            assert (await in_thread(row, acme, claim)).status == "running"
            assert (await second.finish(claim))["outcome"] == "completed"

    run(main)


def test_without_a_new_end_the_task_would_be_given_away_under_the_new_connection(
    acme: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the one above."""
    many(acme, 1)
    monkeypatch.setattr(seat.Seat, "_all", lambda self: {self})
    monkeypatch.setattr(claims, "adopt_all", lambda tasks: {task.pk for task in tasks})

    async def main() -> None:
        async with AtSocket(acme.ada) as first, AtSocket(acme.ada) as second:
            (claim,) = await taken(first, 1)
            await second.beat(claim)
            await first.drop()
            await quiet()
            assert (await in_thread(row, acme, claim)).status == "queued"

    run(main)


def test_only_the_right_token_takes_a_lease_over(acme: Stage) -> None:
    many(acme, 1)

    async def main() -> None:
        async with AtSocket(acme.ada) as first, AtSocket(acme.ada) as second, AtSocket(acme.bob) as bob:
            (claim,) = await taken(first, 1)
            guessed = claim | {"lease_token": "0190a000-0000-7000-8000-000000000000"}
            for who, told in ((second, guessed), (bob, claim)):
                assert (await who.beat(told))["leases"][0]["error"]["code"] == "stale_lease"
            await first.drop()
            await quiet()
            assert (await in_thread(row, acme, claim)).status == "queued"

    run(main)


def test_a_lease_that_is_being_settled_is_adopted_a_moment_later(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    many(acme, 1)
    adopt_all, tries = claims.adopt_all, list[int]()

    def busy_at_first(tasks: Any) -> Any:
        tries.append(1)
        return set() if len(tries) < 3 else adopt_all(tasks)

    monkeypatch.setattr(claims, "adopt_all", busy_at_first)

    async def main() -> None:
        async with AtSocket(acme.ada) as first, AtSocket(acme.ada) as second:
            (claim,) = await taken(first, 1)
            assert (await second.beat(claim))["leases"][0]["lease_expires_at"]
            assert len(tries) == 3
            await first.drop()
            await quiet()
            assert (await in_thread(row, acme, claim)).status == "running"

    run(main)


def test_a_lease_claimed_over_http_is_worked_off_over_the_socket(acme: Stage) -> None:
    many(acme, 1)
    claim = proc.until(acme.ada.claim)[0]

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            about = {"task": claim["task"]["id"], "lease_token": claim["lease_token"]}
            assert (await ada.ask("progress", **about, phase="reading"))["kind"] == "ack"
            with clock.held(clock.now() + timedelta(seconds=40)):
                beaten = (await ada.beat(claim))["leases"][0]
            assert beaten["commands"] == []
            assert beaten["lease_expires_at"] > claim["lease_expires_at"]
            assert (await ada.finish(claim))["outcome"] == "completed"

    run(main)


def test_what_a_dropped_connection_gives_back_makes_room_at_the_other_at_once(acme: Stage) -> None:
    many(acme, 9)

    async def main() -> None:
        async with AtSocket(acme.ada) as first, AtSocket(acme.ada) as second:
            await taken(first, 8)
            await second.ready(8)
            await first.drop()
            await second.tasks(8, GENEROUS_SECONDS)

    run(main)


def test_who_lets_a_lease_end_without_a_word_is_given_nothing_until_it_says_something(
    acme: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a frozen process whose connection still stands: its task would burn one attempt after the other there."""
    monkeypatch.setattr(pushing, "LOOK_AFTER_SECONDS", 0.2)
    many(acme, 1)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            await ada.ready(1)
            (claim,) = await ada.tasks(1)
            with clock.held(clock.now() + timedelta(seconds=61)):
                await ada.told("stop", claim)
                (again,) = await in_thread(lambda: proc.until(acme.bob.claim))
                assert (again["task"]["id"], again["attempt"]) == (claim["task"]["id"], 2)
                await in_thread(many, acme, 1)
                assert (await ada.finish(claim))["code"] == "stale_lease"
                assert len(await ada.tasks(2)) == 2

    run(main)
