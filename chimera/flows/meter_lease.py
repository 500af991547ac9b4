"""Meter: a heartbeat says what its lease has cost; while the budgets permit it the work goes on, else a person decides.

Locks: the task, then windows by id (those of its metered hold among them), then transactions; the card is new.
Dies anywhere: nothing, or all of it. Said again it counts nothing twice: it is what the lease has cost in all. Whoever was
stopped and does not know it gets 409 `stale_lease`.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from chimera.flows import headlines
from chimera.flows.authorise_spend import SPENDERS
from chimera.flows.placing import place_of
from chimera.flows.read_usage import tenant_time_zone
from chimera.kernel.actors import Actor
from chimera.kernel.errors import Refused, forbidden
from commerce import actions as commerce
from commerce.actions import Metered
from safety import actions as safety
from safety.models import CardKind
from swarm import liveness
from swarm.actions import claims, tasks
from swarm.models import Task
from swarm.models.task import ExecutionMode

STOP = "stop"


@dataclass(frozen=True, slots=True)
class Beaten:
    """What its agent is to do; with a `reason` the lease is over, and `review` decides whether its task goes on."""

    lease_expires_at: datetime | None
    commands: list[str]
    reason: str | None = None
    detail: str | None = None
    review: UUID | None = None

    def shape(self) -> dict[str, Any]:
        shown = {"lease_expires_at": self.lease_expires_at, "commands": self.commands}
        if self.reason is None:
            return shown
        return shown | {"reason": self.reason, "detail": self.detail, "review": self.review}


def meter_lease(
    *,
    task_id: UUID,
    lease_token: UUID,
    agent_id: UUID,
    cost_usd: Decimal,
    ahead_usd: Decimal | None = None,
    by: Actor,
) -> Beaten:
    """`cost_usd` is what this lease has cost so far, `ahead_usd` what is to be held for what comes next (None: as much as this
    report adds). Renews the lease too, unless the money is used up.

    Raises 404 and 409 `stale_lease` as any write of an agent, 422 `dry_run` for a task that never spends.
    """
    task = tasks.lock(task_id)
    tasks.check_lease(task, lease_token, agent_id=agent_id)
    _check_spends(task)
    metered = commerce.meter(
        place=place_of(task, agent_id),
        lease_token=lease_token,
        cost_usd=cost_usd,
        ahead_usd=ahead_usd,
        time_zone=tenant_time_zone(),
        by=by,
    )
    if (refusal := metered.refusal) is None:
        claims.renew(task=task)
        return Beaten(task.lease_expires_at, liveness.commands(task))
    card_id = ask_about_money(task, {"code": str(refusal.code), "detail": refusal.detail}, metered, by)
    return Beaten(None, [STOP], str(refusal.code), refusal.detail, card_id)


def meter_last(*, task: Task, lease_token: UUID, agent_id: UUID, cost_usd: Decimal, by: Actor) -> Metered:
    """What a lease has cost in the end, said with its result: counted, with nothing held ahead.

    The caller holds the task, and has checked its lease. Raises 422 `dry_run`, and 403 `role` for what no spender works on.
    """
    if task.role not in SPENDERS:
        raise forbidden(f"A task for a {task.role} costs nothing; leave `cost_usd` out.", code="role")
    _check_spends(task)
    return commerce.meter(
        place=place_of(task, agent_id),
        lease_token=lease_token,
        cost_usd=cost_usd,
        time_zone=tenant_time_zone(),
        by=by,
        is_last=True,
    )


def _check_spends(task: Task) -> None:
    if task.execution_mode == ExecutionMode.DRY_RUN:
        raise Refused(
            "This task is a dry run, and a dry run never spends; leave `cost_usd` out.", code="dry_run", status=422
        )


def ask_about_money(task: Task, reason: dict[str, str], metered: Metered, by: Actor) -> UUID:
    """The task waits for a card, which keeps its other holds; approved it is claimed again, and meters anew."""
    spend = metered.transaction
    assert spend is not None
    card_id = safety.new_id()
    commerce.keep_by_card(task_id=task.pk, card_id=card_id, by=by)
    tasks.block(task=task, reason=reason["detail"], by=by)
    safety.open_card(
        task_id=task.pk,
        session_id=task.session_id,
        agent_id=spend.agent_id,
        kind=CardKind.SPEND,
        reasons=[reason],
        transaction_id=spend.pk,
        card_id=card_id,
        **headlines.of_spend(task, spend),
        by=by,
    )
    return card_id
