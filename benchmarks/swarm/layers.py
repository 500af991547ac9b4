"""The budget of a task's CPU, by layer: py-spy says where each process is, PostgreSQL what each statement costs.

py-spy stands in the other queues' venv; it needs the right to look into processes (root, or ptrace_scope 0).
"""

import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.swarm import tables

PER_SECOND = 200  # looks
SPY_STOP_SECONDS = 20
FEW = 0.005  # of a task's milliseconds; a statement below is not listed

# Somewhere in the stack, the first that fits; what is called on behalf of these is theirs.
ON_BEHALF = (
    ("event", r"kernel/eventlog\.py"),
    ("auth", r"kernel/identity\.py|http/authentication\.py|http/permissions\.py|http/callers\.py"),
    (
        "parse and show",
        r"/serializers|swarm/shapes\.py|consumers/frames\.py|rest_framework/(parsers|renderers|fields)|json/(en|de)coder|http/parsing\.py",
    ),
    ("push", r"consumers/pushing\.py|dispatch/(lists|reactions)\.py|http/waiting\.py"),
    ("relay: reading the log", r"relay/(redis_lane|slow_lane|cursor|pace)\.py"),
)
# Else the innermost frame that fits one.
INNERMOST = (
    ("SQL client", r"/psycopg|kernel/(pipelining|prepared)\.py"),
    ("ORM", r"django/db/"),
    ("Redis client", r"/redis/"),
    (
        "HTTP and sockets",
        r"twisted|autobahn|daphne|channels|asgiref|websockets|rest_framework|django/|asyncio/|selectors\.py",
    ),
    ("our own code", r"chimera/|swarm/|commerce/|safety/|memory/|chimera_sdk/|benchmarks/"),
)


@dataclass(frozen=True)
class Share:
    """Of a process's looks, by layer."""

    looks: Counter[str]

    def __getitem__(self, layer: str) -> float:
        return self.looks[layer] / max(1, self.looks.total())


@contextmanager
def spying(python: str, pids: Mapping[str, int], home: Path) -> Iterator[dict[str, Share]]:
    """Fills in the shares by process when it is left; without those into which it could not look."""
    found: dict[str, Share] = {}
    spy = Path(python).parent / "py-spy"
    spies = {name: _spy(spy, pid, home / f"{name}.stacks") for name, pid in pids.items()} if spy.exists() else {}
    yield found
    for name, process in spies.items():
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SPY_STOP_SECONDS)
        stacks = home / f"{name}.stacks"
        if stacks.exists():
            found[name] = _shares(stacks.read_text())


def _spy(spy: Path, pid: int, stacks: Path) -> "subprocess.Popen[str]":
    words = ["record", "--pid", str(pid), "--rate", str(PER_SECOND), "--format", "raw", "--gil", "--nonblocking"]
    return subprocess.Popen(
        [str(spy), *words, "--duration", "3600", "--output", str(stacks)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _shares(stacks: str) -> Share:
    looks: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, number = line.rpartition(" ")
        if number.isdigit():  # else it was cut off, or is no stack
            looks[layer_of(stack)] += int(number)
    return Share(looks)


def layer_of(stack: str) -> str:
    """`stack` is py-spy's: frames from the outermost on, `name (file:line)`, with semicolons between them."""
    for layer, pattern in ON_BEHALF:
        if re.search(pattern, stack):
            return layer
    for frame in reversed(stack.split(";")):
        for layer, pattern in INNERMOST:
            if re.search(pattern, frame):
                return layer
    return "Python"


def by_layer(shares: Mapping[str, Share], cpu_ms: Mapping[str, float]) -> str:
    """Of each process's milliseconds per task."""
    if not shares:
        return "Layers were not looked at: py-spy is missing, or may not look into processes here."
    names = list(shares)
    layers = [layer for layer, _ in (*ON_BEHALF, *INNERMOST)] + ["Python"]
    lines = [
        [layer, *(f"{shares[name][layer] * cpu_ms[name]:.3f}" for name in names)]
        for layer in layers
        if any(shares[name].looks[layer] for name in names)
    ]
    lines.append(["all", *(f"{cpu_ms[name]:.3f}" for name in names)])
    return tables.table(["CPU ms per task, by layer", *names], lines)


_STATEMENTS = """
    SELECT s.query, s.calls, s.total_exec_time, s.total_plan_time FROM pg_stat_statements s
    JOIN pg_roles r ON r.oid = s.userid WHERE NOT r.rolsuper
"""


def forget(rows: "psycopg.Connection[Any]") -> None:
    rows.execute("SELECT pg_stat_statements_reset()")


def statements(rows: "psycopg.Connection[Any]", jobs: int) -> str:
    """What PostgreSQL did for a task, by verb and first table."""
    calls: Counter[str] = Counter()
    ran: Counter[str] = Counter()
    planned: Counter[str] = Counter()
    for query, times, run_ms, plan_ms in rows.execute(_STATEMENTS).fetchall():
        kind = kind_of(query)
        calls[kind] += times
        ran[kind] += run_ms
        planned[kind] += plan_ms
    kinds = sorted(calls, key=lambda kind: -(ran[kind] + planned[kind]))
    shown = [kind for kind in kinds if (ran[kind] + planned[kind]) / jobs >= FEW]
    lines = [_line(kind, calls[kind], ran[kind], planned[kind], jobs) for kind in shown]
    lines.append(_line("all", calls.total(), ran.total(), planned.total(), jobs))  # type: ignore[arg-type]
    return tables.table(["PostgreSQL, per task", "statements", "run ms", "planned ms"], lines)


def _line(kind: str, calls: int, ran: float, planned: float, jobs: int) -> Sequence[str]:
    return [kind, f"{calls / jobs:.2f}", f"{ran / jobs:.3f}", f"{planned / jobs:.3f}"]


def kind_of(query: str) -> str:
    """`SELECT swarm_task`, say; of a WITH the verbs that stand in it."""
    text = " ".join(query.split())
    verb = text.split(" ", 1)[0].upper()
    if verb == "WITH":
        verb = (
            " and ".join(word for word in ("UPDATE", "INSERT", "DELETE") if f" {word} " in f" {text} ".upper())
            or "SELECT"
        )
    table = re.search(
        r'\b(?:FROM|INTO|UPDATE|JOIN)\s+(?:ONLY\s+)?"?((?:swarm|kernel|commerce|safety|memory)_\w+)', text
    )
    return f"{verb} {table[1]}" if table else verb
