"""Redis shows locks and decides none: flushed, away, killed, set back or lied to, there is one holder and numbers grow."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections

from chimera.kernel import clock, redis
from swarm import lock_hints
from swarm.models import ResourceLock
from tests import cluster
from tests.cast import Caller, Said, Stage
from tests.swarm.test_locks import FILE, acquire, later, release, renew


def key_of(stage: Stage, resource: str = FILE) -> str:
    return redis.resource_lock(stage.tenant_id, resource)


def shown(stage: Stage) -> Any:
    raw = redis.client().get(key_of(stage))
    return json.loads(str(raw)) if raw else None


@pytest.fixture
def kill_redis(acme: Stage) -> Iterator[Callable[[], None]]:
    yield cluster.redis.kill
    cluster.redis.start()
    redis.try_again()


@contextmanager
def row_held_by_somebody() -> Iterator[None]:
    """A transaction that stays on the lock's row, as one who is just renewing it, and is slow."""
    with psycopg.connect(cluster.postgres.urls.superuser) as slow:
        slow.execute("SELECT 1 FROM swarm_resourcelock FOR UPDATE")
        yield


# ------------------------------------------------------------------ what it shows


def test_people_see_who_holds_it_and_until_when(acme: Stage) -> None:
    taken = acquire(acme.ada, seconds=60).ok(201)
    assert shown(acme) == {
        "fencing_number": taken["fencing_number"],
        "holder": f"agent:{acme.ada.id}",
        "holder_name": "ada",
        "expires_at": taken["expires_at"].replace("Z", "+00:00"),
    }
    assert 58_000 < int(redis.client().pttl(key_of(acme))) <= 60_000  # type: ignore[arg-type]
    assert taken["owner_token"] not in str(shown(acme))
    renew(acme.ada, taken, 600).ok()
    assert 598_000 < int(redis.client().pttl(key_of(acme))) <= 600_000  # type: ignore[arg-type]
    release(acme.ada, taken).ok()
    assert shown(acme) is None


def test_who_finds_the_key_waits_for_nobody(acme: Stage) -> None:
    """With a control: without the key the same call waits for the row, until the database's patience ends."""
    acquire(acme.ada).ok(201)
    with row_held_by_somebody():
        acquire(acme.bob).refused(409, "lock_held")
        redis.client().flushall()
        acquire(acme.bob).refused(503, "busy")


def test_a_slow_process_does_not_overwrite_what_a_later_holder_has_shown(acme: Stage) -> None:
    first = acquire(acme.ada).ok(201)
    with acme.bound():
        early = ResourceLock.objects.get()
    release(acme.ada, first).ok()
    second = acquire(acme.bob).ok(201)
    lock_hints.show(early)
    assert shown(acme)["fencing_number"] == second["fencing_number"]
    lock_hints.forget(early)
    assert shown(acme)["fencing_number"] == second["fencing_number"]


# ------------------------------------------------------------------ what it cannot do


def test_flushed_redis_gives_nobody_a_second_lock(acme: Stage) -> None:
    taken = acquire(acme.ada).ok(201)
    redis.client().flushall()
    acquire(acme.bob).refused(409, "lock_held")
    renew(acme.ada, taken).ok()
    assert shown(acme)["holder_name"] == "ada"
    redis.client().flushall()
    release(acme.ada, taken).ok()
    redis.client().flushall()
    assert acquire(acme.bob).ok(201)["fencing_number"] > taken["fencing_number"]


def test_without_redis_all_goes_on(acme: Stage, kill_redis: Callable[[], None]) -> None:
    taken = acquire(acme.ada, seconds=60).ok(201)
    kill_redis()
    acquire(acme.bob).refused(409, "lock_held")
    renew(acme.ada, taken, 60).ok()
    release(acme.ada, taken).ok()
    second = acquire(acme.bob, seconds=30).ok(201)
    assert second["fencing_number"] > taken["fencing_number"]
    with later(31):
        assert acquire(acme.pia).ok(201)["fencing_number"] > second["fencing_number"]
        renew(acme.bob, second).refused(409, "lock_lost")
        release(acme.bob, second).refused(409, "lock_lost")
    assert len(acme.otto.get("locks").ok()["results"]) == 1


def test_a_key_that_came_back_from_the_past_keeps_nobody_out(acme: Stage) -> None:
    """As after a restart from an older snapshot: Ada's key is there again, though she has released it."""
    first = acquire(acme.ada).ok(201)
    past = redis.client().dump(key_of(acme))
    release(acme.ada, first).ok()
    redis.client().restore(key_of(acme), 50_000, past)  # type: ignore[arg-type]
    assert shown(acme)["holder_name"] == "ada"
    second = acquire(acme.bob).ok(201)
    assert second["fencing_number"] > first["fencing_number"]
    assert shown(acme)["holder_name"] == "bob"
    redis.client().restore(key_of(acme), 50_000, past, replace=True)  # type: ignore[arg-type]
    refused = acquire(acme.pia).refused(409, "lock_held")
    assert refused["holder_name"] == "bob"  # PostgreSQL's word, not the key's
    renew(acme.ada, first).refused(409, "lock_lost")
    renew(acme.bob, second).ok()
    assert shown(acme)["holder_name"] == "bob"


LIES = ("", "no json", "[]", "null", '{"fencing_number": 999999999999}', '{"fencing_number": "x"}', "7")


@pytest.mark.parametrize("lie", LIES)
def test_whatever_stands_in_the_key_takes_and_gives_nothing(acme: Stage, lie: str) -> None:
    redis.client().set(key_of(acme), lie, ex=60)
    taken = acquire(acme.ada).ok(201)
    assert taken["fencing_number"] < 999_999_999_999
    redis.client().set(key_of(acme), lie, ex=60)
    acquire(acme.bob).refused(409, "lock_held")
    release(acme.ada, taken).ok()
    acquire(acme.bob).ok(201)


def test_a_key_of_another_type_gives_way(acme: Stage) -> None:
    redis.client().rpush(key_of(acme), "a list")
    taken = acquire(acme.ada).ok(201)
    assert shown(acme)["holder_name"] == "ada"
    redis.client().delete(key_of(acme))
    redis.client().rpush(key_of(acme), "a list")
    release(acme.ada, taken).ok()
    assert redis.client().exists(key_of(acme)) == 0


def test_the_key_of_another_tenant_is_another_key(acme: Stage, zenith: Stage) -> None:
    acquire(acme.ada).ok(201)
    assert shown(zenith) is None
    acquire(zenith.ada).ok(201)


# ------------------------------------------------------------------ PostgreSQL set back


@pytest.fixture
def base(acme: Stage) -> Iterator[None]:
    """The base is the one thing that emptying leaves alone."""
    yield
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE kernel_xidbase SET base = 0")


def as_if_restored(to: int) -> None:
    """A copy of the database from when the number `to` was the last; what was handed out since, it does not know."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT setval('swarm_fencing', %s)", [to])
    with psycopg.connect(cluster.postgres.urls.superuser, autocommit=True) as connection:
        connection.execute("DELETE FROM swarm_resourcelock")


@pytest.mark.usefixtures("base")
def test_after_a_restore_the_raised_base_keeps_the_numbers_growing(acme: Stage) -> None:
    def one(who: Caller) -> int:
        said = acquire(who).ok(201)
        release(who, said).ok()
        return int(said["fencing_number"])

    old = one(acme.ada)
    newest = [one(acme.bob) for _ in range(5)][-1]
    as_if_restored(old)
    assert one(acme.ada) <= newest  # the control: smaller than one that is out there
    as_if_restored(old)
    call_command("raise_xid_base", stdout=StringIO())
    assert one(acme.ada) > newest


def test_the_application_cannot_set_the_numbers_back(acme: Stage) -> None:
    from django.db import ProgrammingError, connection

    for sql in ("SELECT setval('swarm_fencing', 1)", "ALTER SEQUENCE swarm_fencing RESTART"):
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), acme.bound():
            with connection.cursor() as cursor:
                cursor.execute(sql)


def test_a_row_keeps_growing_where_the_sequence_alone_was_lost(acme: Stage) -> None:
    """As on a logical replica, which has the rows and not the sequences."""
    first: Said = acquire(acme.ada, seconds=30).ok(201)
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT setval('swarm_fencing', 1)")
    with clock.held(clock.now() + timedelta(seconds=31)):
        assert acquire(acme.bob).ok(201)["fencing_number"] > first["fencing_number"]
    with connections["owner"].cursor() as cursor:  # for the tests that follow
        cursor.execute("SELECT setval('swarm_fencing', %s)", [first["fencing_number"] + 100])
