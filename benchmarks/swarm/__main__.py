"""Chimera beside Celery, Dramatiq, RQ and Procrastinate: the same no-op job, one worker process each, in one run.

    make bench-swarm [ARGS="--jobs 5000 --only celery --quick …"]

For each: some jobs are enqueued one per call and the rest in bulk where there is such a call; then the worker begins and
drains them all; then --rate jobs a second are enqueued for --seconds. Servers are private, fresh for each row and durable
(fsync on; Redis with an append-only file). A drain is timed from the first handler's start until the last job is
acknowledged, latency from the enqueuing call's return to the handler's start. CPU is of all processes, servers included,
out of /proc; Chimera's until the relay has told of every event. Chimera does it over HTTP and its agents' socket, with a
tenant, leases and events; the others' workers stand straight on their broker. At last, what a claim costs while many
rows wait and many are finished (Chimera's; --huge adds 1 000 000 waiting and 5 000 000 finished, some ten minutes more).
"""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from benchmarks.swarm import claims, contenders, report
from benchmarks.swarm.measuring import Plan, Row, measure
from benchmarks.swarm.running import Unfinished

LAST_LINES = 15  # of a log, when a row is given up
IDLE_SECONDS = 5


def main(words: list[str]) -> None:
    asked = _parsed(words)
    plan = Plan(
        jobs=asked.jobs,
        singles=min(asked.singles, asked.jobs // 2),
        rate=asked.rate,
        at_once=asked.at_once,
        seconds=asked.seconds,
        idle=1 if asked.quick else IDLE_SECONDS,
        patience=asked.patience,
    )
    chosen = _chosen(asked.only)
    report.say(report.heading(_repeatable(words)))
    rows = [_measured(kind, asked.queues, plan) for kind in chosen]
    if rows:
        for table in (report.throughput, report.latency, report.cost):
            report.say(table(rows))
        if any(issubclass(row.contender, contenders.Chimera) for row in rows):
            report.say(report.budget(rows))
        report.say(report.packages(rows))
    if asked.claims:
        with _home() as home:
            report.say(claims.growth(Path(home), claims.levels(quick=asked.quick, huge=asked.huge)))


def _parsed(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench-swarm", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queues", default=sys.executable, help="the Python that has benchmarks/requirements.txt")
    parser.add_argument("--jobs", type=int, default=5000, help="that wait when the worker begins (5000)")
    parser.add_argument("--singles", type=int, default=1000, help="of them, enqueued one per call (1000)")
    parser.add_argument("--rate", type=int, default=100, help="jobs a second while latency is measured (100)")
    parser.add_argument("--seconds", type=int, default=15, help="for so long (15)")
    parser.add_argument(
        "--at-once", type=int, default=1, help="of them in one call, where there is a call for many (1)"
    )
    parser.add_argument(
        "--patience", type=int, default=60, help="seconds without progress until a row is given up (60)"
    )
    parser.add_argument("--only", nargs="*", metavar="NAME", help="rows whose name contains this: sdk celery …")
    parser.add_argument("--no-claims", dest="claims", action="store_false", help="not what a claim costs among many")
    parser.add_argument("--huge", action="store_true", help="that also among a million")
    parser.add_argument("--quick", action="store_true", help="a smoke run; its figures mean nothing")
    asked = parser.parse_args(words)
    if asked.quick:
        asked.jobs, asked.singles, asked.seconds = 200, 40, 1
    return asked


def _repeatable(words: list[str]) -> list[str]:
    """Without the Python that the Makefile names by itself."""
    at = words.index("--queues") if "--queues" in words else len(words)
    return words[:at] + words[at + 2 :]


def _chosen(only: list[str] | None) -> list[type[contenders.Contender]]:
    if only is None:
        return list(contenders.ALL)
    chosen = [kind for kind in contenders.ALL if any(name.lower() in kind.name.lower() for name in only)]
    if only and not chosen:
        raise SystemExit(
            f"nobody is called {' or '.join(only)}; there are: {', '.join(k.name for k in contenders.ALL)}"
        )
    return chosen


def _measured(kind: type[contenders.Contender], python: str, plan: Plan) -> Row:
    report.complain(f"… {kind.name}")
    with _home() as folder:
        home = Path(folder)
        try:
            return measure(kind(python, home), plan)
        except Unfinished as error:
            for log in sorted(home.glob("*.log")):
                report.complain("\n".join([f"--- {log.name}", *log.read_text().splitlines()[-LAST_LINES:]]))
            raise SystemExit(f"{kind.name}: {error}") from error


def _home() -> "tempfile.TemporaryDirectory[str]":
    """A folder for one row's servers."""
    return tempfile.TemporaryDirectory(prefix="chimera-bench-", ignore_cleanup_errors=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # so that servers and workers are stopped
    main(sys.argv[1:])
