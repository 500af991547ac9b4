"""The scene of one hot budget, and what is measured on it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from benchmarks.lifecycle import House
from benchmarks.swarm.metering import Meter

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
    cpu_seconds: Mapping[str, float]

    @property
    def rate(self) -> float:
        return self.decisions / self.seconds

    def at(self, percent: float) -> float:
        found = sorted(self.spans_ms)
        return found[min(len(found) - 1, int(len(found) * percent / 100))]

    def cpu_ms(self, of: str) -> float:
        """For each decision."""
        return self.cpu_seconds[of] * 1000 / self.decisions


class Scene:
    """A tenant with one budget, and running tasks with their leases, as many as there are callers."""

    def __init__(self, house: House, callers: int) -> None:
        self.tenant_id = UUID(house.keys["tenant"])
        self.url, self.port = house.postgres.urls.app, house.port
        self._begin(callers)
        with psycopg.connect(house.postgres.urls.superuser, autocommit=True) as rows:
            found = rows.execute(_LEASED, {"agent": self.agent_id}).fetchall()
        self.leases = [Lease(task_id, token, self.agent_id) for task_id, token in found]
        self._first()
        self._house = house
        self._postgres = int((Path(house.postgres.folder) / "postmaster.pid").read_text().split()[0])

    def _begin(self, callers: int) -> None:
        from chimera.flows.create_budget import create_budget
        from chimera.flows.create_tasks import create_tasks
        from chimera.kernel import tenancy
        from chimera.kernel.actors import SYSTEM
        from commerce.states import Currency, Scope
        from swarm.actions import agents, sessions
        from swarm.actions.creating import NewTask

        with tenancy.bound(self.tenant_id):
            agent, self.secret = agents.register(
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

    def cpu(self) -> dict[str, float]:
        """Seconds of this process without those that it started, of PostgreSQL, the web process and the relay, so far."""
        web, relay = (child.pid for child in self._house.children)
        theirs = Meter({"PostgreSQL": self._postgres, "web": web, "relay": relay}).cpu_seconds()
        return {"here": time.process_time(), **theirs}

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
