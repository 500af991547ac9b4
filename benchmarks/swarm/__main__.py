"""Chimera beside Celery, Dramatiq, RQ and Procrastinate: the same no-op job, one worker process each, in one run.

    make bench-swarm [ARGS="--write --parts queues --only celery --runs 5 --quick …"]

*queues*: for each row some jobs are enqueued one per call and the rest in bulk where there is such a call; then the worker
begins and drains them all; then --rate jobs a second are enqueued for --seconds. Servers are private, fresh for each row
and durable (fsync on; Redis with an append-only file). A drain is timed from the first handler's start until the last job
is acknowledged, latency from the enqueuing call's return to the handler's start. CPU is of all processes, servers
included, out of /proc; Chimera's until the relay has told of every event. All rows are run in turn --runs times; tables
show medians, and from where to where they went. Chimera does it over its agents' socket and over HTTP, with a tenant, leases
and events; the others' workers stand straight on their broker.
*budget*: where a task's CPU goes, by layer (py-spy) and by statement (pg_stat_statements).
*beats*: a thousand connected agents that beat every ten seconds, over the socket and over HTTP.
*claims*: what claims and sweeps cost while many rows wait and many have ended (--huge: 1 M and 5 M, some ten minutes more,
and 8 GB in the temporary folder, which is removed).
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.swarm import beats, claims, contenders, report, writing
from benchmarks.swarm.budget import budget
from benchmarks.swarm.measuring import Plan, Row, measure
from benchmarks.swarm.medians import Runs
from benchmarks.swarm.running import Unfinished
from benchmarks.swarm.tables import complain

LAST_LINES = 15  # of a log, when a row is given up
IDLE_SECONDS = 2
PARTS = ("queues", "budget", "beats", "claims")


def main(words: Sequence[str]) -> None:
    asked = _parsed(words)
    chosen = _chosen(asked.only)
    heading = report.heading(_repeatable(words))
    _say(heading)
    parts: dict[str, Callable[[], str]] = {
        "queues": lambda: _compared(chosen, asked),
        "budget": lambda: _at_home(lambda home: budget(asked.queues, home, quick=asked.quick)),
        "beats": lambda: _at_home(lambda home: beats.beating(home, quick=asked.quick)),
        "claims": lambda: _at_home(
            lambda home: claims.growth(home, claims.levels(quick=asked.quick, huge=asked.huge), quick=asked.quick)
        ),
    }
    for part in (part for part in PARTS if part in asked.parts):
        began = time.monotonic()
        text = parts[part]()
        took = f"Measured in {time.monotonic() - began:.0f} s."
        _say(f"{text}\n\n{took}")
        if asked.write:
            writing.write(part, f"{heading}\n\n{took}\n\n{text}")


def _parsed(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench-swarm", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queues", default=sys.executable, help="the Python that has benchmarks/requirements.txt")
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS, help="only these parts")
    parser.add_argument("--runs", type=int, default=3, help="times that each row is measured (3)")
    parser.add_argument("--jobs", type=int, default=2500, help="that wait when the worker begins (2500)")
    parser.add_argument("--singles", type=int, default=300, help="of them, enqueued one per call (300)")
    parser.add_argument("--rate", type=int, default=100, help="jobs a second while latency is measured (100)")
    parser.add_argument("--seconds", type=int, default=5, help="for so long (5)")
    parser.add_argument(
        "--at-once", type=int, default=1, help="of them in one call, where there is a call for many (1)"
    )
    parser.add_argument(
        "--patience", type=int, default=60, help="seconds without progress until a row is given up (60)"
    )
    parser.add_argument("--only", nargs="*", metavar="NAME", help="rows whose name contains this: sdk celery …")
    parser.add_argument("--huge", action="store_true", help="claims also among a million")
    parser.add_argument("--write", action="store_true", help="put what is measured into docs/benchmarks.md")
    parser.add_argument("--quick", action="store_true", help="a smoke run; its figures mean nothing")
    asked = parser.parse_args(words)
    if asked.quick:
        asked.jobs, asked.singles, asked.seconds, asked.runs = 200, 40, 1, 1
    if asked.quick and asked.write:
        parser.error("figures of a smoke run are not worth writing")
    return asked


def _repeatable(words: Sequence[str]) -> list[str]:
    """Without the Python that the Makefile names by itself."""
    at = words.index("--queues") if "--queues" in words else len(words)
    return [*words[:at], *words[at + 2 :]]


def _chosen(only: list[str] | None) -> list[type[contenders.Contender]]:
    if only is None:
        return list(contenders.ALL)
    chosen = [kind for kind in contenders.ALL if any(name.lower() in kind.name.lower() for name in only)]
    if only and not chosen:
        raise SystemExit(
            f"nobody is called {' or '.join(only)}; there are: {', '.join(k.name for k in contenders.ALL)}"
        )
    return chosen


def _compared(chosen: Sequence[type[contenders.Contender]], asked: argparse.Namespace) -> str:
    """One run after the other, and in each all rows: what changes on the machine meanwhile changes for all."""
    plan = Plan(
        jobs=asked.jobs,
        singles=min(asked.singles, asked.jobs // 2),
        rate=asked.rate,
        at_once=asked.at_once,
        seconds=asked.seconds,
        idle=1 if asked.quick else IDLE_SECONDS,
        patience=asked.patience,
    )
    rows: dict[type[contenders.Contender], list[Row]] = {kind: [] for kind in chosen}
    for run in range(1, asked.runs + 1):
        for kind in chosen:
            complain(f"… run {run} of {asked.runs}: {kind.name}")
            rows[kind].append(_measured(kind, asked.queues, plan))
    all_runs = [Runs(kind, measured) for kind, measured in rows.items()]
    tables = (report.targets, report.throughput, report.latency, report.cost, report.ratios, report.budget)
    how = (
        f"{plan.jobs:,} jobs waited, of them {plan.singles:,} enqueued one per call; then {plan.rate} a second for"
        f" {plan.seconds} s. Medians of {asked.runs} runs; in brackets the least and the most."
    )
    return "\n\n".join([how, *(table(all_runs) for table in tables), report.packages(all_runs)])


def _measured(kind: type[contenders.Contender], python: str, plan: Plan) -> Row:
    with _home() as folder:
        home = Path(folder)
        try:
            return measure(kind(python, home), plan)
        except Unfinished as error:
            for log in sorted(home.glob("*.log")):
                complain("\n".join([f"--- {log.name}", *log.read_text().splitlines()[-LAST_LINES:]]))
            raise SystemExit(f"{kind.name}: {error}") from error


def _at_home(measured: Callable[[Path], str]) -> str:
    with _home() as folder:
        return measured(Path(folder))


def _home() -> "tempfile.TemporaryDirectory[str]":
    """A folder for one row's servers."""
    return tempfile.TemporaryDirectory(prefix="chimera-bench-", ignore_cleanup_errors=True)


def _say(text: str) -> None:
    print(text, end="\n\n", flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # so that servers and workers are stopped
    main(sys.argv[1:])
