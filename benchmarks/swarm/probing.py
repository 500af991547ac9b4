"""One process that claims, finishes and sweeps through the real flows, and tells what each cost. Prints JSON.

    python -m benchmarks.swarm.probing TIMES      DATABASE_URL, REDIS_URL; CHIMERA_BENCH_ROWS: the superuser's database URL

No relay runs meanwhile: this process does what its clock would do, step by step. What PostgreSQL did for it comes from
pg_stat_statements: of all statements that the application's roles asked, with the time to plan them.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chimera.settings")
django.setup()

import psycopg  # noqa: E402
from django.db import Error  # noqa: E402

from benchmarks.swarm.filling import CAPABILITY, COMMON, RARE  # noqa: E402
from chimera.flows import reactions  # noqa: E402
from chimera.flows.claim_tasks import claim_tasks  # noqa: E402
from chimera.flows.create_tasks import create_tasks  # noqa: E402
from chimera.flows.finish_task import Handed, finish_task  # noqa: E402
from chimera.kernel import redis, tenancy  # noqa: E402
from chimera.kernel.actors import SYSTEM  # noqa: E402
from swarm import dispatch  # noqa: E402
from swarm.actions import agents  # noqa: E402
from swarm.actions.creating import NewTask  # noqa: E402
from swarm.actions.results import NewResult  # noqa: E402
from swarm.dispatch import queueing  # noqa: E402
from swarm.models import AgentProfile, SwarmSession, Task  # noqa: E402
from swarm.models.result import ResultStatus  # noqa: E402
from swarm.states import SessionStatus, TaskStatus  # noqa: E402

Answer = TypeVar("Answer")
SWEEPS = 3  # times that each step of the clock is run
AT_ONCE = 64
HEAVY_PAGES = 500  # a statement that looks at more is named

_ASKED = """
    SELECT s.query, s.calls, s.total_exec_time + s.total_plan_time, s.shared_blks_hit + s.shared_blks_read
    FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid WHERE NOT r.rolsuper
"""


@dataclass
class Cost:
    """Of a call that was made several times; `heavy` are statements that look at many pages: how many at least, by text."""

    ms: list[float] = field(default_factory=list)
    postgres_ms: list[float] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)
    statements: list[int] = field(default_factory=list)
    heavy: dict[str, int] = field(default_factory=dict)
    failed: str = ""

    def add(self, ms: float, asked: Sequence[tuple[str, int, float, int]]) -> None:
        self.ms.append(ms)
        self.postgres_ms.append(sum(spent for _, _, spent, _ in asked))
        self.pages.append(sum(pages for _, _, _, pages in asked))
        self.statements.append(sum(calls for _, calls, _, _ in asked))
        for query, calls, _, pages in asked:
            if pages // calls > HEAVY_PAGES:
                text = " ".join(query.split())
                self.heavy[text] = min(self.heavy.get(text, pages), pages // calls)


class Probe:
    def __init__(self, rows: "psycopg.Connection[Any]", times: int) -> None:
        self.rows, self.times = rows, times
        self.costs: dict[str, Cost] = {}
        with tenancy.system():
            self.tenant_id: UUID = SwarmSession.objects.exclude(campaign=None).values_list("tenant_id", flat=True)[0]
            named = AgentProfile.objects.filter(tenant_id=self.tenant_id, role="worker")
            self.plain: UUID = named.filter(capabilities=[]).values_list("pk", flat=True)[0]
            able = list(named.filter(capabilities=[CAPABILITY]).values_list("pk", flat=True)[:1])
            running = SwarmSession.objects.filter(tenant_id=self.tenant_id, status=SessionStatus.RUNNING)
            self.session: UUID = running.values_list("pk", flat=True)[0]
        self.able = able[0] if able else self._register()

    def run(self) -> None:
        self._fill_lists()
        self._claims()
        self._relay()
        self._clock()

    def _register(self) -> UUID:
        with tenancy.bound(self.tenant_id):
            made, _ = agents.register(
                name="able", role="worker", capabilities=[CAPABILITY], tools_config={}, max_slots=AT_ONCE, by=SYSTEM
            )
        return UUID(str(made.pk))

    def _fill_lists(self) -> None:
        """Every id that is QUEUED, as the relay would have pushed them one after the other."""
        redis.client().flushdb()
        pipe = redis.client().pipeline(transaction=False)
        for part in self.rows.execute(
            "SELECT tenant_id, role, CASE WHEN priority > 66 THEN 'high' WHEN priority > 33 THEN 'normal' ELSE 'low' END,"
            " array_agg(id::text || ' ' || type ORDER BY id) FROM swarm_task WHERE status = 'queued' AND requires = '{}' GROUP BY 1, 2, 3"
        ).fetchall():
            tenant_id, role, band, ids = part
            for start in range(0, len(ids), 10_000):
                pipe.rpush(redis.queue(band, tenant_id, role), *ids[start : start + 10_000])
            pipe.execute()

    def _claims(self) -> None:
        for name, agent_id, most, types in (
            ("claim of 1", self.plain, 1, ()),
            ("claim of 1, by an agent with a capability", self.able, 1, ()),
            ("claim of 1, of a common type", self.plain, 1, (COMMON,)),
            ("claim of 1, of a rare type", self.plain, 1, (RARE,)),
            (f"claim of {AT_ONCE}", self.plain, AT_ONCE, ()),
        ):
            times = self.times if most == 1 else max(3, self.times // 10)
            self._claim(name, agent_id, most, types, times=times, away=False)
        self._claim("claim of 1, Redis away", self.plain, 1, (), times=self.times, away=True)

    def _claim(self, name: str, agent_id: UUID, most: int, types: tuple[str, ...], *, times: int, away: bool) -> None:
        def claim() -> list[Handed]:
            popped = None if away else dispatch.pop(tenant_id=self.tenant_id, role="worker", most=most, types=types)
            with tenancy.bound(self.tenant_id):
                got = claim_tasks(
                    agent_id=agent_id, most=most, popped=popped or [], redis_away=popped is None, types=types, by=SYSTEM
                )
            claimed = [one.task for one in got.claims]
            dispatch.settle(self.tenant_id, popped=popped or [], early=got.early, claimed=claimed)
            if not claimed:
                raise SystemExit(f"{name}: nothing was handed out, though rows wait")
            return [self._handed(agent_id, task) for task in claimed]

        def finish(handed: list[Handed]) -> None:
            if "result" not in self.costs or len(self.costs["result"].ms) < times == self.times:
                handed = handed[:]
                self._cost("result", lambda: self._finish(handed.pop()), 1)
            for one in handed:
                self._finish(one)

        self._cost(name, claim, times, finish)

    def _handed(self, agent_id: UUID, task: Task) -> Handed:
        assert task.lease_token is not None
        new = NewResult(status=ResultStatus.SUCCEEDED)
        return Handed(task_id=task.pk, lease_token=task.lease_token, agent_id=agent_id, new=new, by=SYSTEM)

    def _finish(self, handed: Handed) -> None:
        with tenancy.bound(self.tenant_id):
            finish_task(handed)

    def _relay(self) -> None:
        def create() -> UUID:
            new = NewTask(session_id=self.session, type=COMMON, input_payload={}, risk_tier=3)
            with tenancy.bound(self.tenant_id):
                (task,) = create_tasks(new=[new], by=SYSTEM)
            return UUID(str(task.pk))

        made = iter(self._cost("create", create, self.times))
        self._cost("queue one that was created", lambda: queueing.make_queued([next(made)]), self.times)

    def _clock(self) -> None:
        for name, _, step in reactions.CLOCK:
            if name != "deal":
                self._cost(f"clock: {name}", step, SWEEPS)
        with tenancy.bound(self.tenant_id):
            last = iter(list(Task.objects.filter(status=TaskStatus.QUEUED).order_by("-pk")[:SWEEPS]))

        def deal() -> None:
            """With a list that has grown."""
            redis.client().rpush(redis.queue("normal", self.tenant_id, "worker"), str(next(last).pk))
            dispatch.deal()

        self._cost("clock: deal, of lists that grew", deal, SWEEPS)
        self._cost("clock: deal, of lists that did not", dispatch.deal, SWEEPS)
        self._cost("restock of an empty Redis", self._restock_empty, 1)

    def _restock_empty(self) -> None:
        redis.client().flushdb()
        dispatch.restock()

    def _cost(
        self, name: str, call: Callable[[], Answer], times: int, after: Callable[[Answer], None] | None = None
    ) -> list[Answer]:
        """Calls it so many times; what `after` does with each answer is not counted."""
        cost, answers = self.costs.setdefault(name, Cost()), []
        for _ in range(times):
            self.rows.execute("SELECT pg_stat_statements_reset()")
            began = time.perf_counter()
            try:
                answers.append(call())
            except (Error, psycopg.Error, redis.Away) as fault:  # too long for its timeout, say; that is a figure too
                cost.failed = repr(fault)
            cost.add((time.perf_counter() - began) * 1000, self.rows.execute(_ASKED).fetchall())
            if after and not cost.failed:
                after(answers[-1])
        return answers


def main() -> None:
    with psycopg.connect(os.environ["CHIMERA_BENCH_ROWS"], autocommit=True) as rows:
        probe = Probe(rows, int(sys.argv[1]))
        probe.run()
    print(json.dumps({name: asdict(cost) for name, cost in probe.costs.items()}))


if __name__ == "__main__":
    main()
