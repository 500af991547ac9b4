"""A paused session, campaign or agent gets no new task, by a call or a long poll; resumed it gets them at once."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connections
from django.test import AsyncRequestFactory

from chimera.kernel import redis
from chimera.kernel.bridge import in_thread
from swarm import dispatch
from swarm.api.longpoll import claims
from tests.cast import Caller, Stage
from tests.kernel.log import running
from tests.swarm.pausing import WHAT, Scene

Settle = Callable[[], None]
AT_ONCE_SECONDS = 1.0  # no step of a clock, and no look now and then, is as short on a busy machine
PATIENCE_SECONDS = 20


@pytest.fixture(params=WHAT)
def scene(acme: Stage, request: pytest.FixtureRequest) -> Scene:
    return Scene(acme, request.param)


@pytest.fixture
def relay(db: None) -> Iterator[None]:
    """The lanes that hand out work, and none that looks after what they forgot."""
    with running("redis"):
        yield


# ------------------------------------------------------------------ single calls


def test_nothing_is_claimed_while_it_is_paused_and_what_is_held_may_be_finished(
    acme: Stage, scene: Scene, settle: Settle
) -> None:
    held, waiting = scene.task(), scene.task()
    settle()
    (claim,) = acme.ada.claim()
    scene.pause()
    settle()
    assert [acme.ada.claim(5), acme.ada.claim(5, types=["research"])] == [[], []]
    beat = acme.ada.post(f"tasks/{claim['task']['id']}/heartbeat", {"lease_token": claim["lease_token"]}).ok()
    assert beat["commands"] == ["pause"]
    assert acme.ada.finish(claim).ok()["outcome"] == "completed"
    scene.resume()
    settle()
    assert {held, waiting} == {claim["task"]["id"], acme.ada.claim()[0]["task"]["id"]}


def test_nothing_is_claimed_without_redis_either(
    acme: Stage, scene: Scene, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.task()
    settle()
    scene.pause()
    monkeypatch.setattr(redis, "_away_until", float("inf"))
    assert acme.ada.claim() == []
    scene.resume()
    assert len(acme.ada.claim()) == 1


def test_what_becomes_ready_meanwhile_waits_and_is_handed_out_when_it_goes_on(
    acme: Stage, scene: Scene, settle: Settle
) -> None:
    scene.pause()
    task = scene.task()
    settle()
    dispatch.queue_due()
    dispatch.restock()
    assert acme.ada.claim() == []
    scene.resume()
    settle()
    dispatch.queue_due()
    assert [claim["task"]["id"] for claim in acme.ada.claim()] == [task]


@pytest.mark.parametrize("what", ["session", "campaign"])
def test_what_waits_in_a_paused_house_stands_in_nobodys_way(acme: Stage, settle: Settle, what: str) -> None:
    scene = Scene(acme, what)
    for _ in range(20):
        scene.task()
    settle()
    scene.pause()
    other = acme.task(acme.session())["id"]
    settle()
    assert [claim["task"]["id"] for claim in acme.bob.claim()] == [other]


def test_a_paused_agent_keeps_no_task_from_others(acme: Stage, settle: Settle) -> None:
    scene = Scene(acme, "agent")
    task = scene.task()
    settle()
    scene.pause()
    assert acme.ada.claim() == []
    assert [claim["task"]["id"] for claim in acme.bob.claim()] == [task]


# ------------------------------------------------------------------ whoever waits


async def poll(who: Caller) -> list[dict[str, Any]]:
    request = AsyncRequestFactory().post(
        "/api/v1/claims",
        json.dumps({"max": 1, "wait_seconds": PATIENCE_SECONDS}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {who.secret}"},
    )
    response = await claims(request)
    assert response.status_code == 200
    found: list[dict[str, Any]] = json.loads(response.content)["claims"]
    return found


async def until(ask: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not await in_thread(ask):
        assert time.monotonic() < deadline, "still waiting"
        await asyncio.sleep(0.02)


def played(main: Callable[[], Any]) -> None:
    connections.close_all()
    async_to_sync(main)()


@pytest.mark.usefixtures("relay")
def test_a_long_poll_that_waits_meanwhile_is_answered_at_once_when_it_goes_on(acme: Stage, scene: Scene) -> None:
    async def main() -> None:
        task = await in_thread(scene.task)
        await until(lambda: scene.status(task) == "queued")
        await in_thread(scene.pause)
        waits = asyncio.create_task(poll(acme.ada))
        done, _ = await asyncio.wait([waits], timeout=AT_ONCE_SECONDS)
        assert not done, "it is paused"
        await in_thread(scene.resume)
        began = time.monotonic()
        assert [claim["task"]["id"] for claim in await waits] == [task]
        assert time.monotonic() - began < AT_ONCE_SECONDS

    played(main)
