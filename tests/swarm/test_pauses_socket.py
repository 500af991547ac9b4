"""The same at the socket: nothing is pushed while it is paused, and what waits is pushed at once when it goes on."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connections

from chimera.kernel.bridge import in_thread
from tests.cast import Stage
from tests.kernel.log import running
from tests.swarm.at_socket import AtSocket
from tests.swarm.pausing import WHAT, Scene

AT_ONCE_SECONDS = 1.0
PATIENCE_SECONDS = 20


@pytest.fixture(autouse=True)
def relay(db: None) -> Iterator[None]:
    """The lane that hands out work, and none that looks after what it forgot."""
    with running("redis"):
        yield


def played(main: Callable[[], Any]) -> None:
    connections.close_all()
    async_to_sync(main)()


async def until_queued(scene: Scene, task: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while await in_thread(scene.status, task) != "queued":
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("what", WHAT)
def test_a_socket_gets_no_task_while_it_is_paused_and_gets_it_at_once_when_it_goes_on(acme: Stage, what: str) -> None:
    scene = Scene(acme, what)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            await ada.ready(1)
            first, second = await in_thread(scene.task), await in_thread(scene.task)
            assert (await ada.tasks(1))[0]["task"]["id"] == first
            await until_queued(scene, second)
            await in_thread(scene.pause)
            await ada.ready(8)
            await asyncio.wait([asyncio.create_task(ada.tasks(2))], timeout=AT_ONCE_SECONDS)
            assert len(ada.claims) == 1
            assert await in_thread(scene.status, second) == "queued"
            await in_thread(scene.resume)
            began = time.monotonic()
            assert (await ada.tasks(2))[1]["task"]["id"] == second
            assert time.monotonic() - began < AT_ONCE_SECONDS

    played(main)


def test_a_paused_agent_at_its_socket_leaves_the_work_to_others(acme: Stage) -> None:
    scene = Scene(acme, "agent")

    async def main() -> None:
        async with AtSocket(acme.ada) as ada, AtSocket(acme.bob) as bob:
            await ada.ready(8)
            await bob.ready(1)
            await in_thread(scene.pause)
            task = await in_thread(scene.task)
            began = time.monotonic()
            assert (await bob.tasks(1))[0]["task"]["id"] == task
            assert time.monotonic() - began < 2 * AT_ONCE_SECONDS
            assert ada.claims == []

    played(main)
