"""Handing open holds from keeper to keeper: lease → card → resume → lease → action. The windows stay as they are."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, Q

from chimera.kernel import clock
from chimera.kernel.actors import Actor
from chimera.kernel.errors import Stale
from chimera.kernel.eventlog import tell
from commerce.actions.settlement import expire, locked, refuse_reviewed, void
from commerce.events import HoldKept, HoldRebound, HoldReleased, SpendApproved
from commerce.models import Transaction
from commerce.states import MONEY, DeniedCode, Keeper, MoneyStatus


def keep_by_card(*, task_id: UUID, card_id: UUID, by: Actor) -> list[Transaction]:
    """The task waits for a person: the holds of its lease wait with the card."""
    rows = _locked(Transaction.objects.of_task(task_id).filter(status=MoneyStatus.HELD, keeper=Keeper.LEASE))
    for row in rows:
        _hand_over(row, by, keeper=Keeper.CARD, lease_token=None, review=card_id)
        tell(HoldKept.about(row), by=by)
    return rows


def release_to_resume(*, task_id: UUID, card_id: UUID, deadline: datetime, by: Actor) -> list[Transaction]:
    """The card lets the task go on: what it kept, its spend included, is held for the task's next claim.

    After `deadline` they expire. Equal requests of the resumed task are answered with these holds.
    """
    rows = _locked(Transaction.objects.of_task(task_id).open().filter(keeper=Keeper.CARD, review=card_id))
    kept: dict[str, Any] = {
        "keeper": Keeper.RESUME,
        "resume_deadline": deadline,
        "approved_by_review": card_id,
    }
    for row in rows:
        if row.status == MoneyStatus.REVIEW:
            MONEY.advance(row, to=MoneyStatus.HELD, changed_by=str(by), **kept)
            tell(SpendApproved.about(row), by=by)
        else:
            _hand_over(row, by, **kept)
            tell(HoldReleased.about(row), by=by)
    return rows


def deny_review(*, task_id: UUID, card_id: UUID, reason: str, by: Actor) -> list[Transaction]:
    """The card was rejected or expired: its spend is denied, and the holds that it kept are given back."""
    rows = locked(Transaction.objects.of_task(task_id).open().filter(keeper=Keeper.CARD, review=card_id))
    for row in rows:
        if row.status == MoneyStatus.REVIEW:
            refuse_reviewed(
                transaction=row, code=DeniedCode.REJECTED, reason=reason or "Rejected by a reviewer.", by=by
            )
        else:
            void(transaction=row, reason=reason, by=by)
    return rows


def rebind(leases: Mapping[UUID, UUID], *, by: Actor) -> dict[UUID, list[Transaction]]:
    """These tasks, each with the token of its lease, were claimed again: the new leases keep what waited for them.

    What waited too long expires instead; the meter of a lease before ends, the new one has its own. All that ends has its
    windows locked at once, for one task after the other they would not be by id.
    """
    waiting = Transaction.objects.of_tasks(leases).filter(status=MoneyStatus.HELD, keeper=Keeper.RESUME)
    over = Q(metered_usd__isnull=False) | Q(resume_deadline__lte=clock.now())
    for row in locked(waiting.filter(over)):
        expire(transaction=row, by=by)
    kept: dict[UUID, list[Transaction]] = {task_id: [] for task_id in leases}
    for row in _locked(waiting.all()):
        _hand_over(row, by, keeper=Keeper.LEASE, lease_token=leases[row.task_id], resume_deadline=None)
        tell(HoldRebound.about(row), by=by)
        kept[row.task_id].append(row)
    return kept


def keep_by_action(*, transaction: Transaction, by: Actor) -> None:
    """Its action is being executed: whatever becomes of lease and task, the outcome decides what becomes of the money."""
    _hand_over(transaction, by, keeper=Keeper.ACTION, lease_token=None)
    tell(HoldKept.about(transaction), by=by)


def _locked(rows: Any) -> list[Transaction]:
    return list(rows.order_by("pk").select_for_update(no_key=True))


def _hand_over(row: Transaction, by: Actor, **changes: Any) -> None:
    """Another keeper, compare-and-set; the status stays."""
    changes = changes | {"changed_by": str(by)}
    fresh = changes | {"version": row.version + 1}
    same = Transaction.objects.filter(pk=row.pk, status=MoneyStatus.HELD, keeper=row.keeper, version=row.version)
    if same.update(**(changes | {"version": F("version") + 1})) != 1:
        raise Stale(f"The hold {row.pk} changed while it was handed over at {clock.now().isoformat()}; try again.")
    for name, value in fresh.items():
        setattr(row, name, value)
