"""What can be done with cards. Verbs run in a transaction bound to the tenant, under the lock of the card's task."""

from safety.actions.cards import claim, expire, lock, new_id, open_card, pass_to_people, pending_of, withdraw
from safety.actions.deciding import approve, check_pending, decide, digest_of

__all__ = [
    "approve",
    "check_pending",
    "claim",
    "decide",
    "digest_of",
    "expire",
    "lock",
    "new_id",
    "open_card",
    "pass_to_people",
    "pending_of",
    "withdraw",
]
