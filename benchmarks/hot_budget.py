"""One hot budget: how many spends a second one budget's rows take, beside the naive way in the same run.

    python benchmarks/hot_budget.py [--callers 16 24 64] [--seconds 5] [--runs 3] [--write]

Starts private servers (durable: fsync on), a web process and a relay. Every caller holds a lease of its own task and spends from the
one budget of its tenant, which limits day, month and total; it asks again as soon as it is answered. *Grouped* is Chimera's way,
called in this process: what waits together is decided together. *Naive* is a thread and a connection for each caller, and for each
spend a transaction: `SELECT … FOR UPDATE` of the budget, look at its windows, add, insert the ledger's row; without the keys,
leases, rules, facts and answers that the other has. The same callers then ask the web process: each over a connection of its own,
and all over one agent's socket; they share the machine with it. Prints decisions per second, the time from asking to the answer, CPU
milliseconds per decision, and the ratio; `--write` puts them into docs/benchmarks.md.
"""

import statistics
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import frame
from benchmarks.hot import ways, wire
from benchmarks.hot.scene import Lease, Measured, Scene
from benchmarks.swarm.medians import Figure
from benchmarks.swarm.tables import table


def main() -> None:
    words = frame.words(__doc__)
    words.add_argument("--callers", type=int, nargs="+", default=[16, 24, 64])
    words.add_argument("--seconds", type=float, default=5)
    words.add_argument("--runs", type=int, default=3)
    frame.run(words, _measured, of="hot_budget")


def _measured(asked: frame.Asked, home: Path) -> frame.Found:
    with frame.house(home) as house:
        scene = Scene(house, max(asked.callers))
        for callers in asked.callers:
            yield "one budget", _compare(scene, scene.leases[:callers], asked.seconds, asked.runs)


Way = Callable[[Scene, Sequence[Lease], float], Measured]
WAYS: dict[str, Way] = {
    "grouped": ways.grouped,
    "over the socket": wire.over_socket,
    "over HTTP": wire.over_http,
    "naive": ways.naive,
}


def _compare(scene: Scene, leases: Sequence[Lease], seconds: float, runs: int) -> str:
    """All in turn, so that whatever the machine does meanwhile it does to each."""
    found: dict[str, list[Measured]] = {name: [] for name in WAYS}
    for _ in range(runs):
        for name, way in WAYS.items():
            found[name].append(way(scene, leases, seconds))
    rows = [_row(name, measured, found["naive"]) for name, measured in found.items()]
    cpu = [f"{of} CPU ms each" for of in found["naive"][0].cpu_seconds]
    head = [f"{len(leases)} callers", "decisions/s", "p50 ms", "p95 ms", "p99 ms", "× naive", *cpu]
    return table(head, rows)


def _row(name: str, runs: Sequence[Measured], naive: Sequence[Measured]) -> list[str]:
    def shown(figure: Callable[[Measured], float], digits: int) -> str:
        found = [figure(run) for run in runs]
        return Figure(statistics.median(found), min(found), max(found)).shown(digits)

    ratios = [one.rate / other.rate for one, other in zip(runs, naive, strict=True)]
    times = [shown(partial(Measured.at, percent=percent), 1) for percent in (50, 95, 99)]
    cpu = [shown(partial(Measured.cpu_ms, of=of), 2) for of in runs[0].cpu_seconds]
    ratio = Figure(statistics.median(ratios), min(ratios), max(ratios)).shown(1)
    return [name, shown(lambda run: run.rate, 0), *times, ratio, *cpu]


if __name__ == "__main__":
    main()
