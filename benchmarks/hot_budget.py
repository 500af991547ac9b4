"""One hot budget: how many spends a second one budget's rows take, beside the naive way in the same run.

    python benchmarks/hot_budget.py [--callers 32 64 128] [--seconds 5] [--runs 3]

Starts private servers (durable: fsync on). Every caller holds a lease of its own task and spends from the one budget of its
tenant, which limits day, month and total; it asks again as soon as it is answered. *Grouped* is Chimera's way: what waits together
is decided together. *Naive* is a thread and a connection for each caller, and for each spend a transaction: `SELECT … FOR UPDATE` of
the budget, look at its windows, add, insert the ledger's row; without keys, leases, rules, facts and answers, which the other
has. Prints decisions per second, the time from asking to the answer, CPU milliseconds per decision, and the ratio.
"""

import argparse
import asyncio
import os
import platform
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chimera.settings")
os.environ.setdefault("CHIMERA_LOG_LEVEL", "ERROR")

import psycopg  # noqa: E402

from benchmarks.lifecycle import Servers  # noqa: E402
from benchmarks.swarm.metering import Meter  # noqa: E402

AMOUNT = Decimal("0.01")
WARM_SECONDS = 1.0


@dataclass(frozen=True)
class Lease:
    task_id: UUID
    token: UUID
    agent_id: UUID


@dataclass(frozen=True)
class Measured:
    decisions: int
    seconds: float
    spans_ms: list[float]
    cpu_seconds: float

    @property
    def rate(self) -> float:
        return self.decisions / self.seconds

    def at(self, percent: float) -> float:
        found = sorted(self.spans_ms)
        return found[min(len(found) - 1, int(len(found) * percent / 100))]

    @property
    def cpu_ms(self) -> float:
        return self.cpu_seconds * 1000 / self.decisions


class Scene:
    """A tenant with one budget, and running tasks with their leases, as many as there are callers."""

    def __init__(self, servers: Servers, callers: int) -> None:
        self.tenant_id = UUID(servers.keys["tenant"])
        self.url = servers.postgres.urls.app
        self._begin(callers)
        with psycopg.connect(servers.postgres.urls.superuser, autocommit=True) as rows:
            found = rows.execute(_LEASED, {"agent": self.agent_id}).fetchall()
        self.leases = [Lease(task_id, token, self.agent_id) for task_id, token in found]
        self._first()
        self.postgres = int((Path(servers.postgres.folder) / "postmaster.pid").read_text().split()[0])

    def _begin(self, callers: int) -> None:
        from chimera.flows.create_budget import create_budget
        from chimera.flows.create_tasks import create_tasks
        from chimera.kernel import tenancy
        from chimera.kernel.actors import SYSTEM
        from commerce.states import Currency, Scope
        from swarm.actions import agents, sessions
        from swarm.actions.creating import NewTask

        with tenancy.bound(self.tenant_id):
            agent, _ = agents.register(
                name="spender", role="worker", capabilities=[], tools_config={}, max_slots=64, by=SYSTEM
            )
            self.agent_id = agent.pk
            limits: dict[str, Decimal | None] = {
                "day_usd": Decimal(10**6),
                "month_usd": Decimal(10**7),
                "total_usd": Decimal(10**8),
            }
            self.budget_id = create_budget(
                scope=Scope.TENANT, scope_id=None, currency=Currency.USD, is_active=True, limits=limits, by=SYSTEM
            ).pk
            session = sessions.create(campaign_id=None, name="hot", context={}, by=SYSTEM)
            new = NewTask(session_id=session.pk, type="noop", input_payload={})
            create_tasks(new=[new] * callers, by=SYSTEM)

    def _first(self) -> None:
        """The first spend of a day makes the windows."""
        from chimera.flows.spend_many import Answered, spend_many

        (answered,) = spend_many(self.tenant_id, [asking(self.leases[0])])
        assert isinstance(answered, Answered), answered


def asking(lease: Lease) -> Any:
    from chimera.flows.spend_many import Asked, Spend
    from chimera.kernel.actors import Actor

    what = Spend(task_id=lease.task_id, amount_usd=AMOUNT, asset_symbol="USD", payee="render.example")
    by = Actor.agent(str(lease.agent_id), "spender")
    return Asked(what=what, lease_token=lease.token, agent_id=lease.agent_id, by=by)


_LEASED = """
    UPDATE swarm_task SET status = 'running', agent_id = %(agent)s, lease_token = gen_random_uuid(), attempt_count = 1,
        lease_expires_at = now() + interval '1 day', queued_at = now(), started_at = now(), version = version + 1
    WHERE status = 'pending' RETURNING id, lease_token
"""


def grouped(scene: Scene, leases: Sequence[Lease], seconds: float) -> Measured:
    from chimera.flows.spend_together import AT_ONCE_MAX, spend_together
    from chimera.kernel.group import Group

    async def all_ask() -> Measured:
        group: Group[UUID, Any, Any] = Group(spend_together, most=AT_ONCE_MAX)
        spans: list[float] = []
        until = time.perf_counter() + WARM_SECONDS + seconds

        async def ask(lease: Lease) -> None:
            asked = asking(lease)
            while (began := time.perf_counter()) < until:
                answered = await group.add(scene.tenant_id, asked)
                assert answered, "left to the door"
                assert answered.status == 201, answered
                if began >= until - seconds:
                    spans.append((time.perf_counter() - began) * 1000)

        all_of_them = asyncio.gather(*(ask(lease) for lease in leases))
        await asyncio.sleep(WARM_SECONDS)
        cpu = _cpu(scene)
        await all_of_them
        return Measured(len(spans), seconds, spans, _cpu(scene) - cpu)

    return asyncio.run(all_ask())


def naive(scene: Scene, leases: Sequence[Lease], seconds: float) -> Measured:
    spans: list[float] = []
    until = time.perf_counter() + WARM_SECONDS + seconds

    def ask(lease: Lease) -> None:
        with psycopg.connect(scene.url, prepare_threshold=1) as rows:
            while (began := time.perf_counter()) < until:
                _spend_naively(rows, scene, lease)
                if began >= until - seconds:
                    spans.append((time.perf_counter() - began) * 1000)

    threads = [threading.Thread(target=ask, args=(lease,)) for lease in leases]
    for thread in threads:
        thread.start()
    time.sleep(WARM_SECONDS)
    cpu = _cpu(scene)
    for thread in threads:
        thread.join()
    return Measured(len(spans), seconds, spans, _cpu(scene) - cpu)


def _spend_naively(rows: "psycopg.Connection[Any]", scene: Scene, lease: Lease) -> None:
    from chimera.kernel import ids

    with rows.transaction():
        rows.execute("SELECT set_config('chimera.tenant', %s, true)", [str(scene.tenant_id)])
        rows.execute("SELECT 1 FROM commerce_budgetconfig WHERE id = %s FOR UPDATE", [scene.budget_id])
        windows = rows.execute(
            "SELECT id, limit_usd - held_usd - captured_usd FROM commerce_spendwindow WHERE budget_id = %s",
            [scene.budget_id],
        ).fetchall()
        assert windows
        assert all(left >= AMOUNT for _, left in windows)
        found = [window_id for window_id, _ in windows]
        rows.execute("UPDATE commerce_spendwindow SET held_usd = held_usd + %s WHERE id = ANY(%s)", [AMOUNT, found])
        rows.execute(
            _INSERT,
            [ids.uuid7(), scene.tenant_id, lease.agent_id, AMOUNT, lease.token, scene.budget_id, found, lease.task_id],
        )


_INSERT = """
    INSERT INTO commerce_transaction (
        id, tenant_id, version, task_id, session_id, agent_id, status, amount_usd, asset_symbol, payee, category, purpose,
        metadata, keeper, lease_token, approval_key, denied_code, denied_reason, budgets, windows, created_at, changed_by
    )
    SELECT %s, %s, 1, t.id, t.session_id, %s, 'held', %s, 'USD', 'render.example', '', '', '{}', 'lease', %s, 'naive', '', '',
        ARRAY[%s], %s, now(), 'naive'
    FROM swarm_task t WHERE t.id = %s
"""


def _cpu(scene: Scene) -> float:
    """Of this process and of PostgreSQL's, so far."""
    return sum(Meter({"ours": os.getpid(), "postgres": scene.postgres}).cpu_seconds().values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--callers", type=int, nargs="+", default=[32, 64, 128])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="chimera-bench-"))
    servers = Servers(home)
    try:
        os.environ |= servers.environment
        import django

        django.setup()
        print(
            f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
        )
        scene = Scene(servers, max(asked.callers))
        for callers in asked.callers:
            _compare(scene, scene.leases[:callers], asked.seconds, asked.runs)
    finally:
        servers.stop()
        shutil.rmtree(home, ignore_errors=True)


def _compare(scene: Scene, leases: Sequence[Lease], seconds: float, runs: int) -> None:
    """Both in turn, so that whatever the machine does meanwhile it does to both."""
    ours, theirs = [], []
    for _ in range(runs):
        ours.append(grouped(scene, leases, seconds))
        theirs.append(naive(scene, leases, seconds))
    print(f"{len(leases)} callers:")
    print(f"  grouped  {_said(ours)}")
    print(f"  naive    {_said(theirs)}")
    rates = [one.rate / other.rate for one, other in zip(ours, theirs, strict=True)]
    print(f"  ratio    {statistics.median(rates):.1f} × ({min(rates):.1f}–{max(rates):.1f})", flush=True)


def _said(runs: Sequence[Measured]) -> str:
    def median(figure: Callable[[Measured], float]) -> float:
        return statistics.median(map(figure, runs))

    rates = [run.rate for run in runs]
    return (
        f"{statistics.median(rates):.0f} decisions/s ({min(rates):.0f}–{max(rates):.0f}); p50 {median(lambda r: r.at(50)):.1f} ms, "
        f"p95 {median(lambda r: r.at(95)):.1f} ms, p99 {median(lambda r: r.at(99)):.1f} ms; {median(lambda r: r.cpu_ms):.2f} ms CPU each"
    )


if __name__ == "__main__":
    main()
