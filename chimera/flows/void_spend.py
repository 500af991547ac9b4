"""Void: an agent gives its hold back while its lease lasts.

Locks: the task (found unlocked first), then windows by id, then the transaction.
Dies anywhere: nothing, or all of it; the same void repeated answers the same.
"""

from uuid import UUID

from chimera.kernel.actors import Actor
from chimera.kernel.errors import StaleLease, conflict
from commerce import actions as commerce
from commerce.actions.desk import GIVEN_BACK
from commerce.models import Transaction
from commerce.states import Keeper
from swarm.actions import tasks


def void_spend(*, transaction_id: UUID, lease_token: UUID, agent_id: UUID, reason: str, by: Actor) -> Transaction:
    """409 `stale_lease` when the lease is over; 409 when the hold was captured, expired or denied. What was held for an action goes, too:
    the action can then not be executed, but is put before a person anew."""
    transaction = locked_for_lease(transaction_id, lease_token, agent_id)
    commerce.void(transaction=transaction, reason=reason or GIVEN_BACK, by=by)
    return transaction


def locked_for_lease(transaction_id: UUID, lease_token: UUID, agent_id: UUID) -> Transaction:
    """A transaction of the lease's own task, everything locked.

    An open hold must be kept by this very lease. 409 `metered` for what heartbeats meter, `kept_by_action` while its effect is
    under way.
    """
    task_id = Transaction.objects.get_or_refuse(transaction_id).task_id
    task = tasks.lock(task_id)
    tasks.check_lease(task, lease_token, agent_id=agent_id)
    (transaction,) = commerce.locked(Transaction.objects.filter(pk=transaction_id))
    check_not_executing(transaction)
    if transaction.keeper is not None and (
        transaction.keeper != Keeper.LEASE or transaction.lease_token != lease_token
    ):
        raise StaleLease
    if transaction.metered_usd is not None:
        raise conflict("This hold is metered by heartbeats, and settles itself when the lease ends.", code="metered")
    return transaction


def check_not_executing(transaction: Transaction) -> None:
    if transaction.keeper == Keeper.ACTION:
        raise conflict(
            f"Action {transaction.action} is being executed with this money; its outcome says whether it was spent.",
            code="kept_by_action",
            action=str(transaction.action),
        )
