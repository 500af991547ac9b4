"""Migrate, and make the tenant with its agents, tasks and budgets."""

import json
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from django.core.management import call_command

from chimera.flows.create_budget import create_budget
from chimera.flows.create_tasks import create_tasks
from chimera.kernel import tenancy
from chimera.kernel.actors import SYSTEM
from chimera.kernel.embedded.folder import write_private
from chimera.kernel.identity import Role
from chimera.management.drill import plan as plans
from chimera.management.drill.plan import Plan
from commerce.states import Currency, Scope
from swarm.actions import agents, sessions, tenants
from swarm.actions.creating import NewTask

BATCH = 500


def run(plan_path: str, cast_path: str) -> None:
    """`plan_path` holds the plan's figures; to `cast_path` is written for whom the drill's processes act."""
    call_command("migrate", database="owner", interactive=False, verbosity=0)
    plan = Plan(**json.loads(Path(plan_path).read_text()))
    tenant_id = tenants.new_id()
    with tenancy.bound(tenant_id):
        tenants.found(name="Drill", time_zone=plans.ZONE)
        found = [sessions.create(campaign_id=None, name="drill", context={}, by=SYSTEM) for _ in plans.SESSIONS]
        session_ids = [session.pk for session in found]
        _budgets(plan, session_ids)
        agent_ids = [_agent(number) for number in range(plan.processes)]
    for first in range(0, plan.tasks, BATCH):
        with tenancy.bound(tenant_id):
            _tasks(session_ids, min(BATCH, plan.tasks - first))
    write_private(Path(cast_path), json.dumps({"tenant": str(tenant_id), "agents": agent_ids}))


def _agent(number: int) -> str:
    """With slots for the leases of the process before it, too, until they lapse."""
    slots = 2 * plans.THREADS * plans.TASKS
    agent, _ = agents.register(
        name=f"spender-{number}", role=Role.WORKER, capabilities=[], tools_config={}, max_slots=slots, by=SYSTEM
    )
    return str(agent.pk)


def _budgets(plan: Plan, session_ids: list[UUID]) -> None:
    _budget(Scope.TENANT, None, day_usd=plan.limit_usd(plans.DAY), month_usd=plan.limit_usd(plans.MONTH))
    for session_id, share in zip(session_ids, plans.SESSIONS, strict=True):
        _budget(Scope.SESSION, session_id, total_usd=plan.limit_usd(share))


def _budget(scope: Scope, scope_id: UUID | None, **limits: Decimal | None) -> None:
    create_budget(scope=scope, scope_id=scope_id, currency=Currency.USD, is_active=True, limits=limits, by=SYSTEM)


def _tasks(session_ids: list[UUID], number: int) -> None:
    """Of each session as many as of the others."""
    new = [
        NewTask(session_id=session_ids[n % len(session_ids)], type="drill", input_payload={}, max_attempts=20)
        for n in range(number)
    ]
    create_tasks(new=new, by=SYSTEM)
