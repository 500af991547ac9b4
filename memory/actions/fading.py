"""Letting go of what has faded, and looking at what would go.

A slice is one transaction: its rows are locked, forgotten and told together. Dies anywhere before its commit: the slice is as it was, and
the next hour's run finds it again. Dies after it: the next slice goes on. A memory that is seen at the same moment stays: the lock waits
for who sees it, and looks at the condition again.
"""

from dataclasses import dataclass

from django.db.models import Count, F

from chimera.kernel import clock
from chimera.kernel.actors import SYSTEM, Actor
from chimera.kernel.eventlog import tell
from memory import fading
from memory.actions import policies, vectors
from memory.events import MemoryForgotten
from memory.fading import Fading
from memory.limits import FADED_AT_ONCE, FADED_SHOWN_MAX
from memory.models import MemoryPolicy, MemoryRecord
from memory.queries import HEAVY


@dataclass(frozen=True, slots=True)
class Preview:
    """What would fade now: how many, of which category, and the weakest of them."""

    number: int
    categories: dict[str, int]
    shown: list[MemoryRecord]


def preview(said: Fading) -> Preview:
    """Changes nothing."""
    rows = MemoryRecord.objects.kept().filter(fading.faded(said, clock.now()))
    counted = rows.order_by("category").values_list("category").annotate(number=Count("pk"))
    by_category: dict[str, int] = dict(counted)
    weakest = rows.order_by("importance_score", "seen_at").defer(*HEAVY)[:FADED_SHOWN_MAX]
    return Preview(sum(by_category.values()), by_category, list(weakest))


def fade(*, policy: MemoryPolicy | None = None, limit: int = FADED_AT_ONCE, by: Actor = SYSTEM) -> int:
    """Forget a slice of what has faded under the tenant's policy, the oldest first; answers how many."""
    policy = policy or policies.standing()
    said = policies.fading_of(policy)
    if not said.does:
        return 0
    rows = MemoryRecord.objects.kept().filter(fading.faded(said, clock.now())).defer(*HEAVY)
    found = list(rows.order_by("pk").select_for_update(no_key=True, skip_locked=True, of=("self",))[:limit])
    reason = f"Faded under version {policy.version} of the policy."
    ids = [row.pk for row in found]
    MemoryRecord.objects.filter(pk__in=ids).update(
        version=F("version") + 1, forgotten_at=clock.now(), forgotten_reason=reason, embedding_model=""
    )
    vectors.drop(ids)
    for row in found:
        row.version += 1
    tell(*(MemoryForgotten.about(row, reason=reason) for row in found), by=by)
    return len(found)
