"""What a claim, a result, the relay's steps and the clock's sweeps cost while many rows wait and many have ended.

It is to stay flat. Each operation is run through the real flow, one after the other (probing.py).
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from benchmarks.lifecycle import ROOT, Servers
from benchmarks.swarm import tables
from benchmarks.swarm.filling import Filler, Level

LEVELS = (Level(10_000, 10_000), Level(100_000, 100_000))
HUGE = Level(1_000_000, 5_000_000)
QUICK = (Level(2_000, 2_000), Level(4_000, 4_000))
TIMES, TIMES_QUICK = 40, 3
FLAT, FEW_PAGES = 2.0, 500  # times the pages of the first level, and so many more: not flat
Costs = Mapping[str, Mapping[str, Any]]


def levels(*, quick: bool, huge: bool) -> Sequence[Level]:
    return QUICK if quick else (*LEVELS, HUGE) if huge else LEVELS


def growth(home: Path, among: Sequence[Level], *, quick: bool) -> str:
    servers = Servers(home, counted=True)
    try:
        with psycopg.connect(servers.postgres.urls.superuser, autocommit=True) as rows:
            filler = Filler(rows, servers.keys["tenant"])
            found = []
            for level in among:
                tables.complain(f"… among {level.waiting} waiting and {level.finished} finished")
                filler.fill(level)
                found.append(_probed(servers, TIMES_QUICK if quick else TIMES))
    finally:
        servers.stop()
    return "\n\n".join((_costs(among, found), _heavy(found[-1])))


def _probed(servers: Servers, times: int) -> Costs:
    environment = servers.environment | {"CHIMERA_BENCH_ROWS": servers.postgres.urls.superuser}
    probe = [sys.executable, "-m", "benchmarks.swarm.probing", str(times)]
    said = subprocess.run(probe, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    if said.returncode:
        raise SystemExit("the probe failed; what it said stands above")
    costs: Costs = json.loads(said.stdout)
    return costs


def _costs(among: Sequence[Level], found: Sequence[Costs]) -> str:
    head = [
        f"ms · PostgreSQL's ms · pages, among {_short(a.waiting)} waiting, {_short(a.finished)} finished" for a in among
    ]
    lines = []
    for name in found[0]:
        lines.append([name, *(_cell(costs[name]) for costs in found), _grown(*(found[at][name] for at in (0, -1)))])
    return tables.table(["", *head, "pages, last to first"], lines)


def _grown(first: Mapping[str, Any], last: Mapping[str, Any]) -> str:
    """By pages: milliseconds tell too much of what else runs."""
    before, after = median(first["pages"]), median(last["pages"])
    return "flat" if after <= before * FLAT or after - before <= FEW_PAGES else f"x {after / max(1, before):.1f}"


def _cell(cost: Mapping[str, Any]) -> str:
    if cost["failed"]:
        return f"failed: {cost['failed'][:40]}"
    return f"{median(cost['ms']):.1f} · {median(cost['postgres_ms']):.1f} · {median(cost['pages']):,.0f}".replace(
        ",", " "
    )


def _heavy(costs: Costs) -> str:
    """Of the last level."""
    lines = [
        [name, f"{pages:,}".replace(",", " "), f"`{text[:160].replace('|', '/')}`"]
        for name, cost in costs.items()
        for text, pages in sorted(cost["heavy"].items(), key=lambda one: -one[1])[:1]
    ]
    return tables.table(["At the last level, statements that looked at most pages", "pages", ""], lines)


def _short(number: int) -> str:
    return f"{number // 1_000_000} M" if number >= 1_000_000 else f"{number // 1_000} k"
