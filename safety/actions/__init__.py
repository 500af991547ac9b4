"""What can be done with cards. Verbs run in a transaction bound to the tenant, under the lock of the card's task."""

from safety.actions.cards import claim, expire, lock, new_id, open_card, pass_to_people, pending_of, withdraw
from safety.actions.deciding import Edit, approve, check_asked, check_edit, check_pending, decide, digest_of
from safety.actions.waiting import take_steps

__all__ = [
    "Edit",
    "approve",
    "check_asked",
    "check_edit",
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
    "take_steps",
    "withdraw",
]
