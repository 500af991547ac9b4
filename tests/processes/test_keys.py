"""A walk through the Redis of a running house: the names, types and times to live of kernel/redis.py, and nothing else."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from websockets.sync.client import connect

from chimera.kernel import redis
from commerce.models import SpendWindow
from swarm.dispatch.lists import id_of
from tests.architecture.tree import PACKAGES, parsed, python
from tests.cast import Stage
from tests.processes.harness import House, until

ID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
TAG = r"\{" + ID + r"\}"  # what a Redis Cluster keeps on one node
DAY, HOUR = 24 * 3600, 3600
SETTLED_SECONDS = 20
SPENT_MICRO_USD = 24_000_001  # by `work`: 2 captured of 3, 1.000001 held, 21 held for a decision


@dataclass(frozen=True)
class Kind:
    """One row of the table of keys; no `ttl` means that it never ends by itself."""

    name: str
    type: str
    ttl: int | None
    made: str  # what kernel/redis.py makes of an example
    at_work: bool = False  # the work of this test makes one

    def owns(self, key: str) -> bool:
        return re.fullmatch(self.name, key) is not None


ANY = UUID("01900000-0000-7000-8000-000000000001")
KINDS = (
    Kind(f"chimera:queue:(high|normal|low):{TAG}:[a-z_]+", "list", None, redis.queue("high", ANY, "worker"), True),
    Kind(f"chimera:inflight:{TAG}", "zset", None, redis.inflight(ANY), True),
    Kind(f"chimera:agent:{ID}:heartbeat", "string", 30, redis.heartbeat(ANY), True),
    Kind("chimera:agents:heard", "zset", None, redis.AGENTS_HEARD, True),
    Kind(rf"chimera:lock:resource:{ID}:.+", "string", HOUR, redis.resource_lock(ANY, "printer"), True),
    Kind(rf"chimera:spend:{ID}:\d{{4}}-\d\d-\d\d", "string", DAY, redis.spend(ANY, date(2026, 1, 31)), True),
    Kind(f"chimera:session:{ID}:stream", "stream", HOUR, redis.stream(ANY), True),
    Kind(f"chimera:task:{ID}:progress", "hash", HOUR, redis.progress(ANY), True),
    Kind(f"chimera:persona:{ID}", "hash", 600, redis.persona(ANY)),
    Kind(r"chimera:cache:\d+:.+", "string", 300, redis.cache_key("a", "chimera:cache", 1)),
    Kind(f"chimera:conversation:{ID}", "list", HOUR, redis.conversation(ANY)),
    Kind(f"chimera:logs:{ID}", "stream", HOUR, redis.logs(ANY)),
    Kind(f"chimera:beliefs:{ID}", "string", 300, redis.beliefs(ANY)),
    Kind(f"chimera:coalition:{ID}:members", "set", 600, redis.coalition_members(ANY)),
    Kind("chimera:epoch", "string", None, redis.EPOCH, True),
)


@pytest.fixture
def house(db: None, tmp_path: Path) -> Iterator[House]:
    """Its relay has found Redis empty and filled it; later work is pushed once, and its ids are in one place."""
    made = House(tmp_path, [])
    made.start("web", "relay")
    try:
        until(lambda: redis.client().get(redis.EPOCH), SETTLED_SECONDS)
        yield made
    finally:
        made.stop()


def work(stage: Stage) -> dict[str, Any]:
    """Held, captured and waiting money; a task at work, one that is blocked, three that wait; progress, a heartbeat, a lock."""
    stage.budget(day_usd="100", approval_threshold_usd="20")
    session = stage.session()
    one = claimed(stage, session)
    held = stage.ada.spend(one, "3").ok(201)
    stage.ada.spend(one, "1.000001").ok(201)
    stage.ada.post(f"transactions/{held['id']}/capture", {"lease_token": one["lease_token"], "amount_usd": "2"}).ok()
    stage.ada.spend(claimed(stage, session), "21").ok(202)
    stage.ada.spend(one, "500").refused(402, "budget_exceeded")
    waiting = [stage.task(session, priority=priority)["id"] for priority in (90, 50, 10)]
    progress = {"phase": "reading", "percentage": 40, "message": "page 12 of 30"}
    beat = {"lease_token": one["lease_token"], "progress": progress}
    stage.ada.post(f"tasks/{one['task']['id']}/heartbeat", beat).ok()
    stage.ada.post("locks", {"resource": "printer", "ttl_seconds": HOUR}).ok(201)
    return {"session": session["id"], "running": one["task"]["id"], "waiting": waiting}


def claimed(stage: Stage, session: dict[str, Any]) -> dict[str, Any]:
    """Asked for until the relay has queued it."""
    made, claims = stage.task(session), list[dict[str, Any]]()

    def ask() -> bool:
        claims.extend(stage.ada.claim())
        return bool(claims)

    until(ask, SETTLED_SECONDS)
    assert [claim["task"]["id"] for claim in claims] == [made["id"]]
    return claims[0]


def is_queued(stage: Stage, waiting: list[str]) -> bool:
    """Each in the list of its band."""
    lists = [redis.client().lrange(redis.queue(band, stage.tenant_id, "worker"), 0, -1) for band in redis.PRIORITIES]
    return [{id_of(entry) for entry in entries} for entries in lists] == [{task_id} for task_id in waiting]  # type: ignore[arg-type]


def spent(stage: Stage) -> tuple[str, int]:
    """From PostgreSQL: the key of the day's mirror, and held + captured in micro-dollars."""
    with stage.bound():
        window = SpendWindow.objects.get(kind="day")
        micro_usd = (window.held_usd + window.captured_usd) * Decimal(1_000_000)
    assert window.starts_on
    return redis.spend(stage.tenant_id, window.starts_on), int(micro_usd)


def is_mirrored(stage: Stage) -> bool:
    key, micro_usd = spent(stage)
    return redis.client().get(key) == str(micro_usd)


def is_in_flight(stage: Stage, running: str) -> bool:
    """And nothing else is."""
    return redis.client().zrange(redis.inflight(stage.tenant_id), 0, -1) == [running]


@pytest.mark.slow
def test_a_running_house_has_these_keys_and_no_others(acme: Stage, zenith: Stage, house: House) -> None:
    stages = {stage.tenant_id: stage for stage in (acme, zenith)}
    made = {tenant_id: work(stage) for tenant_id, stage in stages.items()}
    watched = f"ws://127.0.0.1:{house.port}/ws/sessions/{made[acme.tenant_id]['session']}/"
    with connect(watched, additional_headers={"Authorization": f"Bearer {acme.ada.secret}"}) as viewer:
        while '"kind":"live"' not in str(viewer.recv(timeout=10)):
            pass
        for tenant_id, stage in stages.items():
            until(partial(is_queued, stage, made[tenant_id]["waiting"]), SETTLED_SECONDS)
            until(partial(is_mirrored, stage), SETTLED_SECONDS)
            until(partial(is_in_flight, stage, made[tenant_id]["running"]), SETTLED_SECONDS)
        check_keys()
    assert [spent(stage)[1] for stage in stages.values()] == [SPENT_MICRO_USD] * 2
    for tenant_id, stage in stages.items():
        expected = {redis.inflight(tenant_id), *(redis.queue(b, tenant_id, "worker") for b in redis.PRIORITIES)}
        expected |= {redis.heartbeat(UUID(stage.ada.id)), redis.stream(UUID(made[tenant_id]["session"]))}
        expected |= {redis.progress(UUID(made[tenant_id]["running"])), spent(stage)[0]}
        expected |= {redis.resource_lock(tenant_id, "printer")}
        assert expected <= set(redis.client().scan_iter())


def check_keys() -> None:
    """Each key is of one kind, with its type and its time to live; every kind that the work makes is there."""
    client, seen = redis.client(), set()
    for key in client.scan_iter(count=1000):
        kinds = [kind for kind in KINDS if kind.owns(key)]
        assert len(kinds) == 1, f"{key} is of {kinds}"
        (kind,) = kinds
        assert client.type(key) == kind.type, key
        left = int(client.ttl(key))  # type: ignore[arg-type]
        assert left == -1 if kind.ttl is None else kind.ttl - 30 <= left <= kind.ttl, f"{key} ends in {left} s"
        seen.add(kind)
    assert seen >= {kind for kind in KINDS if kind.at_work}
    assert set(client.info("keyspace")) == {"db0"}  # type: ignore[arg-type]
    assert set(client.pubsub_channels()) <= {redis.NUDGE_CHANNEL, redis.DISPATCH_CHANNEL}  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.made)
def test_a_name_is_made_by_its_function_and_of_one_kind(kind: Kind) -> None:
    assert [other for other in KINDS if other.owns(kind.made)] == [kind]


def test_keys_are_named_in_one_place_alone() -> None:
    families = {kind.made.split(":")[1] for kind in KINDS} - {"cache"}  # whose prefix is one of the settings
    name = re.compile(rf"chimera:({'|'.join(sorted(families))})\b")
    named = [
        f"{path}:{node.lineno} {node.value}"
        for path in python(*PACKAGES)
        if path != Path("chimera/kernel/redis.py")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and name.match(node.value)
    ]
    assert named == []
