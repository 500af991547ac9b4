"""Carving: a new task gets a part of what the tasks above it may spend. A carved budget narrows, and never permits.

What a task above has left for another part: the least that its totals leave, without what open tasks below it were given and
have not used. It is decided under the locks of its windows, which every part and every spend below it needs too.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from uuid import UUID

from chimera.kernel import clock, prepared
from chimera.kernel.actors import Actor
from chimera.kernel.errors import Refused
from chimera.kernel.eventlog import tell
from chimera.kernel.http.parsing import money_text
from commerce.actions import windows
from commerce.actions.spending import limits_now
from commerce.events import BudgetCreated
from commerce.limits import ZERO
from commerce.models import BudgetConfig
from commerce.periods import periods_at
from commerce.states import Currency, Scope, WindowKind


def lock_left(task_ids: Sequence[UUID], *, time_zone: str) -> dict[UUID, Decimal]:
    """What the totals of each of these tasks leave, its windows locked; nothing of those whose total is not limited.

    Inactive budgets count too: they may be switched on again.
    """
    limited = BudgetConfig.objects.of_tasks().filter(scope_id__in=task_ids, total_usd__isnull=False).order_by("pk")
    budgets = list(limited)
    if not budgets:
        return {}
    periods = periods_at(clock.now(), time_zone)
    locked = windows.lock_open(budgets, periods)
    again = list(limited.filter(pk__in=[budget.pk for budget in budgets]))  # the locks hold them still
    task_of = {budget.pk: budget.scope_id for budget in again}
    left: dict[UUID, Decimal] = {}
    for limit in limits_now(again, locked, periods):
        task_id = task_of[limit.budget_id]
        if limit.window == WindowKind.TOTAL and limit.remaining_usd is not None and task_id is not None:
            left[task_id] = min(limit.remaining_usd, left.get(task_id, limit.remaining_usd))
    return left


def unused(task_ids: Sequence[UUID]) -> Decimal:
    """What these tasks were given and have not used. The windows above them are locked, and so nothing moves in theirs."""
    if not task_ids:
        return ZERO
    ((found,),) = prepared.ask(_UNUSED, {"tasks": list(task_ids)})
    return Decimal(str(found))


# By index for each, whatever the statistics say.
_UNUSED = f"""
    SELECT coalesce(sum(greatest(b.total_usd - coalesce(w.used, 0), 0)), 0)
    FROM unnest(%(tasks)s::uuid[]) AS given (id)
    CROSS JOIN LATERAL (
        SELECT id, total_usd FROM commerce_budgetconfig
        WHERE scope = '{Scope.TASK}' AND scope_id = given.id AND is_carved OFFSET 0
    ) b
    LEFT JOIN LATERAL (
        SELECT held_usd + captured_usd AS used FROM commerce_spendwindow
        WHERE budget_id = b.id AND kind = '{WindowKind.TOTAL}' OFFSET 0
    ) w ON true
"""


def check_left(asked: Decimal, left: Decimal, task_id: UUID) -> None:
    """422 `allotment_exceeded` with what is left, where more is asked for."""
    if asked > left:
        detail = (
            f"{money_text(asked)} USD is more than task {task_id} has left to give to tasks below it: {money_text(left)} USD. "
            "Ask for less, wait until one of them ends, or ask finance to raise its total."
        )
        errors = [{"field": "budget_usd", "code": "allotment_exceeded", "message": detail}]
        extra = {"remaining_usd": money_text(left), "task": str(task_id)}
        raise Refused(detail, code="allotment_exceeded", status=422, errors=errors, extra=extra)


def carve(allotted: Mapping[UUID, Decimal], *, by: Actor) -> None:
    """The budgets of these new tasks; there must be that much left."""
    made = [
        BudgetConfig(
            scope=Scope.TASK,
            scope_id=task_id,
            currency=Currency.USD,
            total_usd=amount,
            is_carved=True,
            created_by=str(by),
        )
        for task_id, amount in allotted.items()
    ]
    BudgetConfig.objects.bulk_create(made)
    tell(*(BudgetCreated.about(budget) for budget in made), by=by)
