"""A process that spends, as a web process does for its agents: a few threads, each with tasks, holds and a connection.

It takes the doors' own steps and flows, together where they are plain and alone where not; only HTTP is left out, which would
make the ten of them slower, and so less of a crowd. What ends a lease under its feet (a lapse, a leap of the clock) costs it the
task, as it should.
"""

import os
import random
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from django.conf import settings

from chimera.flows.claim_tasks import claim_tasks
from chimera.flows.spend_many import Answered, Asked, Capture, Spend, Void, spend_many
from chimera.flows.spend_together import spend_together
from chimera.kernel import redis, tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.errors import StaleLease
from chimera.kernel.http import problem
from chimera.management.drill import naive, plan
from chimera.management.drill.orders import Follower
from swarm import dispatch, liveness
from swarm.actions import agents, claims, tasks
from swarm.models.task import Task

Together = Callable[[UUID, Sequence[Asked]], Sequence[Answered | None]]
CENTS = Decimal("0.01")
TRIFLE_USD = Decimal("0.001")
# Of a thousand steps: so many ask for more, while more may be held.
ASKING = 750
# Of a thousand holds that end: so many are captured, with a trifle, so that the limits last; and these few in full.
CAPTURED, IN_FULL = 300, 2
RENEWED_AFTER = settings.LEASE / 4


@dataclass
class Leased:
    task_id: UUID
    token: UUID
    renewed: timedelta  # on the machine's clock, which does not leap
    holds: list[tuple[UUID, Decimal]] = field(default_factory=list)


class Spender:
    """One thread. `most` holds at once."""

    def __init__(self, tenant_id: UUID, agent_id: UUID, follower: Follower, most: int, together: Together) -> None:
        self.together = together
        self.tenant_id, self.agent_id, self.follower, self.most = tenant_id, agent_id, follower, most
        self.by = Actor.agent(agent_id, "spender")
        self.leased: list[Leased] = []
        self.chance = random.Random()

    def run(self) -> None:
        """Until killed. What nobody foresaw ends the process, and the drill."""
        while True:
            try:
                self._step()
            except Exception as error:
                refusal = problem.as_refusal(error)
                if refusal is None or refusal.status != 503:
                    traceback.print_exc()
                    os._exit(1)
                time.sleep(plan.PAUSE_SECONDS)

    def _step(self) -> None:
        self._beat()
        if len(self.leased) < plan.TASKS and not self._claim():
            time.sleep(plan.PAUSE_SECONDS)
        if not self.leased:
            return
        self._ask([self._wish() for _ in range(self.chance.randint(1, plan.TOGETHER_MAX))])
        redis.nudge()

    def _claim(self) -> bool:
        with tenancy.bound(self.tenant_id):
            agent = agents.hear(self.agent_id, by=self.by)
            free = claims.free_slots(agent)
        most = min(free, plan.TASKS - len(self.leased))
        popped = dispatch.pop(tenant_id=self.tenant_id, role=agent.role, most=most) if most else []
        with tenancy.bound(self.tenant_id):
            got = claim_tasks(
                agent_id=self.agent_id, most=max(1, most), popped=popped or [], redis_away=popped is None, by=self.by
            )
        claimed: list[Task] = [claim.task for claim in got.claims]
        dispatch.settle(self.tenant_id, popped=popped or [], early=got.early, claimed=claimed)
        liveness.beat(self.agent_id, tasks=agent.max_slots - free + len(claimed), slots=agent.max_slots)
        for task in claimed:
            assert task.lease_token is not None
            self.leased.append(Leased(task.pk, task.lease_token, _now()))
        return bool(claimed)

    def _beat(self) -> None:
        for lease in list(self.leased):
            if _now() - lease.renewed < RENEWED_AFTER:
                continue
            try:
                with tenancy.bound(self.tenant_id):
                    task = tasks.read(lease.task_id)
                    tasks.check_lease(task, lease.token, agent_id=self.agent_id)
                    claims.renew(task=task)
                lease.renewed = _now()
            except StaleLease:
                self.leased.remove(lease)

    def _wish(self) -> tuple[Leased, Spend | Capture | Void]:
        lease = self.chance.choice(self.leased)
        held = sum(len(each.holds) for each in self.leased)
        if not lease.holds or (held < self.most and self.chance.randrange(1000) < ASKING):
            span = int((plan.MOST_USD - plan.LEAST_USD) / CENTS)
            amount = plan.LEAST_USD + CENTS * self.chance.randint(0, span)
            asset = self.follower.orders.asset
            return lease, Spend(task_id=lease.task_id, amount_usd=amount, asset_symbol=asset, payee="drill.example")
        transaction_id, amount = lease.holds.pop(self.chance.randrange(len(lease.holds)))
        chance = self.chance.randrange(1000)
        if chance < CAPTURED:
            return lease, Capture(transaction_id=transaction_id, amount_usd=amount if chance < IN_FULL else TRIFLE_USD)
        return lease, Void(transaction_id=transaction_id, reason="drill")

    def _ask(self, wishes: Sequence[tuple[Leased, Spend | Capture | Void]]) -> None:
        """Together, and alone what was left, as the doors do."""
        asked = [
            Asked(what=what, lease_token=lease.token, agent_id=self.agent_id, by=self.by) for lease, what in wishes
        ]
        answers = self.together(self.tenant_id, asked)
        for (lease, what), one, answer in zip(wishes, asked, answers, strict=True):
            self._heard(lease, what, answer or spend_many(self.tenant_id, [one])[0])

    def _heard(self, lease: Leased, what: Spend | Capture | Void, answer: Answered | Exception) -> None:
        match answer:
            case Answered(status=201, body=body) if isinstance(what, Spend):
                lease.holds.append((UUID(str(body["id"])), what.amount_usd))
            case Answered():
                pass
            case StaleLease():
                if lease in self.leased:
                    self.leased.remove(lease)
            case _:
                raise answer


def _none_together(tenant_id: UUID, asked: Sequence[Asked]) -> list[Answered | None]:
    return [None] * len(asked)


def _now() -> timedelta:
    return timedelta(seconds=time.monotonic())


def run(orders: str, tenant: str, agent: str, holds: str, without_guard: str) -> None:
    """`holds` at most at once in this process; with `without_guard` it checks first and adds later."""
    follower = Follower(Path(orders))
    if without_guard == "naive":
        naive.check_then_add()
    share = max(1, int(holds) // plan.THREADS)
    together = (
        _none_together if without_guard == "naive" else spend_together
    )  # the control takes the guard of the one way out
    spenders = [Spender(UUID(tenant), UUID(agent), follower, share, together) for _ in range(plan.THREADS)]
    threads = [threading.Thread(target=spender.run) for spender in spenders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
