"""One contender's row: enqueue, drain, stand idle, trickle, each with what it cost whom."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.swarm.contenders import Contender
from benchmarks.swarm.jobs.stamps import BEGUN, CALLED, RETURNED, Stamps
from benchmarks.swarm.metering import Cpu, Meter, spent
from benchmarks.swarm.running import Producing, Unfinished, producing, until, working
from chimera.kernel.embedded import Process

WARM = 20  # jobs enqueued before anything is timed: connections, pools, caches
PRODUCER, WORKER = "producer", "worker"


@dataclass(frozen=True)
class Plan:
    jobs: int  # that wait when the worker begins
    singles: int  # of them enqueued one by one, where there is a call for many
    rate: int  # jobs a second of the trickle
    at_once: int  # of them in one call, where there is a call for many
    seconds: int  # that the trickle lasts, and
    idle: int  # the quiet before it
    patience: int  # seconds without any progress until a row is given up


@dataclass
class Row:
    """CPU is in milliseconds per job, by process."""

    contender: type[Contender]
    plan: Plan
    packages: dict[str, str] = field(default_factory=dict)
    singles_per_second: float = 0.0
    single_ms: Cpu = field(default_factory=dict)
    bulk_per_second: float | None = None
    bulk_ms: Cpu | None = None
    drained_per_second: float = 0.0
    drain_ms: Cpu = field(default_factory=dict)
    idle_share: Cpu = field(default_factory=dict)  # of a core, by process
    rss_mb: dict[str, float] = field(default_factory=dict)  # when all is drained
    grown_mb: float = 0.0  # during the drain, all processes
    latency_ms: list[float] = field(default_factory=list)  # from the enqueuing call's return, sorted
    called_ms: list[float] = field(default_factory=list)  # from the enqueuing call
    rate: float = 0.0  # that the trickle came to

    @property
    def enqueue_ms(self) -> Cpu:
        """Of the cheaper way where there are two."""
        return self.bulk_ms if self.bulk_ms is not None else self.single_ms


def measure(contender: Contender, plan: Plan) -> Row:
    row = Row(type(contender), plan)
    trickled = plan.rate * plan.seconds
    stamps = Stamps.create(contender.home / "stamps", WARM + plan.jobs + WARM + trickled)
    contender.open()
    try:
        with producing(contender, stamps) as producer:
            row.packages = producer.packages
            _enqueue(contender, producer, row)
            with working(contender, stamps) as worker:
                _drain(contender, worker, stamps, row)
                _idle(contender, worker, row)
                _trickle(producer, worker, stamps, row)
    finally:
        contender.close()
    return row


def _enqueue(contender: Contender, producer: Producing, row: Row) -> None:
    """Jobs 0 to WARM untimed, the next `singles` one by one, the others in bulk; or all one by one."""
    producer.order("one", 0, WARM - 1)
    has_bulk = producer.order("many", WARM - 1, WARM) is not None
    if not has_bulk:
        producer.order("one", WARM - 1, WARM)
    until(contender.settled, patience=row.plan.patience)
    meter = Meter(dict(contender.servers()) | {PRODUCER: producer.pid})
    last = WARM + row.plan.jobs
    middle = WARM + row.plan.singles if has_bulk else last
    row.singles_per_second, row.single_ms = _enqueued(contender, producer, meter, row.plan, "one", WARM, middle)
    if has_bulk:
        row.bulk_per_second, row.bulk_ms = _enqueued(contender, producer, meter, row.plan, "many", middle, last)


def _enqueued(
    contender: Contender, producer: Producing, meter: Meter, plan: Plan, order: str, first: int, last: int
) -> tuple[float, Cpu]:
    """Jobs a second until the last call returned, and CPU until nothing is left to be done for them."""
    with spending(meter, last - first) as cost:
        seconds = producer.order(order, first, last)
        until(contender.settled, patience=plan.patience)
    assert seconds is not None
    return (last - first) / seconds, cost


def _drain(contender: Contender, worker: Process, stamps: Stamps, row: Row) -> None:
    """From the first job's begin until all are done; CPU until nothing of them is left to do."""
    total, patience = WARM + row.plan.jobs, row.plan.patience
    meter = Meter(dict(contender.servers()) | {WORKER: worker.pid})
    until_begun(1, worker, stamps, patience, pause=0.005)
    memory = meter.rss_mb()
    with spending(meter, total) as row.drain_ms:
        until_begun(total, worker, stamps, patience, pause=0.02)
        until(lambda: contender.done(total), patience=patience, pause=0.005)
        ended = time.monotonic()
        until(contender.settled, patience=patience)
    row.rss_mb = meter.rss_mb()
    row.grown_mb = sum(row.rss_mb.values()) - sum(memory.values())
    row.drained_per_second = total / (ended - min(stamps.column(BEGUN, 0, total)))


def _idle(contender: Contender, worker: Process, row: Row) -> None:
    meter = Meter(dict(contender.servers()) | {WORKER: worker.pid})
    with spending(meter, row.plan.idle * 1000) as row.idle_share:
        time.sleep(row.plan.idle)


def _trickle(producer: Producing, worker: Process, stamps: Stamps, row: Row) -> None:
    plan, start = row.plan, WARM + row.plan.jobs
    first, last = start + WARM, stamps.capacity
    producer.order("trickle", start, first, plan.rate, plan.at_once)
    producer.order("trickle", first, last, plan.rate, plan.at_once)
    until_begun(last, worker, stamps, plan.patience, pause=0.05)
    called, returned, begun = (stamps.column(name, first, last) for name in (CALLED, RETURNED, BEGUN))
    # A job may begin before the call that enqueued it has returned: it did not wait.
    row.latency_ms = sorted(max(0.0, b - r) * 1000 for r, b in zip(returned, begun, strict=True))
    row.called_ms = sorted((b - c) * 1000 for c, b in zip(called, begun, strict=True))
    row.rate = len(called) / (max(returned) - min(called))


def until_begun(number: int, worker: Process, stamps: Stamps, patience: float, *, pause: float) -> None:
    """Unfinished, too, when the worker has ended."""

    def begun() -> bool:
        if not worker.alive():
            raise Unfinished("the worker ended")
        return stamps.begun() >= number

    until(begun, patience=patience, pause=pause, moved=stamps.begun)


@contextmanager
def spending(meter: Meter, jobs: int) -> Iterator[Cpu]:
    """Fills in CPU milliseconds per job, by process, when it is left."""
    cost: Cpu = {}
    before = meter.cpu_seconds()
    yield cost
    cost |= {name: seconds * 1000 / jobs for name, seconds in spent(before, meter.cpu_seconds()).items()}
