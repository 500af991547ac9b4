"""PENDING → QUEUED in one statement for all tenants: the rule of readiness, the fact it tells, and the lists."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from chimera.kernel import clock, eventlog, redis, tenancy
from chimera.kernel.relay.pace import Pace
from chimera.kernel.relay.redis_lane import RedisLane
from swarm import dispatch
from swarm.dispatch import lists, queueing, stock
from swarm.events import TaskQueued
from swarm.models import Task
from tests import cluster
from tests.cast import Stage
from tests.kernel.log import drain

Settle = Callable[[], None]


def task_of(stage: Stage, task_id: str) -> Task:
    with stage.bound():
        return Task.objects.get(pk=task_id)


def listed(stage: Stage, band: str = "normal", role: str = "worker") -> list[str]:
    found: Any = redis.client().lrange(redis.queue(band, stage.tenant_id, role), 0, -1)
    return [lists.id_of(entry) for entry in found]


def told() -> list[eventlog.Recorded]:
    with tenancy.system():
        return [e for e in eventlog.read(eventlog.START, limit=1000) if e.type == TaskQueued.full_type()]


def queued(*task_ids: str) -> list[str]:
    return [str(task.id) for task in queueing.make_queued([UUID(i) for i in task_ids])]


def test_the_fact_that_is_told_is_the_one_that_the_task_would_tell(acme: Stage) -> None:
    task = acme.task(acme.session(), priority=80, concurrency_key="printer")
    drain(RedisLane())
    row, (event,) = task_of(acme, task["id"]), told()
    assert event.fact() == TaskQueued.about(row)
    assert event.payload == TaskQueued.about(row).model_dump(mode="json")
    assert (event.tenant_id, event.session_id, event.task_id) == (acme.tenant_id, row.session_id, row.pk)
    assert (event.actor, event.at) == ("system:chimera", row.queued_at)


def test_tasks_of_two_tenants_are_queued_together_and_stay_apart(acme: Stage, zenith: Stage) -> None:
    ours, theirs = acme.task(acme.session())["id"], zenith.task(zenith.session(), priority=90)["id"]
    drain(RedisLane())
    assert {(e.tenant_id, str(e.task_id)) for e in told()} == {(acme.tenant_id, ours), (zenith.tenant_id, theirs)}
    assert len({e.position.xid for e in told()}) == 1
    assert (listed(acme), listed(zenith, "high"), listed(acme, "high"), listed(zenith)) == ([ours], [theirs], [], [])


def test_facts_of_one_batch_are_told_in_the_order_of_their_tasks(acme: Stage) -> None:
    session = acme.session()
    tasks = [acme.task(session)["id"] for _ in range(5)]
    assert queued(*reversed(tasks)) == tasks
    assert [str(e.task_id) for e in told()] == tasks


def test_only_what_is_ready_is_queued(acme: Stage) -> None:
    open_house, paused = acme.session(), acme.session()
    first = acme.task(open_house)["id"]
    later = acme.task(open_house, not_before=(clock.now() + timedelta(hours=1)).isoformat())["id"]
    waits = acme.task(open_house, depends_on=[first])["id"]
    away = acme.task(paused)["id"]
    acme.otto.post(f"sessions/{paused['id']}/pause").ok()
    assert queued(first, later, waits, away) == [first]
    with clock.held(clock.now() + timedelta(hours=2)):
        assert sorted(queued(later, waits, away)) == [later]
    acme.otto.post(f"sessions/{paused['id']}/resume").ok()
    assert queued(away) == [away]


def test_a_task_of_a_paused_campaign_waits(acme: Stage) -> None:
    campaign = acme.otto.post("campaigns", {"name": "c", "goal": "g"}).ok(201)
    task = acme.task(acme.session(campaign=campaign["id"]))["id"]
    acme.otto.post(f"campaigns/{campaign['id']}/pause").ok()
    assert queued(task) == []
    acme.otto.post(f"campaigns/{campaign['id']}/resume").ok()
    assert queued(task) == [task]


@pytest.mark.parametrize("open_one", [0, 1, 2])
def test_a_join_waits_for_the_last_of_those_it_depends_on(acme: Stage, settle: Settle, open_one: int) -> None:
    session = acme.session()
    parts = [acme.task(session, priority=50 - number)["id"] for number in range(3)]
    join = acme.task(session, depends_on=parts)["id"]
    settle()
    claims = {claim["task"]["id"]: claim for claim in acme.ada.claim(3)}
    last = claims.pop(parts[open_one])
    for claim in claims.values():
        acme.ada.finish(claim).ok()
    settle()
    assert task_of(acme, join).status == "pending"
    acme.ada.finish(last).ok()
    settle()
    assert listed(acme) == [join]


def test_a_task_that_somebody_holds_is_left_to_the_next_look(acme: Stage) -> None:
    session = acme.session()
    held, free = acme.task(session)["id"], acme.task(session)["id"]
    with psycopg.connect(cluster.postgres.urls.superuser) as elsewhere:
        elsewhere.execute("SELECT 1 FROM swarm_task WHERE id = %s FOR UPDATE", [held])
        assert queued(held, free) == [free]
    dispatch.queue_due()
    assert listed(acme) == [held]


def test_a_running_writer_keeps_no_task_from_the_lists_and_it_stands_there_once(acme: Stage) -> None:
    session, lane = acme.session(), RedisLane()
    drain(lane)
    with psycopg.connect(cluster.postgres.urls.superuser, dbname="postgres") as elsewhere:
        elsewhere.execute("SELECT pg_current_xact_id()")
        task = acme.task(session)["id"]
        for _ in range(3):
            assert lane.step() is Pace.WITHHELD
        assert listed(acme) == [task]
        elsewhere.commit()
    drain(lane)
    assert (listed(acme), len(told())) == ([task], 1)


def test_what_was_queued_before_is_pushed_again_and_told_once(acme: Stage) -> None:
    task = acme.task(acme.session())["id"]
    assert queued(task) == queued(task) == [task]
    assert len(told()) == 1


def test_what_the_clock_has_queued_the_lane_does_not_push_once_more(acme: Stage) -> None:
    task = acme.task(acme.session())["id"]
    dispatch.queue_due()
    drain(RedisLane())
    assert (listed(acme), len(told())) == ([task], 1)


def test_what_the_clock_could_not_push_a_lane_that_reads_of_it_pushes(
    acme: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(tasks: Any) -> None:
        raise redis.Away

    session, lane = acme.session(), RedisLane()
    drain(lane)
    task = acme.task(session)["id"]
    with monkeypatch.context() as patch:
        patch.setattr(stock, "_push_now", away)
        dispatch.queue_due()
    assert listed(acme) == []
    drain(lane)
    assert (listed(acme), len(told())) == ([task], 1)


def test_what_demands_capabilities_stands_in_no_list_but_those_who_wait_hear_of_it(acme: Stage) -> None:
    with redis.client().pubsub(ignore_subscribe_messages=True) as ears:  # type: ignore[no-untyped-call]
        ears.subscribe(redis.DISPATCH_CHANNEL)
        ears.get_message(timeout=1)
        acme.task(acme.session(), requires=["python"])
        drain(RedisLane())
        heard = ears.get_message(timeout=5)
    assert heard
    assert heard["data"].startswith(f"{acme.tenant_id}:worker")
    assert [listed(acme, band) for band in redis.PRIORITIES] == [[], [], []]


def test_nobody_is_asked_about_dependents_where_there_are_none(
    acme: Stage, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme.task(acme.session())
    settle()
    (claim,) = acme.ada.claim()
    acme.ada.finish(claim).ok()
    monkeypatch.setattr(queueing, "_RELEASED", "SELECT 1 / 0")
    settle()


@pytest.mark.parametrize("who", ["the lane", "the clock"])
def test_what_is_sent_back_stands_in_its_list_again_whoever_queued_it_first(acme: Stage, who: str) -> None:
    session, lane = acme.session(), RedisLane()
    drain(lane)
    task = acme.task(session)["id"]
    if who == "the clock":
        dispatch.queue_due()
    drain(lane)
    assert listed(acme) == [task]
    (claim,) = acme.ada.claim(1)
    assert acme.ada.finish(claim, confidence=0.1).ok()["outcome"] == "retrying"
    drain(lane)
    assert listed(acme) == [task]
