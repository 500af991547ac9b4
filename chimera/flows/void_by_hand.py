"""Void by hand: finance gives back a hold that is not to be spent, whether a lease keeps it or the wait for the next claim.

What an open card keeps is decided on the card, and what an action keeps by its outcome. A metered hold is settled: what its lease has
cost is spent, what was held ahead is free.

Locks: the task (found unlocked first), then windows by id, then the transaction.
Dies anywhere: nothing, or all of it; the same void repeated answers the same. The task goes on; a later capture of its agent is
refused, and what it asks for anew is decided anew.
"""

from uuid import UUID

from chimera.flows.void_spend import check_not_executing
from chimera.kernel.actors import Actor
from chimera.kernel.errors import conflict
from chimera.kernel.identity import Role
from commerce import actions as commerce
from commerce.models import Transaction
from commerce.states import Keeper, MoneyStatus
from swarm.actions import tasks

VOIDERS = frozenset(
    {Role.FINANCE, Role.ADMIN}
)  # also of what they asked for themselves: giving back needs no second pair of eyes


def void_by_hand(*, transaction_id: UUID, reason: str, by: Actor) -> Transaction:
    """409 `kept_by_card` with the `review` that decides it, `kept_by_action` while its effect is under way; 409 when it was captured,
    expired or denied."""
    seen: Transaction = Transaction.objects.get_or_refuse(transaction_id)
    tasks.lock_all({seen.task_id})  # one that has gone after its 90 days has no open hold
    (transaction,) = commerce.locked(Transaction.objects.filter(pk=seen.pk))
    if transaction.keeper == Keeper.CARD:
        raise conflict(
            f"Review {transaction.review} keeps this money; decide that card, and its rejection gives it back.",
            code="kept_by_card",
            review=str(transaction.review),
        )
    check_not_executing(transaction)
    if transaction.metered_usd is not None and transaction.status == MoneyStatus.CAPTURED:
        return transaction
    commerce.void(transaction=transaction, reason=reason, by=by)
    return transaction
