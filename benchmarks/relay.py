"""What the relay costs per event: in a heap that waits for it, and one by one as a busy house tells them.

    python benchmarks/relay.py [--tasks 3000] [--seconds 20] [--rate 40]

Starts private servers (durable: fsync on) and one relay with all its lanes. *Heap*: while the relay stands still, tasks
are created in hundreds; then it reads, dispatches and streams them all. *Trickle*: each second `rate` tasks are created,
claimed and completed, as far as the log is concerned, one fact and one nudge per transaction. Prints events per second of
lane redis, CPU milliseconds per 1 000 events of the relay's process and of its backends in PostgreSQL
(/proc/<pid>/stat), and the milliseconds from a task's commit until its id stands in its list.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ["DJANGO_SETTINGS_MODULE"] = "chimera.settings"
os.environ.setdefault("CHIMERA_LOG_LEVEL", "ERROR")

import psycopg  # noqa: E402

from chimera.kernel.embedded import Postgres, Redis  # noqa: E402

HEAP_AT_ONCE = 100  # tasks per transaction of the heap
WAIT_SECONDS = 120
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class House:
    """Private servers, one tenant, and the relay as a process of its own."""

    def __init__(self, home: Path) -> None:
        self.postgres, self.redis = Postgres(home), Redis(home)
        self.postgres.start()
        self.redis.start()
        os.environ |= {
            "CHIMERA_HOME": str(home),
            "DATABASE_URL": self.postgres.urls.app,
            "DATABASE_OWNER_URL": self.postgres.urls.owner,
            "REDIS_URL": self.redis.url,
        }
        self.run("migrate", "--verbosity", "0")
        self.watcher = psycopg.connect(self.postgres.urls.superuser, autocommit=True)
        self.tenant_id = UUID(json.loads(self.run("tenant", "add", "bench", "--json"))["tenant"])
        self.relay = subprocess.Popen(
            [sys.executable, "manage.py", "relay"],
            cwd=ROOT,
            env=os.environ | {"CHIMERA_PROCESS": "relay"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        import django

        django.setup()

    def run(self, *words: str) -> str:
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(command, cwd=ROOT, env=os.environ, check=True, capture_output=True, text=True).stdout

    def asked(self, sql: str) -> list[tuple[Any, ...]]:
        """As superuser, who sees every tenant's rows."""
        return self.watcher.execute(sql).fetchall()

    def is_caught_up(self) -> bool:
        ahead = "SELECT EXISTS (SELECT 1 FROM kernel_event e WHERE (e.xid, e.seq) > (l.xid, l.seq))"
        rows = self.asked(f"SELECT ({ahead}) FROM kernel_lane l WHERE name = 'redis'")
        return rows == [(False,)]

    def cpu_ms(self) -> tuple[float, float]:
        """Of the relay's process, and of its backends, since they began."""
        backends = self.asked("SELECT pid FROM pg_stat_activity WHERE application_name LIKE '%relay%'")
        return _cpu_ms(self.relay.pid), sum(_cpu_ms(pid) for (pid,) in backends)

    def stop(self) -> None:
        self.relay.terminate()
        self.relay.wait(10)
        self.redis.stop()
        self.postgres.stop()


@dataclass
class Measured:
    """CPU milliseconds, and how long it took; of `events`."""

    events: int = 0
    seconds: float = 0.0
    relay_ms: float = 0.0
    postgres_ms: float = 0.0

    def __str__(self) -> str:
        thousand = self.events / 1000
        return (
            f"{self.events} events, {self.events / self.seconds:.0f} a second; per 1 000 events: relay "
            f"{self.relay_ms / thousand:.0f} ms, its backends {self.postgres_ms / thousand:.0f} ms of CPU; "
            f"share of one core: {(self.relay_ms + self.postgres_ms) / self.seconds / 10:.0f} %"
        )


@contextmanager
def measuring(house: House) -> Iterator[Measured]:
    measured = Measured()
    told = house.asked("SELECT count(*) FROM kernel_event")[0][0]
    relay, postgres = house.cpu_ms()
    began = time.perf_counter()
    yield measured
    measured.seconds = time.perf_counter() - began
    after = house.cpu_ms()
    measured.relay_ms, measured.postgres_ms = after[0] - relay, after[1] - postgres
    measured.events = house.asked("SELECT count(*) FROM kernel_event")[0][0] - told


def heap(house: House, number: int) -> Measured:
    house.relay.send_signal(signal.SIGSTOP)
    told = house.asked("SELECT count(*) FROM kernel_event")[0][0]
    session = _session(house)
    for start in range(0, number, HEAP_AT_ONCE):
        _create(house, session, min(HEAP_AT_ONCE, number - start))
    with measuring(house) as measured:
        house.relay.send_signal(signal.SIGCONT)
        until(lambda: house.asked("SELECT count(*) FROM kernel_event")[0][0] >= told + 2 * number)
        until(house.is_caught_up)
    measured.events = house.asked("SELECT count(*) FROM kernel_event")[0][0] - told
    return measured


def trickle(house: House, seconds: float, rate: float) -> tuple[Measured, list[float]]:
    """The second: milliseconds from commit to list, of every tenth task, watched from here."""
    from chimera.kernel import redis
    from swarm import events

    session, spans = _session(house), []
    until(house.is_caught_up)
    with measuring(house) as measured:
        began = time.perf_counter()
        for number in range(int(seconds * rate)):
            (task,) = _create(house, session, 1)
            committed = time.perf_counter()
            redis.nudge()
            if number % 10 == 0:
                until(partial(_is_listed, house, str(task.pk)), pause=0.0005)
                spans.append((time.perf_counter() - committed) * 1000)
            _tell(house, events.TaskClaimed.about(task, attempt=1))
            _tell(house, events.TaskCompleted.about(task))
            time.sleep(max(0.0, began + (number + 1) / rate - time.perf_counter()))
        until(house.is_caught_up)
    return measured, sorted(spans)


def until(condition: Callable[[], bool], pause: float = 0.02) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("the relay never got there")
        time.sleep(pause)


def _is_listed(house: House, task_id: str) -> bool:
    from chimera.kernel import redis
    from swarm.dispatch.lists import entry

    listed = redis.queue("normal", house.tenant_id, "worker")
    return redis.client().lpos(listed, entry(UUID(task_id), "noop"), rank=-1) is not None


def _session(house: House) -> UUID:
    from chimera.kernel import tenancy
    from chimera.kernel.actors import SYSTEM
    from swarm.actions import sessions

    with tenancy.bound(house.tenant_id):
        made = sessions.create(campaign_id=None, name=f"bench {uuid4()}", context={}, by=SYSTEM)
    return UUID(str(made.pk))


def _create(house: House, session: UUID, number: int) -> list[Any]:
    from chimera.flows.create_tasks import create_tasks
    from chimera.kernel import tenancy
    from chimera.kernel.actors import SYSTEM
    from swarm.actions.creating import NewTask

    with tenancy.bound(house.tenant_id):
        return create_tasks(new=[NewTask(session_id=session, type="noop", input_payload={})] * number, by=SYSTEM)


def _tell(house: House, fact: Any) -> None:
    from chimera.kernel import redis, tenancy
    from chimera.kernel.actors import SYSTEM
    from chimera.kernel.eventlog import tell

    with tenancy.bound(house.tenant_id):
        tell(fact, by=SYSTEM)
    redis.nudge()


def _cpu_ms(pid: int) -> float:
    """User and system time of a process; 0 for one that is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) * 1000 / TICKS_PER_SECOND


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=3000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=float, default=40)
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="chimera-bench-"))
    house = House(home)
    try:
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
        _create(house, _session(house), 1)
        until(house.is_caught_up)
        print("heap:   ", heap(house, asked.tasks))
        measured, spans = trickle(house, asked.seconds, asked.rate)
        print("trickle:", measured)
        p95 = spans[int(len(spans) * 0.95)]
        print(f"commit to list: median {statistics.median(spans):.1f} ms, 95th percentile {p95:.1f} ms")
        with measuring(house) as idle:
            time.sleep(5)
        print(f"idle: {(idle.relay_ms + idle.postgres_ms) / idle.seconds / 10:.1f} % of one core")
    finally:
        house.stop()
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
