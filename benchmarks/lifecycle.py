"""A no-op task's whole life, governed and over HTTP, beside Procrastinate's job on the same PostgreSQL in the same run.

    python benchmarks/lifecycle.py [--tasks 600] [--agents 4]

Chimera's side pays for what Procrastinate's does not have: HTTP, an identity and a tenant per call, lease tokens, events for
every step, the relay and its streams. Procrastinate's worker runs inside its process, straight on the database. Starts
private servers (durable: fsync on), one web process and one relay; the agents are threads of this process and share its
machine. Prints tasks per second for creating and for draining, the time from creation to claim, and the ratio.
"""

import argparse
import asyncio
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chimera.settings")
os.environ.setdefault("CHIMERA_LOG_LEVEL", "ERROR")

import httpx  # noqa: E402
import psycopg  # noqa: E402

from chimera.kernel.embedded import Postgres, Redis, ports  # noqa: E402

BULK = 32
WAIT_SECONDS = 120
STOP_SECONDS = 10


class Servers:
    """PostgreSQL and Redis of their own, migrated, with one tenant. `counted`: PostgreSQL counts what each statement costs."""

    def __init__(self, home: Path, *, counted: bool = False) -> None:
        self.postgres, self.redis = Postgres(home), Redis(home)
        self.children: list[subprocess.Popen[bytes]] = []
        self.postgres.start()
        if counted:
            self._count_statements()
        self.redis.start()
        self.port = ports.choose()
        self.environment = os.environ | {
            "CHIMERA_HOME": str(home),
            "DATABASE_URL": self.postgres.urls.app,
            "DATABASE_OWNER_URL": self.postgres.urls.owner,
            "REDIS_URL": self.redis.url,
            "CHIMERA_PORT": str(self.port),
        }
        self.run("manage.py", "migrate", "--verbosity", "0")
        self.keys = json.loads(self.run("manage.py", "tenant", "add", "bench", "--json"))

    def _count_statements(self) -> None:
        """Needs a library that PostgreSQL loads when it starts."""
        with psycopg.connect(self.postgres.urls.superuser, autocommit=True) as rows:
            rows.execute("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
        self.postgres.stop()
        self.postgres.start()
        with psycopg.connect(self.postgres.urls.superuser, autocommit=True) as rows:
            rows.execute("CREATE EXTENSION pg_stat_statements")
            rows.execute("ALTER SYSTEM SET pg_stat_statements.track_planning = on")
            rows.execute("SELECT pg_reload_conf()")

    def run(self, *words: str) -> str:
        return subprocess.run(
            [sys.executable, *words], cwd=ROOT, env=self.environment, check=True, capture_output=True, text=True
        ).stdout

    def spawn(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        for child in self.children:
            child.terminate()
        for child in self.children:
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:  # a thousand agents that left at once, say; nothing here is to be kept
                child.kill()
                child.wait()
        self.redis.stop()
        self.postgres.stop()


class House(Servers):
    """Web and relay on such servers."""

    def __init__(self, home: Path, *, counted: bool = False) -> None:
        super().__init__(home, counted=counted)
        self.children = [
            self.spawn("-m", "daphne", "-b", "127.0.0.1", "-p", str(self.port), "chimera.asgi:application"),
            self.spawn("manage.py", "relay"),
        ]
        self.wait_ready()

    def wait_ready(self) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise SystemExit("the web process never became ready")

    def client(self, secret: str) -> httpx.Client:
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}/api/v1/", headers={"Authorization": f"Bearer {secret}"}, timeout=60
        )


def create(house: House, number: int) -> float:
    """Tasks per second of creating, in batches of 500."""
    with house.client(house.keys["agents"]["planner"]) as planner:
        session = planner.post("sessions", json={"name": "bench"}).raise_for_status().json()["id"]
        task = {"session": session, "type": "noop", "input_payload": {}, "risk_tier": 3}
        began = time.perf_counter()
        for start in range(0, number, 500):
            planner.post("tasks/batch", json={"tasks": [task] * min(500, number - start)}).raise_for_status()
        return number / (time.perf_counter() - began)


def drain(house: House, number: int, agents: int, bulk: int) -> float:
    """Tasks per second of claiming and finishing all of them; `bulk` in one claim and one call of results."""
    done, lock, finished = [0], threading.Lock(), threading.Event()

    def work() -> None:
        with house.client(house.keys["agents"]["worker"]) as worker:
            while not finished.is_set():
                claims = (
                    worker.post("claims", json={"max": bulk, "wait_seconds": 1}).raise_for_status().json()["claims"]
                )
                if not claims:
                    continue
                results = [
                    {"task": c["task"]["id"], "lease_token": c["lease_token"], "status": "succeeded"} for c in claims
                ]
                if bulk == 1:
                    (result,) = results
                    worker.post(f"tasks/{result.pop('task')}/result", json=result).raise_for_status()
                else:
                    worker.post("claims/results", json={"results": results}).raise_for_status()
                with lock:
                    done[0] += len(claims)
                    if done[0] >= number:
                        finished.set()

    threads = [threading.Thread(target=work) for _ in range(agents)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    if not finished.wait(WAIT_SECONDS * 3):
        raise SystemExit(f"only {done[0]} of {number} tasks were drained")
    took = time.perf_counter() - began
    for thread in threads:
        thread.join()
    return number / took


def latency(house: House, number: int) -> tuple[float, float]:
    """Milliseconds from the answer of POST /tasks to the answer of a waiting POST /claims: median and 95th percentile."""
    created: list[float] = []
    claimed: list[float] = []

    def wait() -> None:
        with house.client(house.keys["agents"]["worker"]) as worker:
            for _ in range(number):
                claims: list[Any] = []
                while not claims:
                    claims = worker.post("claims", json={"wait_seconds": 10}).raise_for_status().json()["claims"]
                claimed.append(time.perf_counter())
                worker.post(
                    f"tasks/{claims[0]['task']['id']}/result",
                    json={"lease_token": claims[0]["lease_token"], "status": "succeeded"},
                ).raise_for_status()

    waiter = threading.Thread(target=wait)
    waiter.start()
    with house.client(house.keys["agents"]["planner"]) as planner:
        session = planner.post("sessions", json={}).raise_for_status().json()["id"]
        for _ in range(number):
            planner.post(
                "tasks", json={"session": session, "type": "noop", "input_payload": {}, "risk_tier": 3}
            ).raise_for_status()
            created.append(time.perf_counter())
            while len(claimed) < len(created):
                time.sleep(0.001)
    waiter.join()
    spans = sorted((b - a) * 1000 for a, b in zip(created, claimed, strict=True))
    return statistics.median(spans), spans[int(len(spans) * 0.95)]


def procrastinate_jobs(house: House, number: int, concurrency: int) -> tuple[float, float]:
    """The same number of no-op jobs: deferred per second in batches of 500, drained per second by one worker."""
    import procrastinate

    with psycopg.connect(house.postgres.urls.superuser, autocommit=True) as connection:
        connection.execute("CREATE DATABASE procrastinate_bench")
    dsn = house.postgres.urls.superuser.rsplit("/", 1)[0] + "/procrastinate_bench"
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=dsn))

    @app.task(name="noop")
    async def noop(number: int) -> None:
        """Nothing, as the agents do."""

    async def both() -> tuple[float, float]:
        async with app.open_async():
            await app.schema_manager.apply_schema_async()
            began = time.perf_counter()
            for start in range(0, number, 500):
                await noop.batch_defer_async(*({"number": n} for n in range(start, min(start + 500, number))))
            deferred = number / (time.perf_counter() - began)
            began = time.perf_counter()
            await app.run_worker_async(
                wait=False, concurrency=concurrency, install_signal_handlers=False, listen_notify=False
            )
            return deferred, number / (time.perf_counter() - began)

    return asyncio.run(both())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=600)
    parser.add_argument("--agents", type=int, default=4)
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="chimera-bench-"))
    house = House(home)
    try:
        print(
            f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {asked.tasks} tasks, {asked.agents} agents"
        )
        rows = [("Chimera, one at a time", create(house, asked.tasks), drain(house, asked.tasks, asked.agents, 1))]
        rows.append(
            (f"Chimera, {BULK} at a time", create(house, asked.tasks), drain(house, asked.tasks, asked.agents, BULK))
        )
        rows.append(("Procrastinate, in its process", *procrastinate_jobs(house, asked.tasks, asked.agents)))
        base = rows[-1][2]
        print(f"{'':32}{'created/s':>12}{'drained/s':>12}{'ratio':>8}")
        for name, made, drained in rows:
            print(f"{name:32}{made:>12.0f}{drained:>12.0f}{drained / base:>8.2f}")
        median, worst = latency(house, 50)
        print(f"creation to a waiting claim: median {median:.0f} ms, 95th percentile {worst:.0f} ms (50 tasks)")
    finally:
        house.stop()
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
