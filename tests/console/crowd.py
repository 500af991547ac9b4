"""Many rows of every noun, made without the detours of life, for counting queries."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model

from chimera.flows.run_schedules import run_now
from chimera.kernel import clock, redis
from chimera.kernel.actors import SYSTEM, Actor
from chimera.kernel.identity import Role
from commerce.actions import budgets, increases
from commerce.models import Transaction
from commerce.states import Currency, Scope, WindowKind
from memory import actions as memory
from memory.actions import erasing, personas
from memory.actions.records import NewMemory
from memory.models import ErasureScope
from safety import actions as safety
from safety.actions import policies
from safety.models import Action, EarlyDecision, NotificationTarget
from safety.states import PolicyStatus
from swarm.actions import agents, campaigns, creating, limits, locks, schedules, sessions, tasks, tenants
from swarm.actions.creating import NewTask
from swarm.actions.schedules import NewSchedule
from swarm.models import AgentProfile, Task
from swarm.models.schedule import TaskTemplate
from swarm.states import LimitScope
from tests.cast import Stage
from tests.console.conftest import failed_delivery, parked
from tests.kernel.world import SOUL


def grow(acme: Stage, first: int, last: int) -> None:
    """Rows number `first` to `last` of each noun, each of its own session, campaign and agent."""
    with acme.bound():
        for number in range(first, last + 1):
            _one(number)


def _one(number: int) -> None:
    campaign = campaigns.create(name=f"campaign {number}", goal="a goal", context={}, by=SYSTEM)
    made = sessions.create(campaign_id=campaign.pk, name=f"session {number}", context={}, by=SYSTEM)
    template = TaskTemplate(type="write", input_payload={})
    nightly = NewSchedule(name=f"schedule {number}", cron="0 3 * * *", overlap="skip", task=template)
    run_now(schedule_id=schedules.create(campaign_id=campaign.pk, new=nightly, by=SYSTEM).pk, by=SYSTEM)
    session = sessions.lock_for_tasks(made.pk, by=SYSTEM)
    agent, _ = agents.register(
        name=f"agent {number}", role="worker", capabilities=[], tools_config={}, max_slots=1, by=SYSTEM
    )
    locks.acquire(resource=f"berth {number}", ttl_seconds=600, seems_held=False, by=Actor.agent(agent.pk, agent.name))
    limits.create(scope=LimitScope.KEY, value=f"key {number}", running_max=1, by=SYSTEM)
    redis.client().set(redis.heartbeat(agent.pk), json.dumps({"at": clock.now().isoformat()}), ex=60)
    (task,) = creating.create(
        session=session, tasks=[NewTask(session_id=session.pk, type="write", input_payload={})], by=SYSTEM
    )
    _run(task, agent)
    tasks.block(task=task, reason="a person looks", by=SYSTEM)
    card = safety.open_card(
        task_id=task.pk,
        session_id=session.pk,
        kind="result",
        reasons=[{"code": "no_confidence", "detail": "No score."}],
        by=SYSTEM,
    )
    user = get_user_model().objects.create_user(f"person-{number}")
    EarlyDecision.objects.create(
        correlation_key=f"order {number}", person=user, decision="reject", note="no", expires_at=card.due_at
    )
    tenants.add_member(user=user, roles={Role.REVIEWER})
    type(card).objects.filter(pk=card.pk).update(claimed_by=user, claim_expires_at=card.due_at)
    memory.add(
        new=NewMemory(content=f"memory {number}", session_id=session.pk, agent_id=agent.pk),
        by=Actor.agent(agent.pk, agent.name),
    )
    erasing.request(scope=ErasureScope.SUBJECT, whose=f"subject-{number}", reason="asked", by=SYSTEM)
    personas.add(text=SOUL.replace("harbour-ghost", f"harbour-ghost-{number}"), by=SYSTEM)
    budget = budgets.create(
        scope=Scope.SESSION,
        scope_id=session.pk,
        currency=Currency.USD,
        is_active=True,
        limits={"day_usd": Decimal(number)},
        by=Actor.person(user.pk, user.username),
    )
    increases.grant(
        budget_id=budget.pk,
        window=WindowKind.DAY,
        amount_usd=Decimal(1),
        expires_at=clock.now() + timedelta(hours=1),
        reason=f"reason {number}",
        by=Actor.person(user.pk, user.username),
    )
    _refused(task, agent)
    _acts(task, agent, number)
    _dead(session)
    policies.create(name=f"policy {number}", rules=(), note="", status=PolicyStatus.SHADOW, by=SYSTEM)
    target = NotificationTarget.objects.create(
        name=f"target {number}", kind="webhook", address="https://hooks.example.com/", occasions=["waits"], secret=b"x"
    )
    failed_delivery(str(target.pk))
    parked(number)


def _run(task: Any, agent: AgentProfile) -> None:
    token = "00000000-0000-4000-8000-000000000000"
    running = {"status": "running", "agent": agent, "lease_token": token, "lease_expires_at": clock.now()}
    Task.objects.filter(pk=task.pk).update(**running)
    task.refresh_from_db()


def _dead(session: Any) -> None:
    (task,) = creating.create(
        session=session, tasks=[NewTask(session_id=session.pk, type="write", input_payload={})], by=SYSTEM
    )
    Task.objects.filter(pk=task.pk).update(
        status="failed", completed_at=clock.now(), error={"code": "odd", "message": "It is odd.", "retryable": False}
    )


def _acts(task: Any, agent: AgentProfile, number: int) -> None:
    Action.objects.create(
        task=task,
        session_id=task.session_id,
        agent=agent,
        tool=f"tool {number}",
        asked="0" * 64,
        digest="0" * 64,
        goal=[1, None],
        status="denied",
        ended_at=clock.now(),
    )


def _refused(task: Any, agent: AgentProfile) -> None:
    Transaction.objects.create(
        task=task,
        session_id=task.session_id,
        agent_id=agent.pk,
        status="denied",
        amount_usd="1",
        asset_symbol="USD",
        approval_key="x",
        denied_code="no_budget",
        denied_reason="There is no budget.",
        settled_at=clock.now(),
    )
