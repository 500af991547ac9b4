"""Outcome: whoever executed an action says what came of it, and its money is spent or given back. No lease is needed: it has happened.

Locks: the task (found unlocked first; one that is gone after its 90 days is not missed), then windows by id, then the transaction.
Dies anywhere: nothing, or all of it. The same outcome repeated answers the same; where nobody says it again, the clock counts the
money as spent after EXECUTION_MAX (`end_actions`).
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from chimera.kernel.actors import Actor
from chimera.kernel.errors import conflict
from commerce import actions as commerce
from commerce.models import Transaction
from commerce.states import Keeper
from safety.actions import proposals
from safety.models import Action
from safety.states import ActionStatus
from swarm.actions import tasks

ZERO = Decimal(0)
OUTCOMES = (ActionStatus.SUCCEEDED, ActionStatus.FAILED)


@dataclass(frozen=True, kw_only=True)
class Came:
    """What came of it. `cost_usd` None: of a success all that was held, of a failure nothing."""

    status: ActionStatus
    output: dict[str, Any] | None = None
    cost_usd: Decimal | None = None


def record_outcome(*, action_id: UUID, execution_token: str, agent_id: UUID, came: Came, by: Actor) -> Action:
    """Raises 403 `execution_token` for another token than its own, 409 `outcome_recorded` for another outcome than the first.

    What it cost beyond what was held is written down, and counted nowhere; so is a cost that comes when the money was counted as
    spent already.
    """
    seen: Action = Action.objects.get_or_refuse(action_id)
    tasks.lock_all([seen.task_id])
    action: Action = Action.objects.get_or_refuse(action_id)
    proposals.check_token(action, execution_token, agent_id=agent_id)
    if action.status in OUTCOMES:
        _check_repeated(action, came)
        return action
    over = _settle_money(action, came, by)
    proposals.settle(
        action=action, status=came.status, output=came.output, cost_usd=came.cost_usd, over_usd=over, by=by
    )
    return action


def _check_repeated(action: Action, came: Came) -> None:
    said = (came.status, came.output, came.cost_usd)
    if (ActionStatus(action.status), action.output, action.cost_usd) != said:
        raise conflict(
            f"The outcome of this action was recorded already: {action.status}.",
            code="outcome_recorded",
            status_now=str(action.status),
        )


def _settle_money(action: Action, came: Came, by: Actor) -> Decimal | None:
    """Spend what it has cost, give back the rest; answers what is counted nowhere, or None."""
    amount = action.amount_usd if action.amount_usd is not None else ZERO
    cost = came.cost_usd
    if cost is None:
        cost = amount if came.status is ActionStatus.SUCCEEDED else ZERO
    for hold in _held_for(action):
        if cost:
            commerce.capture(transaction=hold, amount_usd=min(cost, amount), by=by)
        else:
            commerce.void(transaction=hold, reason=f"its action {came.status}, and cost nothing", by=by)
    return cost - amount if cost > amount else None


def _held_for(action: Action) -> list[Transaction]:
    """Its money, locked; none where it costs nothing, or was counted as spent."""
    if action.transaction_id is None:
        return []
    return commerce.locked(Transaction.objects.filter(pk=action.transaction_id, keeper=Keeper.ACTION))
