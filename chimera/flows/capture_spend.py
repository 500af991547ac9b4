"""Capture: an agent spends its hold, once, while its lease lasts.

Locks: the task (found unlocked first), then windows by id, then the transaction.
Dies anywhere: nothing, or all of it; the same capture repeated under the same lease answers the same.
"""

from decimal import Decimal
from uuid import UUID

from chimera.flows.void_spend import locked_for_lease
from chimera.kernel.actors import Actor
from chimera.kernel.errors import conflict
from commerce import actions as commerce
from commerce.models import Transaction


def capture_spend(
    *, transaction_id: UUID, lease_token: UUID, agent_id: UUID, amount_usd: Decimal | None, by: Actor
) -> Transaction:
    """409 `stale_lease` when the lease is over, whatever became of the hold, `of_action` for what an action's outcome captures; else as
    `commerce.capture`."""
    transaction = locked_for_lease(transaction_id, lease_token, agent_id)
    if transaction.action is not None:
        raise conflict(
            f"This money is for action {transaction.action}: execute it, and its outcome captures what it has cost.",
            code="of_action",
            action=str(transaction.action),
        )
    commerce.capture(transaction=transaction, amount_usd=amount_usd, by=by)
    return transaction
