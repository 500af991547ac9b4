"""What a claim costs while many rows wait and many are finished: it is to stay flat.

The rows are copies of one task that waits and of one that is finished, put behind the event log's back into the table;
the relay finds those that wait and fills its lists with the first of them.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import redis
from psycopg import sql

from benchmarks.swarm import report
from benchmarks.swarm.contenders import Swarm
from benchmarks.swarm.metering import Meter

LEVELS = ((2_000, 2_000), (10_000, 10_000), (100_000, 100_000))
QUICK = ((500, 500),)
HUGE = (1_000_000, 5_000_000)
SLICE = 50_000  # rows of one INSERT
TIMES, TIMES_QUICK = 200, 20
AT_ONCE, MANY_TIMES = 64, 5
LISTED = 1_000  # ids in Redis before we begin, where so many rows wait
PATIENCE_SECONDS = 120
Post = Callable[[str, Any], Any]


@dataclass(frozen=True)
class Level:
    waiting: int
    finished: int
    times: int


def levels(*, quick: bool, huge: bool) -> list[Level]:
    pairs = QUICK if quick else (*LEVELS, HUGE) if huge else LEVELS
    return [Level(waiting, finished, TIMES_QUICK if quick else TIMES) for waiting, finished in pairs]


def growth(home: Path, among: Sequence[Level]) -> str:
    house = Swarm(home)
    try:
        with psycopg.connect(house.postgres.urls.superuser, autocommit=True) as rows:
            waits, ended = _originals(house, rows)
            lines = []
            for level in among:
                report.complain(f"… a claim among {level.waiting} waiting and {level.finished} finished")
                _fill(rows, waits, "status = 'queued' AND requires = '{}'", level.waiting)
                _fill(rows, ended, "status = 'completed'", level.finished)
                rows.execute("VACUUM ANALYZE swarm_task")
                rows.execute("CHECKPOINT")
                _until_listed(house.redis.url, min(level.waiting, LISTED))
                lines.append([f"{level.waiting:,}", f"{level.finished:,}", *_measured(house, level.times)])
    finally:
        house.stop()
    head = [
        "rows waiting",
        "finished",
        "claim p50 ms",
        "p95 ms",
        "result p50 ms",
        "PostgreSQL's CPU ms",
        "web's CPU ms",
    ]
    of_types = ["by type p50 ms", "p95 ms", "PostgreSQL's CPU ms", f"of {AT_ONCE} at once, ms per task"]
    return report.table([*head, *of_types], lines)


def _measured(house: Swarm, times: int) -> Iterator[str]:
    """Claims one after the other over HTTP, each with its result; CPU is of both."""
    meter = Meter({"PostgreSQL": house.postgres.pid, "web": house.children[0].pid})
    with house.client(house.keys["agents"]["worker"]) as worker:

        def post(path: str, body: Any) -> Any:
            return worker.post(path, json=body).raise_for_status().json()

        for body in ({"max": 1}, {"max": 1, "types": ["noop"]}):
            _claim(post, body)
            before = meter.cpu_seconds()
            spans = [_claim(post, body) for _ in range(times)]
            after = meter.cpu_seconds()
            claimed, handed = (sorted(span[kind] * 1000 for span in spans) for kind in (0, 1))
            yield f"{statistics.median(claimed):.1f}"
            yield f"{claimed[int(times * 0.95)]:.1f}"
            if "types" not in body:
                yield f"{statistics.median(handed):.1f}"
            yield f"{(after['PostgreSQL'] - before['PostgreSQL']) * 1000 / times:.2f}"
            if "types" not in body:
                yield f"{(after['web'] - before['web']) * 1000 / times:.2f}"
        many = [_claim(post, {"max": AT_ONCE}) for _ in range(MANY_TIMES)]
        yield f"{statistics.median(claim * 1000 / number for claim, _, number in many):.2f}"


def _claim(post: Post, body: Any) -> tuple[float, float, int]:
    """Seconds of the claim, seconds of handing in, and how many were claimed."""
    began = time.perf_counter()
    claims = post("claims", body | {"wait_seconds": 10})["claims"]
    claimed = time.perf_counter()
    if not claims:
        raise SystemExit(f"nothing was handed out for {body}, though rows wait")
    results = [{"task": c["task"]["id"], "lease_token": c["lease_token"], "status": "succeeded"} for c in claims]
    if body["max"] == 1:
        (result,) = results
        post(f"tasks/{result.pop('task')}/result", result)
    else:
        post("claims/results", {"results": results})
    return claimed - began, time.perf_counter() - claimed, len(claims)


def _originals(house: Swarm, rows: "psycopg.Connection[Any]") -> tuple[Any, Any]:
    """The ids of a task that will stay QUEUED (nobody has what it requires) and of one that has completed."""
    with (
        house.client(house.keys["agents"]["planner"]) as planner,
        house.client(house.keys["agents"]["worker"]) as worker,
    ):
        session = planner.post("sessions", json={"name": "bench"}).raise_for_status().json()["id"]
        task = {"session": session, "type": "noop", "input_payload": {}, "risk_tier": 3}

        def made(**fields: Any) -> Any:
            return planner.post("tasks", json=task | fields).raise_for_status().json()["id"]

        ended, waits = made(), made(requires=["nobody"])
        _finish(worker, ended)
    _until(lambda: rows.execute("SELECT status FROM swarm_task WHERE id = %s", [waits]).fetchone() == ("queued",))
    return waits, ended


def _finish(worker: httpx.Client, task_id: str) -> None:
    def post(path: str, body: Any) -> Any:
        return worker.post(path, json=body).raise_for_status().json()

    _claim(post, {"max": 1})


def _fill(rows: "psycopg.Connection[Any]", original: Any, which: str, number: int) -> None:
    """Copies until there are `number`, without the triggers, which would look after each row by itself."""
    found = rows.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'swarm_task' AND is_generated = 'NEVER'"
    )
    names = [name for (name,) in found]
    fresh = {"id": sql.SQL("uuidv7()"), "requires": sql.SQL("'{}'::varchar[]")}
    values = [fresh.get(name, sql.Identifier("t", name)) for name in names]
    copy = sql.SQL("INSERT INTO swarm_task ({}) SELECT {} FROM swarm_task t, generate_series(1, %s) WHERE t.id = %s")
    statement = copy.format(sql.SQL(", ").join(map(sql.Identifier, names)), sql.SQL(", ").join(values))
    counted = rows.execute(f"SELECT count(*) FROM swarm_task WHERE {which}").fetchone()  # type: ignore[arg-type]
    missing = number - (counted[0] if counted else 0)
    rows.execute("SET session_replication_role = replica")
    for start in range(0, missing, SLICE):
        rows.execute(statement, [min(SLICE, missing - start), original])
    rows.execute("SET session_replication_role = origin")


def _until_listed(url: str, number: int) -> None:
    client = redis.Redis.from_url(url)
    _until(lambda: sum(client.llen(key) for key in client.scan_iter("chimera:queue:*")) >= number)
    client.close()


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("the relay never got there")
        time.sleep(0.05)
