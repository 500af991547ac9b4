"""Warnings: half, four fifths and all of a limit is used. Told once of each window, threshold and limit."""

from uuid import UUID

from chimera.kernel.actors import SYSTEM
from chimera.kernel.eventlog import tell
from commerce.events import BudgetWarned
from commerce.limits import WARNED_PERCENT, reached
from commerce.models import BudgetConfig, SpendWindow


def tell_reached(*, window_id: UUID) -> None:
    """Tell of every threshold that this window has reached and nobody has told; nothing when there is none.

    Its row says what was told, and is locked meanwhile, after its budget: so it does not matter how many look at once.
    """
    seen = SpendWindow.objects.get(pk=window_id)
    budget = BudgetConfig.objects.select_for_update(no_key=True).get(pk=seen.budget_id)
    window = SpendWindow.objects.select_for_update(no_key=True).get(pk=window_id)
    percent = reached(window.held_usd + window.captured_usd, window.limit_usd)
    if percent <= window.warned_percent:
        return
    fresh = [each for each in WARNED_PERCENT if window.warned_percent < each <= percent]
    SpendWindow.objects.filter(pk=window.pk).update(warned_percent=percent)
    tell(*(BudgetWarned.about(budget, window=window, percent=each) for each in fresh), by=SYSTEM)
