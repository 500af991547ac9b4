"""What could be wrong with an engine: each is planted into the true one, to see whether anybody notices."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import pytest

from chimera.kernel.errors import StaleLease
from commerce import actions as commerce
from commerce.actions import deciding
from commerce.actions.deciding import Books, Verdict
from commerce.models import BudgetConfig, SpendWindow
from swarm import dispatch
from swarm.actions import backoff, claims, completing, limits, listed, results, tasks
from swarm.actions.limits import Admitted
from swarm.dispatch import queueing
from swarm.models import Task
from swarm.states import TaskStatus

Plant = Callable[[pytest.MonkeyPatch], None]
PLENTY = 99


def any_token_will_do(to: pytest.MonkeyPatch) -> None:
    def check_lease(task: Task, lease_token: UUID, *, agent_id: UUID | None = None) -> None:
        if task.status != TaskStatus.RUNNING:
            raise StaleLease

    to.setattr(tasks, "check_lease", check_lease)
    to.setattr(completing, "_COMPLETE", completing._COMPLETE.replace(completing._HOLDS, "t.status = 'running'"))


def results_are_not_remembered(to: pytest.MonkeyPatch) -> None:
    to.setattr(results, "earlier", lambda task_id, lease_token: None)


def limits_are_not_counted(to: pytest.MonkeyPatch) -> None:
    to.setattr(
        limits,
        "_room",
        lambda role, keys, wide: Counter(dict.fromkeys(limits._set_for(role, keys), PLENTY) | _own(keys)),
    )
    to.setattr(listed, "_TAKE", listed._TAKE.replace(listed._UNLIMITED, "a.capabilities = '{}'"))


def slots_are_not_counted(to: pytest.MonkeyPatch) -> None:
    to.setattr(claims, "held_by", lambda agent: 0)
    to.setattr(listed, "_SEE", listed._SEE.replace(listed._HELD, "SELECT 0"))
    to.setattr(listed, "_TAKE", listed._TAKE.replace(listed._HELD, "SELECT 0"))


def the_worst_goes_first(to: pytest.MonkeyPatch) -> None:
    admit = limits.admit

    def reversed_(*, role: str, candidates: Sequence[tuple[UUID, str]], most: int) -> Admitted:
        return admit(role=role, candidates=candidates[::-1], most=most)

    to.setattr(limits, "admit", reversed_)
    to.setattr(listed, "_TAKE", listed._TAKE.replace("ORDER BY t.priority DESC", "ORDER BY t.priority"))


def who_waits_is_forgotten(to: pytest.MonkeyPatch) -> None:
    to.setattr(dispatch, "queue_due", lambda: None)


def nobody_waits_for_another(to: pytest.MonkeyPatch) -> None:
    to.setattr(queueing, "_QUEUE_BOUND", queueing._QUEUE.format(rule=queueing._DUE_HERE))


def attempts_never_end(to: pytest.MonkeyPatch) -> None:
    until_next = backoff.until_next
    to.setattr(backoff, "until_next", lambda **said: until_next(**said | {"attempts_max": PLENTY}))


def stale_results_are_applied(to: pytest.MonkeyPatch) -> None:
    to.setattr(tasks, "is_stale", lambda task: False)
    to.setattr(completing, "_COMPLETE", completing._COMPLETE.replace(completing._IS_FRESH, "true"))


def holds_outlive_their_leases(to: pytest.MonkeyPatch) -> None:
    to.setattr(commerce, "void_all", lambda *, task_id, reason, by: [])


def money_has_no_limit(to: pytest.MonkeyPatch) -> None:
    decide = deciding.decide

    def unlimited(books: Books, *asked: Any) -> Verdict:
        BudgetConfig.objects.update(day_usd=None, month_usd=None, total_usd=None)
        SpendWindow.objects.update(limit_usd=None)
        for window in books.windows:
            window.limit_usd = None
        return decide(books, *asked)

    to.setattr(deciding, "decide", unlimited)


def _own(keys: set[str]) -> dict[limits.Place, int]:
    return {(limits.LimitScope.KEY, key): PLENTY for key in keys}


# Each with what the machine says about it first.
DEFECTS: dict[Plant, str] = {
    any_token_will_do: "^20[0-2]: ",
    results_are_not_remembered: "^409 instead of 200|and is refused now$",
    limits_are_not_counted: "more run under",
    slots_are_not_counted: "has room for|holds .* leases",
    the_worst_goes_first: "was passed over for",
    who_waits_is_forgotten: "is ready, and still waits$",
    nobody_waits_for_another: "is queued before its time$",
    attempts_never_end: "^<.*> is |has had too many attempts$",
    stale_results_are_applied: "instead of stale$",
    holds_outlive_their_leases: "^of <",
    money_has_no_limit: "^20[12]: ",
}
# Where a run soon meets them. A seed that does so no more costs time, and nothing else.
SEEDS: dict[Plant, int] = {
    any_token_will_do: 5,
    results_are_not_remembered: 0,
    limits_are_not_counted: 1,
    the_worst_goes_first: 1,
    who_waits_is_forgotten: 0,
    nobody_waits_for_another: 1,
    stale_results_are_applied: 5,
    holds_outlive_their_leases: 0,
}
