"""What many ask of money at once, as a few statements: read and lock before it is decided (commerce.actions.desk), written after."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connection

from chimera.kernel import ids, partitions, prepared
from chimera.kernel.prepared import Asked
from commerce.actions.purchase import Place
from commerce.models import BudgetConfig, BudgetRules, SpendWindow, Transaction
from commerce.periods import Period
from commerce.queries import CLOCK_SLACK
from commerce.states import Keeper, MoneyStatus, Scope, WindowKind


def finding(transaction_ids: Collection[UUID]) -> Asked:
    """Answers id, task and windows of those that exist, which never change; nothing is locked."""
    return _FIND, _bounds(transaction_ids)


_THOSE = "m.id = ANY(%(ids)s::uuid[]) AND m.id BETWEEN %(first)s::uuid AND %(last)s::uuid"
_FIND = f"SELECT m.id, m.task_id, m.windows FROM commerce_transaction m WHERE {_THOSE}"


def reading(places: Collection[Place], periods: Sequence[Period], also: Collection[UUID]) -> list[Asked]:
    """Four statements: lock the windows of these places in these periods, and those in `also`, by id; then, standing still by
    these locks, the budgets, their acting rules, and the tasks that have holds which a card let go on."""
    scoped = _scoped(places) | {str(period.kind): period.starts_on for period in periods} | {"also": list(also)}
    return [(_LOCK_WINDOWS, scoped), (_BUDGETS, scoped), (_RULES, scoped), _approved(places)]


def _scoped(places: Collection[Place]) -> dict[str, Any]:
    """By scope, what places are in."""
    found: dict[str, set[UUID]] = {scope: set() for scope in Scope}
    for place in places:
        for scope, scope_id in place.scopes:
            if scope_id is not None:
                found[scope].add(scope_id)
    return {f"in_{scope}": list(scope_ids) for scope, scope_ids in found.items()}


_OF_SCOPES = " OR ".join(
    f"b.scope = '{scope}'" + ("" if scope == Scope.TENANT else f" AND b.scope_id = ANY(%(in_{scope})s::uuid[])")
    for scope in Scope
)
_APPLY = f"({_OF_SCOPES})"
_OF_PERIODS = " OR ".join(
    f"x.kind = '{kind}'" + ("" if kind == WindowKind.TOTAL else f" AND x.starts_on = %({kind})s::date")
    for kind in (WindowKind.DAY, WindowKind.MONTH, WindowKind.TOTAL)
)
_LOCK_WINDOWS = f"""
    SELECT {prepared.columns(SpendWindow, "w")} FROM commerce_spendwindow w
    WHERE w.id = ANY(ARRAY(
        SELECT x.id FROM commerce_budgetconfig b JOIN commerce_spendwindow x ON x.budget_id = b.id
        WHERE {_APPLY} AND ({_OF_PERIODS})
        UNION SELECT unnest(%(also)s::uuid[])
    ))
    ORDER BY w.id FOR NO KEY UPDATE
"""
_BUDGETS = f"SELECT {prepared.columns(BudgetConfig, 'b')} FROM commerce_budgetconfig b WHERE {_APPLY} ORDER BY b.id"
_RULES = f"""
    SELECT {prepared.columns(BudgetRules, "r")} FROM commerce_budgetconfig b
    JOIN commerce_budgetrules r ON r.budget_id = b.id AND r.version = b.rules_version WHERE {_APPLY}
"""


def _approved(places: Collection[Place]) -> Asked:
    tasks = {place.task_id for place in places}
    first = ids.first_of(min(map(ids.time_of, tasks)) - CLOCK_SLACK) if tasks else partitions.beyond()
    return _APPROVED, {"tasks": list(tasks), "first": first, "beyond": partitions.beyond()}


_APPROVED = f"""
    SELECT DISTINCT m.task_id FROM commerce_transaction m
    WHERE m.task_id = ANY(%(tasks)s::uuid[]) AND m.id >= %(first)s::uuid AND m.id < %(beyond)s::uuid
      AND m.status = '{MoneyStatus.HELD}' AND m.keeper = '{Keeper.LEASE}' AND m.approved_by_review IS NOT NULL
"""


def locking(transaction_ids: Collection[UUID]) -> Asked:
    """Transactions, locked by id: after their windows."""
    return _LOCK, _bounds(transaction_ids)


_LOCK = f"""
    SELECT {prepared.columns(Transaction, "m")} FROM commerce_transaction m WHERE {_THOSE}
    ORDER BY m.id FOR NO KEY UPDATE
"""


def _bounds(transaction_ids: Collection[UUID]) -> dict[str, Any]:
    """`first` and `last` keep a plan to the months in which they lie."""
    return {"ids": list(transaction_ids), "first": min(transaction_ids), "last": max(transaction_ids)}


# ------------------------------------------------------------------ what is written


def moving(moves: Mapping[UUID, tuple[Decimal, Decimal]], at: datetime) -> Asked:
    """Add to what each window holds and has captured, if its limit permits. Answers those that moved: all, or nothing may stand."""
    return _MOVE, {
        "ids": list(moves),
        "held": [held for held, _ in moves.values()],
        "captured": [captured for _, captured in moves.values()],
        "now": at,
    }


_PERMITS = """
    said.held + said.captured <= 0
    OR (w.limit_usd IS NULL OR w.held_usd + w.captured_usd + said.held + said.captured <= w.limit_usd)
    AND (w.limit_until IS NULL OR w.limit_until > %(now)s)
"""
_MOVE = f"""
    UPDATE commerce_spendwindow w SET held_usd = w.held_usd + said.held, captured_usd = w.captured_usd + said.captured
    FROM unnest(%(ids)s::uuid[], %(held)s::numeric[], %(captured)s::numeric[]) AS said (id, held, captured)
    WHERE w.id = said.id AND ({_PERMITS})
    RETURNING w.id
"""


def settling(rows: Sequence[Transaction]) -> Asked:
    """Holds that were settled in memory. Answers those that changed: all, or nothing may stand."""
    return _SETTLE, _bounds([row.pk for row in rows]) | {
        "ids": [row.pk for row in rows],
        "versions": [row.version for row in rows],
        "statuses": [str(row.status) for row in rows],
        "captured": [row.captured_usd for row in rows],
        "moments": [row.settled_at for row in rows],
        "actors": [row.changed_by for row in rows],
    }


_SETTLE = f"""
    UPDATE commerce_transaction m
    SET status = said.status, version = said.version, captured_usd = said.captured, settled_at = said.at,
        changed_by = said.actor, keeper = NULL, lease_token = NULL, resume_deadline = NULL
    FROM unnest(
        %(ids)s::uuid[], %(versions)s::int[], %(statuses)s::text[], %(captured)s::numeric[], %(moments)s::timestamptz[],
        %(actors)s::text[]
    ) AS said (id, version, status, captured, at, actor)
    WHERE m.id = said.id AND m.id BETWEEN %(first)s::uuid AND %(last)s::uuid
      AND m.status = '{MoneyStatus.HELD}' AND m.keeper = '{Keeper.LEASE}' AND m.version = said.version - 1
    RETURNING m.id
"""


def inserting(rows: Sequence[Transaction]) -> Asked:
    """New rows, every column as it stands in memory."""
    statement, names = _insertion()
    said = [{name: value for name in names if (value := row.__dict__[name]) is not None} for row in rows]
    return statement, {"rows": json.dumps(said, default=str)}


@cache
def _insertion() -> tuple[str, tuple[str, ...]]:
    """All rows come as one JSON array, as new tasks do (swarm.actions.creating)."""
    kinds = {str(field.column): field.db_type(connection) for field in Transaction._meta.concrete_fields}
    names = ", ".join(kinds)
    read = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
    return (
        f"INSERT INTO commerce_transaction ({names}) "
        f"SELECT {names} FROM jsonb_to_recordset(%(rows)s::jsonb) AS said ({read})",
        tuple(kinds),
    )
