"""Early decisions whose question did not come in time are over, and their people can read so. They decide nothing since they expired.

The clock's step, one transaction per key. Locks: the key by name. Dies anywhere: the clock comes by again.
"""

from chimera.kernel import clock, tenancy
from chimera.kernel.sweep import one_by_one
from safety.actions import early
from safety.models import EarlyDecision

AT_ONCE_MAX = 200  # decisions of one sweep


def expire_early() -> int:
    """Answers of how many keys."""
    with tenancy.system():
        over = (
            EarlyDecision.objects.over(clock.now()).order_by("expires_at").values_list("tenant_id", "correlation_key")
        )
        found = list(dict.fromkeys(over[:AT_ONCE_MAX]))
    return one_by_one(found, early.expire)
