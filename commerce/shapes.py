"""Rows as the API shows them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chimera.kernel import clock
from commerce.forecast import Forecast
from commerce.limits import Limit
from commerce.models import BudgetConfig, LimitIncrease, Transaction
from commerce.serializers import BudgetShape, ForecastShape, IncreaseShape, TransactionShape, WindowShape
from commerce.states import IncreaseStatus


def transaction(row: Transaction, expires_at: datetime | None) -> dict[str, Any]:
    """`expires_at` is its keeper's end, asked of the keeper (chimera.flows.show_transactions)."""
    row.expires_at = expires_at  # type: ignore[attr-defined]
    shown = dict(TransactionShape(row).data)
    for name in ("denied_code", "denied_reason"):
        shown[name] = shown[name] or None
    return shown


def transactions(rows: Sequence[Transaction], ends: Mapping[UUID, datetime | None]) -> list[dict[str, Any]]:
    return [transaction(row, ends.get(row.pk)) for row in rows]


def budget(row: BudgetConfig) -> dict[str, Any]:
    return dict(BudgetShape(row).data)


def budgets(rows: Sequence[BudgetConfig]) -> list[dict[str, Any]]:
    return [budget(row) for row in rows]


def usage(limits: Sequence[Limit], increases: Sequence[LimitIncrease], forecasts: Sequence[Forecast]) -> dict[str, Any]:
    return {
        "windows": [dict(WindowShape(limit).data) for limit in limits],
        "increases": [increase(row) for row in increases],
        "forecasts": [dict(ForecastShape(forecast).data) for forecast in forecasts],
    }


def increase(row: LimitIncrease) -> dict[str, Any]:
    """As it is by the time, whether the clock came by or not."""
    shown = dict(IncreaseShape(row).data)
    if row.status == IncreaseStatus.ACTIVE and row.expires_at <= clock.now():
        shown |= {"status": IncreaseStatus.EXPIRED.value, "ended_at": shown["expires_at"]}
    return shown


def increases(rows: Sequence[LimitIncrease]) -> list[dict[str, Any]]:
    return [increase(row) for row in rows]
