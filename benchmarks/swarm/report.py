"""The tables, as Markdown, so that they can stand in a document as they are."""

import os
import platform
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import version

from benchmarks.swarm.contenders import Celery, Chimera, Procrastinate
from benchmarks.swarm.measuring import PRODUCER, Row

QUIET_LOAD = 0.5


def heading(words: Sequence[str]) -> str:
    load = os.getloadavg()[0]
    lines = [
        f"`make bench-swarm{' ARGS=' + repr(' '.join(words)) if words else ''}`",
        f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, "
        f"Django {version('django')}, load {load:.1f} at the start",
    ]
    if load > QUIET_LOAD:
        lines.append(f"THE MACHINE IS NOT QUIET (load {load:.1f}): no figure of this run is worth keeping.")
    return "\n\n".join(lines)


def throughput(rows: Sequence[Row]) -> str:
    base = {kind: _drained(rows, kind) for kind in (Celery, Procrastinate)}
    return _table(
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
    return _table(
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
    head = ["per 1 000 jobs", "CPU s enqueuing", "CPU s draining", "x Celery", "MB grown", "MB of all processes"]
    base = next((sum(row.drain_ms.values()) for row in rows if row.contender is Celery), None)
    return _table(
        head,
        [
            [
                row.contender.name,
                f"{sum(row.enqueue_ms.values()):.2f}",
                f"{sum(row.drain_ms.values()):.2f}",
                _ratio(sum(row.drain_ms.values()), base),
                f"{row.grown_mb / row.plan.jobs * 1000:.1f}",
                _whole(sum(row.rss_mb.values())),
            ]
            for row in rows
        ],
    )


def budget(rows: Sequence[Row]) -> str:
    """Where a task's CPU goes, from its creation until every lane has told of its end."""
    ours = [row for row in rows if issubclass(row.contender, Chimera)]
    names = ["worker", "web", "relay", "PostgreSQL", "Redis", PRODUCER]
    head = ["CPU ms per task", "", *("agent" if name == "worker" else name for name in names), "sum"]
    lines = []
    for row in ours:
        both = {name: row.enqueue_ms.get(name, 0.0) + row.drain_ms.get(name, 0.0) for name in names}
        for phase, spent in (("created, queued", row.enqueue_ms), ("claimed, finished", row.drain_ms), ("life", both)):
            figures = [f"{spent[name]:.2f}" if name in spent else "" for name in names]
            lines.append([row.contender.name, phase, *figures, f"{sum(spent.values()):.2f}"])
    return _table(head, lines)


def packages(rows: Sequence[Row]) -> str:
    found = {name: at for row in rows for name, at in sorted(row.packages.items())}
    return "Versions: " + ", ".join(f"{name} {at}" for name, at in found.items())


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    return _table(head, lines)


def say(text: str) -> None:
    print(text, end="\n\n", flush=True)


def complain(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
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
