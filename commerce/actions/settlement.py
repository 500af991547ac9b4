"""The ends of a hold: captured, voided, expired. The windows move with it."""

from collections.abc import Callable, Collection, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from chimera.kernel import clock, ids, partitions, prepared
from chimera.kernel.actors import Actor
from chimera.kernel.errors import conflict, invalid
from chimera.kernel.eventlog import tell
from chimera.kernel.http.parsing import money_text
from chimera.kernel.prepared import Asked
from commerce.actions import windows
from commerce.events import HoldCaptured, HoldExpired, HoldVoided, SpendDenied
from commerce.models import Transaction
from commerce.queries import CLOCK_SLACK
from commerce.states import MONEY, MONEY_OPEN, DeniedCode, Keeper, MoneyStatus


def locked(rows: QuerySet[Transaction]) -> list[Transaction]:
    """These transactions, locked: their windows by id first, then they by id."""
    found = list(rows.values_list("pk", "windows"))
    windows.lock(window for _, ids in found for window in ids)
    return list(
        Transaction.objects.filter(pk__in=[pk for pk, _ in found]).order_by("pk").select_for_update(no_key=True)
    )


def capture(*, transaction: Transaction, amount_usd: Decimal | None, by: Actor) -> None:
    """Spend up to the hold, once; the rest is free again. The same capture once more changes nothing.

    Refuses: 422 above the hold or not positive, 409 after another capture, a void or an expiry.
    """
    amount = transaction.amount_usd if amount_usd is None else amount_usd
    if transaction.status == MoneyStatus.CAPTURED:
        _check_repeated(transaction, amount)
        return
    _check_not_ended(transaction)
    if transaction.status == MoneyStatus.HELD and not 0 < amount <= transaction.amount_usd:
        held = money_text(transaction.amount_usd)
        raise invalid(
            f"`amount_usd` must be more than zero and at most the hold of {held}.",
            field_name="amount_usd",
            code="capture_above_hold",
        )
    _settle(transaction, MoneyStatus.CAPTURED, by, captured_usd=amount)
    windows.capture(transaction.windows, held=transaction.amount_usd, captured=amount)
    tell(HoldCaptured.about(transaction), by=by)


def _check_repeated(transaction: Transaction, amount: Decimal) -> None:
    captured = transaction.captured_usd
    if captured is not None and captured != amount:
        raise conflict(
            f"This hold was captured with {money_text(captured)} already; that is done once. Authorise the rest anew.",
            code="already_captured",
        )


def _check_not_ended(transaction: Transaction) -> None:
    """409 that says what became of it and what is possible now."""
    match MoneyStatus(transaction.status):
        case MoneyStatus.CAPTURED:
            spent = money_text(transaction.captured_usd or transaction.amount_usd)
            sentence = f"This hold was captured with {spent} USD already, and what is spent is not given back."
        case MoneyStatus.VOIDED:
            sentence = "This hold was voided, and its money is free again; authorise anew what is still needed."
        case MoneyStatus.EXPIRED:
            sentence = "This hold has expired, and its money is free again; authorise anew what is still needed."
        case MoneyStatus.DENIED:
            sentence = "This spend was denied, so nothing is held for it; its `denied_reason` says why."
        case MoneyStatus.HELD | MoneyStatus.REVIEW:
            return
    raise conflict(sentence, code=f"transaction_{transaction.status}", status_now=str(transaction.status))


def end_meter(*, transaction: Transaction, by: Actor, metered_usd: Decimal | None = None, reason: str = "") -> None:
    """The end of a metered hold, however its lease ends: what it has cost is spent, only what was ahead of that is free again.
    One that has cost nothing is voided.

    `metered_usd` may lie above the hold, as its last report; the row says so, and no more is captured than was held. `reason`
    is why it ended when it was to be given back.
    """
    metered = transaction.metered_usd if metered_usd is None else metered_usd
    assert metered is not None
    if not metered:
        _give_back(transaction, reason or "It has cost nothing.", by)
        return
    captured = min(metered, transaction.amount_usd)
    _settle(transaction, MoneyStatus.CAPTURED, by, captured_usd=captured, metered_usd=metered)
    windows.capture(transaction.windows, held=transaction.amount_usd, captured=captured)
    tell(HoldCaptured.about(transaction, reason=reason), by=by)


def void(*, transaction: Transaction, reason: str, by: Actor) -> None:
    """Give a hold back. Voiding it once more changes nothing; 409 after a capture or an expiry.

    Of a metered one what has been spent is captured.
    """
    if transaction.status == MoneyStatus.VOIDED:
        return
    if transaction.metered_usd is not None and transaction.status == MoneyStatus.HELD:
        end_meter(transaction=transaction, reason=reason, by=by)
        return
    _check_not_ended(transaction)
    _give_back(transaction, reason, by)


def _give_back(transaction: Transaction, reason: str, by: Actor) -> None:
    _settle(transaction, MoneyStatus.VOIDED, by)
    windows.release(transaction.windows, transaction.amount_usd)
    tell(HoldVoided.about(transaction, reason=reason), by=by)


def expire(*, transaction: Transaction, by: Actor) -> None:
    """Nobody claimed its task in time."""
    if transaction.metered_usd is not None:
        end_meter(transaction=transaction, by=by)
        return
    _settle(transaction, MoneyStatus.EXPIRED, by)
    windows.release(transaction.windows, transaction.amount_usd)
    tell(HoldExpired.about(transaction), by=by)


def refuse_reviewed(*, transaction: Transaction, code: DeniedCode, reason: str, by: Actor) -> None:
    """A spend in review will not be."""
    _settle(transaction, MoneyStatus.DENIED, by, denied_code=code, denied_reason=reason[:500])
    windows.release(transaction.windows, transaction.amount_usd)
    tell(SpendDenied.about(transaction, code=str(code), reason=reason[:500]), by=by)


def open_money(task_ids: Collection[UUID]) -> Asked:
    """Answers the ids of those of these tasks that have holds or spends in review. Believed only under the tasks' locks."""
    first = ids.first_of(min(map(ids.time_of, task_ids)) - CLOCK_SLACK)
    return _OPEN_MONEY, {"tasks": list(task_ids), "first": first, "beyond": partitions.beyond(), "open": _OPEN}


def with_open_money(task_ids: Collection[UUID]) -> set[UUID]:
    """The same, asked."""
    return {row[0] for row in prepared.ask(*open_money(task_ids))} if task_ids else set()


_OPEN = [str(status) for status in MONEY_OPEN]
_OPEN_MONEY = """
    SELECT DISTINCT m.task_id FROM commerce_transaction m
    WHERE m.task_id = ANY(%(tasks)s::uuid[]) AND m.status = ANY(%(open)s::text[])
      AND m.id >= %(first)s::uuid AND m.id < %(beyond)s::uuid
"""


def capture_all(*, task_id: UUID, by: Actor) -> list[Transaction]:
    """A task is finished: its holds are spent in full, a metered one as far as it was metered.

    A spend still in review is denied, since nobody asks for it now; what was held for an action that did not come to be executed
    is given back.
    """

    def spend(row: Transaction) -> None:
        if row.metered_usd is not None:
            end_meter(transaction=row, by=by)
        elif row.action is not None:
            _give_back(row, "Its action was not executed.", by)
        else:
            capture(transaction=row, amount_usd=None, by=by)

    return _end_all(task_id, "Its task has finished.", spend, by)


def void_all(*, task_id: UUID, reason: str, by: Actor) -> list[Transaction]:
    """A task is lost: whoever keeps its holds, they are given back, and its spends in review are denied. Only what is held for
    an effect that is under way stays: its outcome tells whether it was spent."""
    return _end_all(task_id, reason, lambda row: void(transaction=row, reason=reason, by=by), by)


def expire_due(*, task_id: UUID, by: Actor) -> list[Transaction]:
    """The holds of this task that waited for its claim until their deadline."""
    rows = locked(Transaction.objects.of_task(task_id).resume_due(clock.now()))
    for row in rows:
        expire(transaction=row, by=by)
    return rows


def _end_all(task_id: UUID, reason: str, end: Callable[[Transaction], None], by: Actor) -> list[Transaction]:
    rows: Sequence[Transaction] = locked(Transaction.objects.of_task(task_id).open().exclude(keeper=Keeper.ACTION))
    for row in rows:
        if row.status == MoneyStatus.REVIEW:
            refuse_reviewed(transaction=row, code=DeniedCode.WITHDRAWN, reason=reason, by=by)
        else:
            end(row)
    return list(rows)


def _settle(transaction: Transaction, to: MoneyStatus, by: Actor, **changes: Any) -> None:
    MONEY.advance(
        transaction,
        to=to,
        keeper=None,
        lease_token=None,
        resume_deadline=None,
        settled_at=clock.now(),
        changed_by=str(by),
        **changes,
    )
