"""Reconcile the ledger with itself: transactions with their transitions, windows with both. Reads only; repairs nothing.

PostgreSQL compares, and only what differs is sent, row by row, so that a ledger of any size fits. Each function reads in
the caller's transaction, which must see all of it at one moment (REPEATABLE READ); `tenant_id` None means every tenant.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from chimera.kernel.http.parsing import money_text
from commerce.drift import NOTHING, Drift, Place

AT_ONCE = 500  # rows that are fetched together

_OPEN = "status IN ('held', 'review')"

_WINDOWS = """
SELECT coalesce(w.tenant_id, c.tenant_id), coalesce(w.id, c.id), w.kind, w.starts_on, w.budget_id, c.number,
       coalesce(c.held, 0), w.held_usd, coalesce(c.captured, 0), w.captured_usd
FROM (
    SELECT t.tenant_id, named.id, count(*) AS number, coalesce(sum(t.amount_usd) FILTER (WHERE t.{open}), 0) AS held,
           coalesce(sum(t.captured_usd), 0) AS captured
    FROM commerce_transaction t CROSS JOIN LATERAL unnest(t.windows) AS named (id)
    WHERE %(tenant)s::uuid IS NULL OR t.tenant_id = %(tenant)s GROUP BY 1, 2
) c FULL JOIN (
    SELECT * FROM commerce_spendwindow WHERE %(tenant)s::uuid IS NULL OR tenant_id = %(tenant)s
) w ON w.id = c.id AND w.tenant_id = c.tenant_id
WHERE w.id IS NULL OR w.held_usd <> coalesce(c.held, 0) OR w.captured_usd <> coalesce(c.captured, 0)
""".replace("{open}", _OPEN)

# The steps of each transaction stand next to one another in the primary key; no sort, no matter how many. An amount never
# shrinks, so it is the most that was held; of what was denied at once nothing was.
_TRANSITIONS = """
WITH steps AS (
    SELECT s.*, lag(to_status) OVER chain AS before, lag(version) OVER chain AS earlier, lead(version) OVER chain IS NULL AS latest
    FROM commerce_transition s WHERE %(tenant)s::uuid IS NULL OR tenant_id = %(tenant)s
    WINDOW chain AS (PARTITION BY transaction_id ORDER BY version)
), told AS (
    SELECT transaction_id, max(tenant_id::text)::uuid AS tenant_id, max(version) AS version,
           min(version) FILTER (WHERE from_status IS DISTINCT FROM before OR version <> earlier + 1) AS broken,
           max(to_status) FILTER (WHERE latest) AS status, max(held_usd) FILTER (WHERE latest) AS held,
           max(captured_usd) FILTER (WHERE latest) AS captured, max(keeper) FILTER (WHERE latest) AS keeper,
           nullif(max(held_usd), 0) AS most
    FROM steps GROUP BY transaction_id
), stands AS (
    SELECT id, tenant_id, version, status, keeper, CASE WHEN {open} THEN amount_usd ELSE 0 END AS held,
           coalesce(captured_usd, 0) AS captured, amount_usd AS amount
    FROM commerce_transaction WHERE %(tenant)s::uuid IS NULL OR tenant_id = %(tenant)s
)
SELECT coalesce(t.tenant_id, s.tenant_id), coalesce(t.id, s.transaction_id), s.broken,
       s.version::text, t.version::text, s.status, t.status, s.keeper, t.keeper, s.held, t.held, s.captured, t.captured,
       coalesce(s.most, t.amount), t.amount
FROM stands t FULL JOIN told s ON s.transaction_id = t.id
WHERE t.id IS NULL OR s.transaction_id IS NULL OR s.broken IS NOT NULL
   OR (t.version, t.status, t.held, t.captured) <> (s.version, s.status, s.held, s.captured)
   OR t.keeper IS DISTINCT FROM s.keeper OR t.amount <> s.most
""".replace("{open}", _OPEN)

_SIZES = """
SELECT (SELECT count(*) FROM commerce_spendwindow WHERE %(tenant)s::uuid IS NULL OR tenant_id = %(tenant)s),
       (SELECT count(*) FROM commerce_transaction WHERE %(tenant)s::uuid IS NULL OR tenant_id = %(tenant)s),
       (SELECT count(*) FROM commerce_transition WHERE %(tenant)s::uuid IS NULL OR tenant_id = %(tenant)s)
"""


def sizes(tenant_id: UUID | None) -> dict[Place, int]:
    """How many rows the comparisons look at."""
    ((windows, transactions, transitions),) = rows(_SIZES, tenant_id)
    return {Place.WINDOW: windows, Place.TRANSACTION: transactions, Place.TRANSITION: transitions}


def windows(tenant_id: UUID | None) -> Iterator[Drift]:
    """Windows whose held or captured is not the sum of the transactions that name them, and windows that are gone."""
    for tenant, row, kind, starts_on, budget, number, held, found_held, captured, found_captured in rows(
        _WINDOWS, tenant_id
    ):
        if kind is None:
            detail = f"named by {number} transactions: {money_text(held)} held, {money_text(captured)} captured"
            yield Drift(Place.WINDOW, tenant, str(row), "row", "a window", NOTHING, detail)
            continue
        detail = f"{kind} {starts_on or ''}".strip() + f" of budget {budget}, named by {number or 0} transactions"
        for name, expected, found in (("held_usd", held, found_held), ("captured_usd", captured, found_captured)):
            if expected != found:
                yield Drift(Place.WINDOW, tenant, str(row), name, money_text(expected), money_text(found), detail)


def transitions(tenant_id: UUID | None) -> Iterator[Drift]:
    """Transactions that are not what their last transition says, and chains of transitions with a break."""
    for tenant, row, broken, *pairs in rows(_TRANSITIONS, tenant_id):
        version_told, version = pairs[0], pairs[1]
        if version is None:
            detail = f"its transitions end with version {version_told}"
            yield Drift(Place.TRANSACTION, tenant, str(row), "row", "a transaction", NOTHING, detail)
            continue
        if version_told is None:
            yield Drift(Place.TRANSITION, tenant, f"{row} 1", "row", "a transition", NOTHING, "it has none at all")
            continue
        if broken is not None:
            detail = "a step before it is missing, or it does not follow from it"
            yield Drift(
                Place.TRANSITION, tenant, f"{row} {broken}", "from_status", "the step before", "another", detail
            )
        yield from _differing(tenant, row, pairs)


def _differing(tenant: UUID, row: UUID, pairs: Sequence[Any]) -> Iterator[Drift]:
    """A missing last step shows as a version that no transition tells."""
    names = ("version", "status", "keeper", "held_usd", "captured_usd", "amount_usd")
    for name, told, stands in zip(names, pairs[0::2], pairs[1::2], strict=True):
        if told != stands:
            detail = "the ledger's row is not what its last transition says"
            yield Drift(Place.TRANSACTION, tenant, str(row), name, _text(told), _text(stands), detail)


def _text(value: Any) -> str:
    return NOTHING if value is None else value if isinstance(value, str) else money_text(value)


def rows(sql: str, tenant_id: UUID | None, **more: Any) -> Iterator[Any]:
    """Through a cursor in the database: what is here at once is AT_ONCE rows."""
    connection.cursor().close()  # a transaction of a tenant is bound from here on
    with connection.connection.cursor(name="chimera_reconcile") as cursor:
        cursor.itersize = AT_ONCE
        cursor.execute(sql, {"tenant": tenant_id, **more})
        yield from cursor
