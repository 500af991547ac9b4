"""Rows as the API shows them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from chimera.kernel import clock
from chimera.kernel.http.parsing import money_text
from commerce.actions.previewing import Preview
from commerce.forecast import Forecast
from commerce.limits import Limit
from commerce.models import BudgetConfig, BudgetRules, LimitIncrease, Transaction
from commerce.rules import NONE
from commerce.serializers import (
    BudgetShape,
    ForecastShape,
    IncreaseShape,
    PreviewDifference,
    PreviewOutcome,
    RulesShape,
    WindowShape,
)
from commerce.states import IncreaseStatus


def transaction(row: Transaction, expires_at: datetime | None) -> dict[str, Any]:
    """As `TransactionShape` says, whose fields would take ten times as long. `expires_at` is its keeper's end, asked of the
    keeper (chimera.flows.show_transactions)."""
    return {
        "id": str(row.pk),
        "task": str(row.task_id),
        "session": str(row.session_id),
        "agent": str(row.agent_id),
        "status": str(row.status),
        "amount_usd": money_text(row.amount_usd),
        "captured_usd": None if row.captured_usd is None else money_text(row.captured_usd),
        "metered_usd": None if row.metered_usd is None else money_text(row.metered_usd),
        "asset_symbol": row.asset_symbol,
        "payee": row.payee,
        "category": row.category,
        "purpose": row.purpose,
        "metadata": row.metadata,
        "expires_at": _moment(expires_at),
        "review": str(row.review) if row.review else None,
        "action": str(row.action) if row.action else None,
        "denied_code": str(row.denied_code) or None,
        "denied_reason": row.denied_reason or None,
        "budgets": [str(budget_id) for budget_id in row.budgets],
        "created_at": _moment(row.created_at),
        "settled_at": _moment(row.settled_at),
    }


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")


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


def acting_rules(budget: BudgetConfig) -> dict[str, Any]:
    """The rules that act; version 0, and none, where there are none yet."""
    row = budget.rules.filter(version=budget.rules_version).first()
    if row is not None:
        return rules_version(row)
    return {
        "budget": str(budget.pk),
        "version": 0,
        "rules": NONE.stored(),
        "created_by": None,
        "created_at": None,
    }


def rules_version(row: BudgetRules) -> dict[str, Any]:
    return dict(RulesShape(row).data)


def rules_versions(rows: Sequence[BudgetRules]) -> list[dict[str, Any]]:
    return [rules_version(row) for row in rows]


def preview(seen: Preview) -> dict[str, Any]:
    outcomes = [
        {"was": was, "would_be": would_be, "count": figures.count, "amount_usd": figures.amount_usd}
        for (was, would_be), figures in sorted(seen.replay.outcomes.items())
    ]
    differences = [
        {
            "transaction": each.past.id,
            "created_at": each.past.at,
            "amount_usd": each.past.amount_usd,
            "payee": each.past.payee,
            "category": each.past.category,
            "asset_symbol": each.past.asset_symbol,
            "was": each.past.was,
            "would_be": each.would_be,
            "rule": each.rule or None,
        }
        for each in seen.replay.differences
    ]
    return {
        "since": seen.since,
        "looked_at": seen.looked_at,
        "complete": seen.complete,
        "outcomes": [dict(PreviewOutcome(each).data) for each in outcomes],
        "differences": [dict(PreviewDifference(each).data) for each in differences],
    }
