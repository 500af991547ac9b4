"""One relay leads a lane, the other waits; the cursor's compare-and-set is the fence between them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import psycopg
import pytest
from django.core.management import CommandError, call_command

from chimera.kernel import redis
from chimera.kernel import relay as relays
from chimera.kernel.relay import cursor, leader
from chimera.kernel.relay.leader import Leadership
from chimera.kernel.relay.redis_lane import RedisLane
from tests import cluster
from tests.kernel.log import Noted, log, note, registered, running
from tests.processes.proc import ROOT, until

pytestmark = pytest.mark.usefixtures("db")


def leaders(lane: str) -> list[int]:
    """Pids of the backends that hold the lane's lock."""
    with psycopg.connect(cluster.postgres.urls.superuser, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT l.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND l.granted"
            " AND a.application_name = %s",
            [f"chimera-relay-{lane}"],
        ).fetchall()
    return [row[0] for row in rows]


def terminate(pid: int) -> None:
    with psycopg.connect(cluster.postgres.urls.superuser, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 2000)", [pid])


@contextmanager
def relay_process(*arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "relay", *arguments],
        cwd=ROOT, env=os.environ | {"DJANGO_SETTINGS_MODULE": "chimera.settings"},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def positions(session: UUID) -> list[str]:
    return [position for position, _ in redis.client().xrange(redis.stream(session))]


def test_one_leads_and_the_other_waits_until_it_leaves() -> None:
    first, second = Leadership("redis"), Leadership("redis")
    try:
        until(first.take, 2)
        assert not second.take()
        assert first.take()
        first.release()
        until(second.take, 2)  # the server notices the end of a connection a moment later
        assert not first.take()
    finally:
        first.release()
        second.release()


def test_lanes_are_led_independently() -> None:
    redis_lane, memory_lane = Leadership("redis"), Leadership("memory")
    try:
        until(redis_lane.take, 2)
        until(memory_lane.take, 2)
    finally:
        redis_lane.release()
        memory_lane.release()


def test_a_leader_whose_connection_was_cut_notices_and_the_other_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leader, "CHECK_SECONDS", 0.0)
    first, second = Leadership("redis"), Leadership("redis")
    try:
        until(first.take, 2)
        terminate(leaders("redis")[0])
        assert until(second.take, 2)
        assert not first.take()
    finally:
        first.release()
        second.release()


def test_of_two_that_read_the_same_batch_one_is_fenced_off() -> None:
    """The lock may be lost without our knowing; the cursor cannot be moved twice from the same place."""
    session = uuid4()
    note("1", session=session)
    other = RedisLane()

    def meanwhile(events: object, pipe: object) -> None:
        if not ran:
            ran.append(1)
            other.step()

    ran: list[int] = []
    with registered({Noted: [relays.fast(meanwhile)]}), pytest.raises(cursor.Fenced):
        RedisLane().step()
    assert positions(session) == [str(event.position) for event in log()]


def test_a_fenced_lane_steps_down_and_the_other_goes_on() -> None:
    session = uuid4()
    with registered({}), running("redis"), running("redis"):
        until(lambda: redis.client().get(redis.EPOCH))
        for number in range(3):
            note(str(number), session=session)
            (pid,) = leaders("redis")
            terminate(pid)
            until(lambda n=number: len(positions(session)) == n + 1, 5)
            until(lambda old=pid: leaders("redis") not in ([], [old]), 5)


@pytest.mark.slow
def test_when_the_leader_is_killed_the_standby_takes_over_at_once() -> None:
    session = uuid4()
    with relay_process("--lanes", "redis") as one:
        (first,) = until(lambda: leaders("redis"))
        with relay_process("--lanes", "redis"):
            until(lambda: relays_connected() == 2)
            note("1", session=session)
            until(lambda: len(positions(session)) == 1)
            one.send_signal(signal.SIGKILL)
            killed = time.monotonic()
            note("2", session=session)
            until(lambda: len(positions(session)) == 2, 3)
            assert time.monotonic() - killed < 2
            assert leaders("redis") != [first]
    assert positions(session) == [str(event.position) for event in log()]


def relays_connected() -> int:
    with psycopg.connect(cluster.postgres.urls.superuser, autocommit=True) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'chimera-relay-redis'"
        ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.slow
def test_sigterm_ends_it_cleanly_and_soon() -> None:
    """Under a second on a machine of its own; here others are at work beside us."""
    with relay_process() as process:
        until(lambda: leaders("redis") and leaders("clock") and leaders("memory"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=6) == 0
    assert relays_connected() == 0


@pytest.mark.slow
def test_the_relay_survives_a_postgres_that_was_killed() -> None:
    session = uuid4()
    with registered({}), running("redis"):
        note("1", session=session)
        until(lambda: len(positions(session)) == 1)
        cluster.postgres.kill()
        cluster.postgres.start()
        until(lambda: _noted("2", session))
        until(lambda: len(positions(session)) == 2)
    assert positions(session) == [str(event.position) for event in log()]


def _noted(text: str, session: UUID) -> bool:
    from django.db import OperationalError, connections

    try:
        note(text, session=session)
    except OperationalError:
        connections.close_all()
        return False
    return True


def test_a_lane_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(CommandError, match="no such lane: nowhere"):
        call_command("relay", "--lanes", "nowhere")


def test_the_clock_runs_its_steps_in_one_relay_alone_and_survives_one_that_raises() -> None:
    ticks: list[str] = []

    def broken() -> None:
        raise ZeroDivisionError

    steps = [("broken", 0.1, broken), ("tick", 0.1, lambda: ticks.append("tick"))]
    with registered({}, clock=steps), running("clock"), running("clock"):
        until(lambda: len(leaders("clock")) == 1)
        until(lambda: len(ticks) >= 3)
        assert len(leaders("clock")) == 1
