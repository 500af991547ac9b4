"""The agents' socket: who is let in, tasks are pushed to free slots, and what breaks disturbs nothing else."""

from typing import Any

import pytest

from chimera.kernel.bridge import in_thread
from tests.cast import Stage
from tests.live.watching import run, until
from tests.swarm.at_socket import AtSocket, held, many

pytestmark = pytest.mark.usefixtures("relay")


def test_an_agent_is_greeted_and_its_slots_are_filled(acme: Stage) -> None:
    made = many(acme, 10)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            hello = ada.hello
            assert (hello["agent"], hello["name"], hello["role"]) == (acme.ada.id, "ada", "worker")
            assert (hello["max_slots"], hello["unanswered_max"], hello["frame_bytes_max"]) == (8, 256, 262144)
            assert (hello["lease_seconds"], hello["heartbeat_seconds"]) == (60, 10)
            assert (await ada.ready(3))["slots"] == 3
            claims = await ada.tasks(3)
            assert {"task", "lease_token", "lease_expires_at", "attempt", "resume"} <= set(claims[0])
            assert [claim["task"]["id"] for claim in claims] == made[:3]
            assert claims[0]["lease_expires_at"].endswith("Z")
            assert claims[0]["task"] == (await in_thread(acme.ada.get, f"tasks/{made[0]}")).body | {
                "results": claims[0]["task"]["results"],
                "progress": None,
            }
            assert await held(acme) == 3

    run(main)


def test_more_slots_than_it_has_are_granted_as_many_as_it_has(acme: Stage) -> None:
    many(acme, 12)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            assert (await ada.ready(100))["slots"] == 8
            await ada.tasks(8)
            assert (await ada.ready(0))["slots"] == 0
            await ada.finish(ada.claims[0])
            assert (await ada.ready(8))["slots"] == 8
            await ada.tasks(9)
            assert await held(acme) == 8

    run(main)


def test_a_finished_task_makes_room_for_the_next(acme: Stage) -> None:
    made = many(acme, 6)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            await ada.ready(1)
            for number in range(6):
                claim = (await ada.tasks(number + 1))[number]
                answer = await ada.finish(claim)
                assert answer | {"ref": ""} == {
                    "kind": "ack", "ref": "", "task": made[number], "status": "completed", "outcome": "completed", "review": None,
                }  # fmt: skip
            assert await held(acme) == 0

    run(main)


def test_only_tasks_of_the_types_it_names_come(acme: Stage) -> None:
    session = acme.session()
    acme.task(session, type="research")
    acme.task(session, type="research")
    wanted = acme.task(session, type="render")["id"]

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            await ada.ready(8, types=["render", "print"])
            assert [claim["task"]["id"] for claim in await ada.tasks(1)] == [wanted]
            late = (await in_thread(lambda: acme.task(session, type="print")))["id"]
            assert [claim["task"]["id"] for claim in await ada.tasks(2)] == [wanted, late]
            await ada.ready(8)
            assert len(await ada.tasks(4)) == 4

    run(main)


def test_people_and_strangers_stay_outside(acme: Stage) -> None:
    async def main() -> None:
        for secret, code in ((acme.otto.secret, 4403), ("chm_nobody_" + "x" * 40, 4401), ("", 4401)):
            stranger = await AtSocket(secret).open()
            assert stranger.closed == code
            assert stranger.heard == []
            await stranger.drop()

    run(main)


def test_a_fault_of_one_handler_is_its_own_answer_and_nothing_else(
    acme: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from swarm.consumers import answering

    many(acme, 2)
    beat = answering._beat

    async def broken(*args: Any) -> Any:
        raise ZeroDivisionError

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            await ada.ready(1)
            claim = (await ada.tasks(1))[0]
            monkeypatch.setattr(answering, "_beat", broken)
            said = await ada.beat(claim)
            assert (said["kind"], said["code"]) == ("error", "internal")
            monkeypatch.setattr(answering, "_beat", beat)
            assert (await ada.beat(claim))["kind"] == "ack"
            await ada.finish(claim)
            await ada.tasks(2)

    run(main)


def test_a_push_that_fails_is_tried_again(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from swarm.consumers import pushing, working

    many(acme, 1)
    tries: list[int] = []
    take = working.take

    def fails_twice(*args: Any) -> Any:
        tries.append(1)
        if len(tries) < 3:
            raise ZeroDivisionError
        return take(*args)

    monkeypatch.setattr(working, "take", fails_twice)
    monkeypatch.setattr(pushing, "FAULT_SECONDS", 0.05)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            await ada.ready(1)
            await ada.tasks(1)
            await until(lambda: len(tries) >= 3)

    run(main)
