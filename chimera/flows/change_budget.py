"""Change a budget, its open windows, and the state_version of its campaign or session, at once.

Locks: the campaign or the session, or the task for which it was carved; then the budget, then its windows by id. A spend that
is being decided has locked the windows; it passes before, or meets the new limits. Dies anywhere: nothing, or all of it.
"""

from typing import Any
from uuid import UUID

from chimera.kernel.actors import Actor
from commerce.actions import budgets
from commerce.models import BudgetConfig
from commerce.states import Scope
from swarm.actions import campaigns, sessions, tasks


def change_budget(*, budget_id: UUID, changes: dict[str, Any], expected_version: int | None, by: Actor) -> BudgetConfig:
    """`changes` maps limits, `approval_threshold_usd` and `is_active` to their new values.

    Equal values change nothing.
    """
    seen: BudgetConfig = BudgetConfig.objects.get_or_refuse(budget_id)
    if not budgets.differences(seen, changes):
        budgets.check_version(seen, expected_version)
        return seen
    if seen.scope == Scope.CAMPAIGN and seen.scope_id:
        campaigns.bump(campaign_id=seen.scope_id, reason="budget", by=by)
    if seen.scope == Scope.SESSION and seen.scope_id:
        sessions.bump(session_id=seen.scope_id, reason="budget", by=by)
    task = tasks.lock(seen.scope_id) if seen.is_carved and seen.scope_id and "total_usd" in changes else None
    changed = budgets.change(budget_id=budget_id, changes=changes, expected_version=expected_version, by=by)
    if task and changed.total_usd is not None:
        tasks.allot(task=task, budget_usd=changed.total_usd)
    return changed
