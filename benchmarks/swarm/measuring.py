"""One contender's row: enqueue, drain, trickle, each with what it cost whom."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from benchmarks.lifecycle import ROOT
from benchmarks.swarm.contenders import Contender
from benchmarks.swarm.jobs.stamps import BEGUN, CALLED, RETURNED, Stamps
from benchmarks.swarm.metering import Cpu, Meter, spent
from chimera.kernel.embedded import Process

WARM = 16  # jobs enqueued before anything is timed: connections, pools, caches
PRODUCER, WORKER = "producer", "worker"


@dataclass(frozen=True)
class Plan:
    jobs: int  # that wait when the worker begins
    singles: int  # of them enqueued one by one, where there is a call for many
    rate: int  # jobs a second of the trickle
    seconds: int  # that it lasts
    patience: int  # seconds until a phase that does not end is given up


@dataclass
class Row:
    contender: type[Contender]
    plan: Plan
    packages: dict[str, str] = field(default_factory=dict)
    singles_per_second: float = 0.0
    bulk_per_second: float | None = None
    drained_per_second: float = 0.0
    enqueue_ms: Cpu = field(default_factory=dict)  # CPU per job by process, of the cheaper way where there are two
    drain_ms: Cpu = field(default_factory=dict)
    rss_mb: dict[str, float] = field(default_factory=dict)  # when all is drained
    grown_mb: float = 0.0  # during the drain, all processes
    latency_ms: list[float] = field(default_factory=list)  # from the enqueuing call's return, sorted
    called_ms: list[float] = field(default_factory=list)  # from the enqueuing call
    rate: float = 0.0  # that the trickle came to


class Unfinished(RuntimeError):
    """A phase took longer than it may, or its process ended."""


def measure(contender: Contender, plan: Plan) -> Row:
    row = Row(type(contender), plan)
    trickled = plan.rate * plan.seconds
    stamps = Stamps.create(contender.home / "stamps", WARM + plan.jobs + WARM + trickled)
    contender.open()
    try:
        with _producing(contender, stamps) as producing:
            row.packages = _answer(producing)["packages"]
            _enqueue(contender, producing, row)
            with _working(contender, stamps) as working:
                _drain(contender, working, stamps, row)
                _trickle(contender, producing, stamps, row)
    finally:
        contender.close()
    return row


# --- the phases


def _enqueue(contender: Contender, producing: "subprocess.Popen[str]", row: Row) -> None:
    plan, last = row.plan, WARM + row.plan.jobs
    meter = Meter(dict(contender.servers()) | {PRODUCER: producing.pid})
    _order(producing, "one", 0, WARM)
    _until(contender.settled, plan)
    has_bulk = _order(producing, "many", WARM, WARM + 1) is not None
    middle = WARM + plan.singles if has_bulk else last
    first = WARM + 1 if has_bulk else WARM
    with _spending(contender, meter, plan) as cost:
        seconds = _order(producing, "one", first, middle)
    row.singles_per_second = (middle - first) / (seconds or 1)
    if has_bulk:
        with _spending(contender, meter, plan) as cost:
            seconds = _order(producing, "many", middle, last)
        row.bulk_per_second, first = (last - middle) / (seconds or 1), middle
        middle = last
    row.enqueue_ms = {name: value * 1000 / (middle - first) for name, value in cost.items()}


def _drain(contender: Contender, working: Process, stamps: Stamps, row: Row) -> None:
    """From the first job's begin until all are done; CPU until nothing of them is left to do."""
    total = WARM + row.plan.jobs
    meter = Meter(dict(contender.servers()) | {WORKER: working.pid})
    _until(lambda: stamps.begun() > 0 or not working.alive(), row.plan, pause=0.005)
    before, memory = meter.cpu_seconds(), meter.rss_mb()
    _until(lambda: stamps.begun() >= total or not working.alive(), row.plan, pause=0.02)
    if not working.alive():
        raise Unfinished("the worker ended")
    _until(lambda: contender.done(total), row.plan, pause=0.005)
    ended = time.monotonic()
    _until(contender.settled, row.plan)
    row.drain_ms = {name: value * 1000 / total for name, value in spent(before, meter.cpu_seconds()).items()}
    row.rss_mb = meter.rss_mb()
    row.grown_mb = sum(row.rss_mb.values()) - sum(memory.values())
    row.drained_per_second = total / (ended - min(stamps.column(BEGUN, 0, total)))


def _trickle(contender: Contender, producing: "subprocess.Popen[str]", stamps: Stamps, row: Row) -> None:
    start = WARM + row.plan.jobs
    first, last = start + WARM, stamps.capacity
    _order(producing, "trickle", start, first, row.plan.rate)
    _order(producing, "trickle", first, last, row.plan.rate)
    _until(lambda: stamps.begun() == last, row.plan, pause=0.05)
    called, returned, begun = (stamps.column(name, first, last) for name in (CALLED, RETURNED, BEGUN))
    # A job may begin before the call that enqueued it has returned: it did not wait.
    row.latency_ms = sorted(max(0.0, b - r) * 1000 for r, b in zip(returned, begun, strict=True))
    row.called_ms = sorted((b - c) * 1000 for c, b in zip(called, begun, strict=True))
    row.rate = (len(called) - 1) / (max(returned) - min(called))


# --- processes


@contextmanager
def _producing(contender: Contender, stamps: Stamps) -> Iterator["subprocess.Popen[str]"]:
    """It ends with its standard input; what it complains about is in a file of the home folder."""
    with (contender.home / "producer.log").open("wb") as log:
        producing = subprocess.Popen(
            contender.producer(),
            cwd=ROOT,
            env=_environment(contender, stamps, works=False),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        yield producing
    finally:
        producing.communicate(timeout=10)


@contextmanager
def _working(contender: Contender, stamps: Stamps) -> Iterator[Process]:
    environment = _environment(contender, stamps, works=True)
    log = contender.home / "worker.log"
    working = Process(contender.worker(), log=log, environment=environment, folder=ROOT)
    try:
        yield working
    finally:
        working.stop(signal.SIGTERM, seconds=5)


def _environment(contender: Contender, stamps: Stamps, *, works: bool) -> dict[str, str]:
    return os.environ | contender.environment(works=works) | {"BENCH_STAMPS": str(stamps.path)}


def _order(producing: "subprocess.Popen[str]", *words: object) -> float | None:
    """Seconds that it took, None where the queue has no such call."""
    assert producing.stdin is not None
    producing.stdin.write(" ".join(map(str, words)) + "\n")
    producing.stdin.flush()
    seconds: float | None = _answer(producing)["seconds"]
    return seconds


def _answer(producing: "subprocess.Popen[str]") -> Any:
    assert producing.stdout is not None
    if not (line := producing.stdout.readline()):
        raise Unfinished("the producer ended")
    return json.loads(line)


@contextmanager
def _spending(contender: Contender, meter: Meter, plan: Plan) -> Iterator[Cpu]:
    """Fills in CPU seconds by process, until nothing is left to do."""
    cost: Cpu = {}
    before = meter.cpu_seconds()
    yield cost
    _until(contender.settled, plan)
    cost |= spent(before, meter.cpu_seconds())


def _until(condition: Callable[[], bool], plan: Plan, pause: float = 0.05) -> None:
    deadline = time.monotonic() + plan.patience
    while not condition():
        if time.monotonic() > deadline:
            raise Unfinished(f"still waiting after {plan.patience} s")
        time.sleep(pause)
