"""Reconcile what no sum shows: where a transaction is counted, and what a window permits. Reads only, as `reconciling` does."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from chimera.kernel import clock
from chimera.kernel.http.parsing import money_text
from commerce.actions.reconciling import rows
from commerce.drift import NOTHING, Drift, Place
from commerce.periods import KINDS
from commerce.queries import CLOCK_SLACK
from commerce.states import MONEY_COUNTED, IncreaseStatus, WindowKind

_COUNTED = ", ".join(f"'{status}'" for status in MONEY_COUNTED)

# Windows that are gone are named by the windows' own comparison.
_STRANGE = f"""
SELECT t.tenant_id, t.id, t.created_at, w.id, w.kind, w.starts_at, w.ends_at, w.budget_id
FROM commerce_transaction t LEFT JOIN LATERAL unnest(t.windows) AS named (id) ON true
LEFT JOIN commerce_spendwindow w ON w.id = named.id
WHERE (%(tenant)s::uuid IS NULL OR t.tenant_id = %(tenant)s) AND (
    t.created_at < w.starts_at OR t.created_at >= w.ends_at OR w.id IS NOT NULL AND NOT w.budget_id = ANY (t.budgets)
    OR named.id IS NULL AND t.status IN ({_COUNTED})
)
"""

# By what the windows say of themselves, since the tenant's time zone may have been another when they were made.
_MISSING = f"""
SELECT t.tenant_id, t.id, wrong.kind, wrong.budget_id, wrong.number
FROM commerce_transaction t CROSS JOIN LATERAL (
    SELECT asked.budget_id, kinds.kind, count(w.id) AS number
    FROM (SELECT DISTINCT unnest(t.budgets)) AS asked (budget_id) CROSS JOIN unnest(%(kinds)s::text[]) AS kinds (kind)
    LEFT JOIN (unnest(t.windows) AS named (id) JOIN commerce_spendwindow w ON w.id = named.id)
        ON w.budget_id = asked.budget_id AND w.kind = kinds.kind
    GROUP BY 1, 2 HAVING count(w.id) <> 1
) wrong
WHERE (%(tenant)s::uuid IS NULL OR t.tenant_id = %(tenant)s) AND t.status IN ({_COUNTED}) AND cardinality(t.windows) > 0
"""

# The increases in a copy are those that end no sooner than it. One that ends within CLOCK_SLACK may be left out already, by a
# process whose clock is ahead. A copy whose time is over is made anew by whoever decides next, and one of a day that is over
# permits nothing any more.
_LIMITS = f"""
SELECT w.tenant_id, w.id, w.kind, w.starts_on, w.budget_id, due.usd, w.limit_usd, due.until, w.limit_until
FROM commerce_spendwindow w JOIN commerce_budgetconfig b ON b.id = w.budget_id
CROSS JOIN LATERAL (
    SELECT CASE w.kind WHEN '{WindowKind.DAY}' THEN b.day_usd WHEN '{WindowKind.MONTH}' THEN b.month_usd ELSE b.total_usd END AS usd
) own
CROSS JOIN LATERAL (
    SELECT own.usd + coalesce(sum(i.amount_usd), 0) AS usd, min(i.expires_at) AS until
    FROM commerce_limitincrease i
    WHERE i.budget_id = b.id AND i.kind = w.kind AND i.status = '{IncreaseStatus.ACTIVE}' AND own.usd IS NOT NULL
      AND i.expires_at >= least(w.limit_until, %(soon)s)
) due
WHERE (%(tenant)s::uuid IS NULL OR w.tenant_id = %(tenant)s)
  AND (w.ends_at IS NULL OR w.ends_at > %(soon)s) AND (w.limit_until IS NULL OR w.limit_until > %(now)s)
  AND (w.limit_usd, w.limit_until) IS DISTINCT FROM (due.usd, due.until)
"""


def placements(tenant_id: UUID | None) -> Iterator[Drift]:
    """Transactions that are counted in a window of another time or budget, or spend without being counted."""
    for tenant, row, at, window, kind, starts_at, ends_at, budget in rows(_STRANGE, tenant_id):
        if window is None:
            yield Drift(Place.TRANSACTION, tenant, str(row), "windows", "at least one", "none", "spends uncounted")
        elif starts_at is not None and not starts_at <= at < ends_at:
            bounds = f"{starts_at.isoformat()} to {ends_at.isoformat()}"
            detail = f"counted in the {kind} {window}"
            yield Drift(Place.TRANSACTION, tenant, str(row), "created_at", bounds, at.isoformat(), detail)
        else:
            detail = f"counted in the {kind} {window}, though that budget was not asked"
            yield Drift(Place.TRANSACTION, tenant, str(row), "budgets", f"with {budget}", "without it", detail)
    for tenant, row, kind, budget, number in rows(_MISSING, tenant_id, kinds=[str(kind) for kind in KINDS]):
        detail = f"of budget {budget}, which was asked for it"
        yield Drift(Place.TRANSACTION, tenant, str(row), "windows", f"one {kind}", str(number or "none"), detail)


def limits(tenant_id: UUID | None) -> Iterator[Drift]:
    """Open windows that permit something else than their budget with its acting increases.

    To be called when the caller's snapshot stands: what was changed before it was changed by a clock that was not later.
    """
    at = clock.now()
    for tenant, row, kind, starts_on, budget, due, found, due_until, found_until in rows(
        _LIMITS, tenant_id, now=at, soon=at + CLOCK_SLACK
    ):
        detail = f"{kind} {starts_on or ''}".strip() + f" of budget {budget}"
        if due != found:
            yield Drift(Place.WINDOW, tenant, str(row), "limit_usd", _usd(due), _usd(found), detail)
        if due_until != found_until:
            yield Drift(Place.WINDOW, tenant, str(row), "limit_until", _time(due_until), _time(found_until), detail)


def _usd(limit: Decimal | None) -> str:
    return NOTHING if limit is None else money_text(limit)


def _time(until: datetime | None) -> str:
    return NOTHING if until is None else until.isoformat()
