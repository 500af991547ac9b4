"""What can be done with money. Verbs run in a transaction bound to the tenant, under the task's lock.

They lock windows by id, then transactions by id (docs/locking.md), and move both together.
"""

from commerce.actions.keeping import deny_review, keep_by_action, keep_by_card, rebind, release_to_resume
from commerce.actions.metering import Metered, meter, metered_of
from commerce.actions.purchase import Approval, Outcome, Place, Purchase, Refusal
from commerce.actions.settlement import (
    capture,
    capture_all,
    expire_due,
    locked,
    open_money,
    void,
    void_all,
    with_open_money,
)
from commerce.actions.spending import lock_ahead, reserve
from commerce.actions.voiding import void_many

__all__ = [
    "Approval",
    "Metered",
    "Outcome",
    "Place",
    "Purchase",
    "Refusal",
    "capture",
    "capture_all",
    "deny_review",
    "expire_due",
    "keep_by_action",
    "keep_by_card",
    "lock_ahead",
    "locked",
    "meter",
    "metered_of",
    "open_money",
    "rebind",
    "release_to_resume",
    "reserve",
    "void",
    "void_all",
    "void_many",
    "with_open_money",
]
