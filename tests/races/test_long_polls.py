"""Agents wait for work by the hundred: they hold no connection meanwhile, and each hears when there is something."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection, connections
from django.test import AsyncRequestFactory

from chimera.kernel import clock
from chimera.kernel.actors import SYSTEM
from chimera.kernel.http import waiting as waiting_room
from chimera.kernel.http.waiting import waiters
from chimera.kernel.relay.pace import Pace
from chimera.kernel.relay.redis_lane import RedisLane
from swarm.actions import agents
from swarm.api import longpoll
from swarm.api.longpoll import claims
from swarm.models import AgentKey
from tests.cast import Stage

AGENTS = 40  # more than twice the pool
PATIENCE_SECONDS = 30.0


@pytest.fixture
def keys(acme: Stage) -> list[str]:
    with acme.bound():
        return [
            agents.register(name=f"w{n}", role="worker", capabilities=[], tools_config={}, max_slots=1, by=SYSTEM)[1]
            for n in range(AGENTS)
        ]


async def poll(key: str, seconds: int) -> tuple[int, Any]:
    request = AsyncRequestFactory().post(
        "/api/v1/claims",
        json.dumps({"max": 1, "wait_seconds": seconds}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {key}"},
    )
    response = await claims(request)
    return response.status_code, json.loads(response.content)


async def until(ask: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not ask():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def waiting() -> int:
    return sum(len(line) for line in waiters()._lines.values())


def in_use() -> int:
    """Connections that somebody has taken from the pool."""
    stats = connection.pool.get_stats()  # type: ignore[attr-defined]
    return int(stats["pool_size"] - stats["pool_available"])


def offer(acme: Stage, number: int) -> None:
    session = acme.session()
    for _ in range(number):
        acme.task(session)
    lane = RedisLane()
    while lane.step() is not Pace.IDLE:
        pass
    connections.close_all()


def test_who_waits_holds_no_connection_and_hears_of_work(acme: Stage, keys: list[str]) -> None:
    async def scene() -> list[tuple[int, Any]]:
        polls = [asyncio.create_task(poll(key, 25)) for key in keys]
        await until(lambda: waiting() == AGENTS and in_use() == 0)
        began = time.monotonic()
        await sync_to_async(offer, thread_sensitive=False)(acme, AGENTS)
        answers = await asyncio.gather(*polls)
        assert time.monotonic() - began < 20, "nobody waited to the end"
        return answers

    connections.close_all()
    answers = async_to_sync(scene)()
    claimed = [claim["task"]["id"] for status, body in answers for claim in body["claims"]]
    assert [status for status, _ in answers] == [200] * AGENTS
    assert len(set(claimed)) == len(claimed) == AGENTS


def test_work_that_comes_between_the_look_and_the_wait_is_heard_of(
    acme: Stage, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []

    def look_and_then_there_is_work(request: Any) -> Any:
        answer = call(request)
        looks.append(1)
        if len(looks) == 2:  # the last one before it waits
            offer(acme, 1)
        return answer

    call = longpoll._call
    monkeypatch.setattr(longpoll, "_call", look_and_then_there_is_work)
    monkeypatch.setattr(waiting_room, "PATROL_SECONDS", PATIENCE_SECONDS)
    _, body = async_to_sync(poll)(keys[0], 8)
    assert len(body["claims"]) == 1
    assert len(looks) == 3, "it was woken, and did not look because its time was over"


def test_a_poll_that_waits_in_vain_answers_nothing(keys: list[str]) -> None:
    began = time.monotonic()
    assert async_to_sync(poll)(keys[0], 1) == (200, {"claims": []})
    assert time.monotonic() - began >= 1


def test_a_key_that_is_revoked_meanwhile_is_told_so(acme: Stage, keys: list[str]) -> None:
    def revoke() -> None:
        with acme.bound():
            AgentKey.objects.update(revoked_at=clock.now())
        connections.close_all()

    async def scene() -> tuple[int, Any]:
        waits = asyncio.create_task(poll(keys[0], 20))
        await until(lambda: waiting() == 1)
        await sync_to_async(revoke, thread_sensitive=False)()
        return await waits

    status, body = async_to_sync(scene)()
    assert (status, body["code"]) == (401, "unauthenticated")


def test_an_odd_wait_is_refused_at_once(keys: list[str]) -> None:
    for odd in (-1, 31, 10_000_000):
        status, body = async_to_sync(poll)(keys[0], odd)
        assert (status, body["code"]) == (422, "invalid")
