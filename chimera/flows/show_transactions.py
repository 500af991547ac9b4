"""Transactions as the API shows them, each with its keeper's end. Reads only."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chimera.kernel.errors import Refused
from chimera.kernel.http.parsing import money_text
from commerce import shapes
from commerce.actions import Outcome
from commerce.models import Transaction
from commerce.states import Keeper
from safety.models import ReviewCard
from swarm.models import Task


def show_transactions(rows: Sequence[Transaction]) -> list[dict[str, Any]]:
    """At most two queries for any number of rows."""
    return shapes.transactions(rows, _ends(rows))


def show_transaction(row: Transaction) -> dict[str, Any]:
    return show_transactions([row])[0]


def show_denial(outcome: Outcome, shown: dict[str, Any]) -> Refused:
    """A denied spend as a problem, with its transaction as it is shown. It is a row, so it is answered, not raised."""
    refusal = outcome.refusal
    assert refusal is not None
    return Refused(
        refusal.detail,
        code=str(refusal.code),
        status=402,
        extra={
            "remaining_usd": money_text(refusal.remaining_usd),
            "resets_at": refusal.resets_at,
            "window": refusal.window,
            "budget": str(refusal.budget_id) if refusal.budget_id else None,
            "rule": refusal.rule or None,
            "rules_version": refusal.rules_version,
            "policy": str(refusal.policy_id) if refusal.policy_id else None,
            "transaction": shown,
        },
    )


def _ends(rows: Sequence[Transaction]) -> dict[UUID, datetime | None]:
    leased = {row.task_id for row in rows if row.keeper == Keeper.LEASE}
    carded = {row.review for row in rows if row.keeper == Keeper.CARD and row.review}
    leases = dict(Task.objects.filter(pk__in=leased).values_list("pk", "lease_expires_at")) if leased else {}
    dues = dict(ReviewCard.objects.filter(pk__in=carded).values_list("pk", "due_at")) if carded else {}
    return {row.pk: _end(row, leases, dues) for row in rows}


def _end(row: Transaction, leases: dict[UUID, datetime | None], dues: dict[UUID, datetime]) -> datetime | None:
    match row.keeper:
        case Keeper.LEASE:
            return leases.get(row.task_id)
        case Keeper.CARD:
            return dues.get(row.review) if row.review else None
        case _:
            return row.resume_deadline
