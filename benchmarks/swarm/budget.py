"""Where a task's CPU goes, layer by layer and statement by statement: the SDK's agent on the socket, looked at closely."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.swarm import layers
from benchmarks.swarm.contenders import ChimeraCounted
from benchmarks.swarm.jobs.stamps import Stamps
from benchmarks.swarm.measuring import PRODUCER, WARM, WORKER, spending, until_begun
from benchmarks.swarm.metering import Cpu, Meter
from benchmarks.swarm.running import producing, until, working

SINGLES, JOBS, JOBS_QUICK = 1_000, 4_000, 200
PATIENCE_SECONDS = 60


def budget(python: str, home: Path, *, quick: bool) -> str:
    """`python` is the other queues', beside which py-spy stands."""
    jobs = JOBS_QUICK if quick else JOBS
    singles = min(SINGLES, jobs // 2)
    stamps = Stamps.create(home / "stamps", WARM + jobs)
    contender = ChimeraCounted(python, home)
    contender.open()
    try:
        seen = Looking(contender, python, home)
        with producing(contender, stamps) as producer:
            producer.order("one", 0, WARM)
            until(contender.settled, patience=PATIENCE_SECONDS)
            with seen.looking("created, one per call, and queued", singles, {PRODUCER: producer.pid}):
                producer.order("one", WARM, WARM + singles)
                until(contender.settled, patience=PATIENCE_SECONDS)
            producer.order("many", WARM + singles, WARM + jobs)
            until(contender.settled, patience=PATIENCE_SECONDS)
            with working(contender, stamps) as worker:
                until_begun(1, worker, stamps, PATIENCE_SECONDS, pause=0.005)
                with seen.looking("claimed and finished", WARM + jobs, {WORKER: worker.pid}):
                    until_begun(WARM + jobs, worker, stamps, PATIENCE_SECONDS, pause=0.02)
                    until(lambda: contender.done(WARM + jobs), patience=PATIENCE_SECONDS)
                    until(contender.settled, patience=PATIENCE_SECONDS)
    finally:
        contender.close()
    return "\n\n".join(seen.said)


class Looking:
    def __init__(self, contender: ChimeraCounted, python: str, home: Path) -> None:
        self.contender, self.python, self.home = contender, python, home
        self.said: list[str] = []

    @contextmanager
    def looking(self, what: str, jobs: int, besides: Mapping[str, int]) -> Iterator[None]:
        """Says afterwards what each of these jobs cost."""
        servers = self.contender.servers()
        spied = {name: servers[name] for name in ("web", "relay")} | dict(besides)
        cost: Cpu
        layers.forget(self.contender.watcher)
        with layers.spying(self.python, spied, self.home) as shares:
            with spending(Meter(dict(servers) | dict(besides)), jobs) as cost:
                yield
        self.said += [
            f"A task that is {what}:",
            layers.by_layer(shares, cost),
            layers.statements(self.contender.watcher, jobs),
        ]
