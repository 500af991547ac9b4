"""Scenes with money, and the one rule that every test may ask for: the windows equal the ledger."""

from collections import defaultdict
from decimal import Decimal
from typing import Any
from uuid import UUID

from chimera.flows.reconcile import reconcile
from commerce.drift import Drift
from commerce.models import SpendWindow, Transaction, Transition
from swarm.models import Task
from tests.cast import Caller, Stage
from tests.lanes import settle


def at_work(stage: Stage, who: Caller | None = None, session: Any = None, **task: Any) -> dict[str, Any]:
    """A claim of a fresh task by Ada (or `who`)."""
    made = stage.task(session or stage.session(), **task)
    settle()
    (claim,) = (who or stage.ada).claim()
    assert claim["task"]["id"] == made["id"]
    return claim


def claimed_again(stage: Stage, claim: dict[str, Any]) -> dict[str, Any]:
    """The next claim of the same task, once the relay has queued it."""
    settle()
    (again,) = stage.ada.claim()
    assert again["task"]["id"] == claim["task"]["id"]
    return again


def check_books(stage: Stage) -> None:
    """Held and captured of every window are the sums of the transactions that name it."""
    held: dict[UUID, Decimal] = defaultdict(Decimal)
    captured: dict[UUID, Decimal] = defaultdict(Decimal)
    with stage.bound():
        for row in Transaction.objects.all():
            for window in row.windows:
                if row.keeper is not None:
                    held[window] += row.amount_usd
                captured[window] += row.captured_usd or 0
        for window in SpendWindow.objects.all():
            assert (window.held_usd, window.captured_usd) == (held[window.pk], captured[window.pk]), window


def spent(stage: Stage, budget: dict[str, Any], window: str = "day") -> tuple[str, str, str | None]:
    """(held, captured, remaining) of a budget's window, as the API shows it."""
    found = stage.anna.get(f"budgets/{budget['id']}/usage").ok()["windows"]
    (row,) = [w for w in found if w["window"] == window]
    return row["held_usd"], row["captured_usd"], row["remaining_usd"]


def history(stage: Stage, transaction_id: str) -> list[tuple[int, str | None, str, Decimal, Decimal, str | None, str]]:
    """Version, from, to, what it holds and has captured, who keeps it, and who made each of its transitions."""
    with stage.bound():
        rows = Transition.objects.of(UUID(transaction_id))
        return list(
            rows.values_list("version", "from_status", "to_status", "held_usd", "captured_usd", "keeper", "actor")
        )


def task_row(stage: Stage, claim: dict[str, Any]) -> Task:
    with stage.bound():
        return Task.objects.get(pk=claim["task"]["id"])


def check_reconciled() -> None:
    """Nothing of any tenant's ledger is named by reconcile; the mirror is another question."""
    drifts: list[Drift] = []
    reconcile(tenant_id=None, repair=False, tell=drifts.append)
    assert drifts == []
