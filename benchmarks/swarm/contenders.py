"""Who is measured: their servers, and how to start the process that enqueues and the one that works."""

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import psycopg
import redis

from benchmarks.lifecycle import ROOT, House
from chimera.kernel.embedded import Postgres, Redis

MODULES = "benchmarks.swarm.jobs"


class Contender(ABC):
    """One row of the table. `open` and `close` bracket it; its servers are private, durable and end with it."""

    name: ClassVar[str]
    keeps: ClassVar[str]  # what is there of a job when it is done
    module: ClassVar[str]
    how: ClassVar[tuple[str, ...]] = ()

    def __init__(self, python: str, home: Path) -> None:
        self.python, self.home = python, home

    @abstractmethod
    def open(self) -> None: ...

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def servers(self) -> Mapping[str, int]:
        """Names and process ids of what runs besides producer and worker."""

    @abstractmethod
    def done(self, total: int) -> bool:
        """Whether all jobs that were ever enqueued here, `total`, are finished and acknowledged."""

    def settled(self) -> bool:
        """Whether nothing of them is left to be done behind the scenes."""
        return True

    def producer(self) -> list[str]:
        return [self.python, "-m", f"{MODULES}.{self.module}", "produce"]

    def worker(self) -> list[str]:
        return [self.python, "-m", f"{MODULES}.{self.module}", "work", *self.how]

    @abstractmethod
    def environment(self, *, works: bool) -> dict[str, str]: ...


class OnRedis(Contender):
    def open(self) -> None:
        self.redis = Redis(self.home)
        self.url = self.redis.start()
        self.ask: redis.Redis = redis.Redis.from_url(self.url)

    def close(self) -> None:
        self.redis.stop()

    def servers(self) -> Mapping[str, int]:
        return {"Redis": self.redis.pid}

    def environment(self, *, works: bool) -> dict[str, str]:
        return {"BENCH_URL": self.url}


class Celery(OnRedis):
    name, keeps, module = "Celery", "result", "celery_jobs"

    def done(self, total: int) -> bool:
        return int(redis.Redis.from_url(self.url.removesuffix("/0") + "/1").dbsize()) >= total


class Dramatiq(OnRedis):
    name, keeps, module = "Dramatiq", "nothing", "dramatiq_jobs"

    def done(self, total: int) -> bool:
        return self.ask.hlen("dramatiq:default.msgs") == 0


class Rq(OnRedis):
    name, keeps, module = "RQ", "job, result", "rq_jobs"

    def done(self, total: int) -> bool:
        return int(self.ask.zcard("rq:finished:default")) >= total


class Procrastinate(Contender):
    name, keeps, module = "Procrastinate", "row, events", "procrastinate_jobs"

    def open(self) -> None:
        self.postgres = Postgres(self.home, database="bench")
        self.url = self.postgres.start().superuser
        self.watcher = psycopg.connect(self.url, autocommit=True)

    def close(self) -> None:
        self.postgres.stop()

    def servers(self) -> Mapping[str, int]:
        return {"PostgreSQL": self.postgres.pid}

    def done(self, total: int) -> bool:
        row = self.watcher.execute("SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded'").fetchone()
        return row is not None and row[0] >= total

    def environment(self, *, works: bool) -> dict[str, str]:
        return {"BENCH_URL": self.url}


class Swarm(House):
    """The house of lifecycle.py, which leaves no process behind when it does not come up."""

    def wait_ready(self) -> None:
        try:
            super().wait_ready()
        except BaseException:
            self.stop()
            raise


class Chimera(Contender):
    keeps, module = "row, result, events", "chimera_jobs"
    slots: ClassVar[int]
    counted: ClassVar[bool] = False  # PostgreSQL counts what statements cost

    def __init__(self, python: str, home: Path) -> None:
        super().__init__(sys.executable, home)

    def open(self) -> None:
        self.house = Swarm(self.home, counted=self.counted)
        self.watcher = psycopg.connect(self.house.postgres.urls.superuser, autocommit=True)

    def close(self) -> None:
        self.house.stop()

    def servers(self) -> Mapping[str, int]:
        web, relay = (child.pid for child in self.house.children)
        both = {"PostgreSQL": self.house.postgres.pid, "Redis": self.house.redis.pid}
        return {"web": web, "relay": relay} | both

    def done(self, total: int) -> bool:
        return self._asked("SELECT count(*) >= %s FROM swarm_task WHERE status = 'completed'", total)

    def settled(self) -> bool:
        """Nothing waits to be QUEUED, and every lane of the relay has read the whole log."""
        ahead = "SELECT 1 FROM kernel_lane l JOIN kernel_event e ON (e.xid, e.seq) > (l.xid, l.seq)"
        waiting = "SELECT 1 FROM swarm_task WHERE status = 'pending'"
        return self._asked(f"SELECT NOT EXISTS ({ahead}) AND NOT EXISTS ({waiting})")

    def environment(self, *, works: bool) -> dict[str, str]:
        return {
            "CHIMERA_URL": f"http://127.0.0.1:{self.house.port}",
            "CHIMERA_KEY": self.house.keys["agents"]["worker" if works else "planner"],
            "BENCH_SLOTS": str(self.slots),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT / "sdk" / "src"), os.environ.get("PYTHONPATH")])),
        }

    def _asked(self, sql: str, *params: object) -> bool:
        row = self.watcher.execute(sql, params).fetchone()
        return bool(row and row[0])


class ChimeraSdk(Chimera):
    name, how, slots = "Chimera, SDK's agent", ("sdk",), 64


class ChimeraCounted(ChimeraSdk):
    """Not for comparing: counting costs."""

    name, counted = "Chimera, SDK's agent, counted", True


class ChimeraFrames(Chimera):
    name, how, slots = "Chimera, frames in lists", ("frames",), 64


class ChimeraHttp(Chimera):
    name, how, slots = "Chimera, single HTTP calls", ("http",), 8


ALL: tuple[type[Contender], ...] = (
    ChimeraSdk,
    ChimeraFrames,
    ChimeraHttp,
    Celery,
    Dramatiq,
    Rq,
    Procrastinate,
)
