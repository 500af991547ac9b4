"""Asking for money: held, put before a person, or denied; each is a row."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction as database

from chimera.kernel import clock, ids
from chimera.kernel.actors import Actor
from chimera.kernel.errors import invalid
from chimera.kernel.eventlog import tell
from chimera.kernel.http.parsing import money_text
from commerce.actions import deciding, rules, windows
from commerce.actions.deciding import Books, Verdict, overstepped
from commerce.actions.purchase import Outcome, Place, Purchase, Refusal
from commerce.events import HoldPlaced, SpendDenied, SpendReviewRequested
from commerce.limits import PLACES, ZERO, Limit, usage
from commerce.models import BudgetConfig, SpendWindow, Transaction
from commerce.periods import Period, periods_at
from commerce.states import Keeper, MoneyStatus


def reserve(
    *,
    place: Place,
    purchase: Purchase,
    lease_token: UUID,
    card_id: UUID,
    time_zone: str,
    dry_run: bool,
    by: Actor,
    refusal: Refusal | None = None,
    review: bool = False,
) -> Outcome:
    """Hold the amount in every window that applies, or write a row that says why not.

    First the budgets' standing decides, then their rules, then their limits. Above an amount that some budget wants
    approved the row is in review, reserved already, and kept by the card `card_id`, which the caller then opens. A
    purchase that a card let go on is answered with that same hold. What else the caller knows: `refusal` denies it before the
    budgets are asked, `review` puts what they permit before a person.
    Raises 422 for what is no purchase: an amount that is not positive, finite and of at most six places, an
    asset nobody knows.
    """
    check(purchase)
    key = approval_key(place.task_id, purchase)
    if (kept := _kept_for(place.task_id, key, lease_token)) is not None:
        return Outcome(kept)
    row = drafted(place, purchase, key)
    if dry_run:
        return denied(row, deciding.dry_run(), by)
    if refusal is not None:
        return denied(row, refusal, by)
    books = _locked_books(place, periods_at(row.created_at, time_zone))
    verdict = deciding.decide(books, purchase, clock.now())
    row.budgets = verdict.budgets
    if verdict.refusal is not None:
        return denied(row, verdict.refusal, by)
    if not _held_in(books.counted, purchase.amount_usd):
        return denied(row, overstepped(purchase.amount_usd, _limits_anew(books)), by)
    row.windows = [window.pk for window in books.counted]
    if verdict.approvals or review:
        return _reviewed(row, verdict, card_id, by)
    return _placed(row, verdict, lease_token, by)


def _locked_books(place: Place, periods: Sequence[Period]) -> Books:
    applying = list(applying_to(place))
    locked = windows.lock_open(applying, periods)
    budgets = list(applying_to(place).filter(pk__in=[b.pk for b in applying]))  # Read again: the locks hold them still.
    return Books(budgets, locked, periods, rules.acting(budgets), windows.raising(budgets, clock.now()))


def _limits_anew(books: Books) -> list[Limit]:
    """After an UPDATE that did not permit what was read before it: an increase ended in between."""
    at = clock.now()
    return replace(books, raises=windows.raising(books.active, at)).limits(at)


def lock_ahead(places: Iterable[Place], *, settling: Iterable[Transaction], time_zone: str) -> None:
    """Before several spends and settlements in one transaction: all their windows, in one order for everybody."""
    budgets = reduce(or_, (applying_to(place) for place in set(places)), BudgetConfig.objects.none())
    also = [window for transaction in settling for window in transaction.windows]
    windows.lock_ahead(list(budgets), periods_at(clock.now(), time_zone), also)


def approval_key(task_id: UUID, purchase: Purchase) -> str:
    """What an approval is bound to: equal purchases of one task have equal keys, whatever their purpose and metadata. What an
    action buys is no other's."""
    amount = money_text(purchase.amount_usd)
    parts = [str(task_id), amount, purchase.payee, purchase.asset_symbol, purchase.category]
    parts += [str(purchase.action)] if purchase.action else []
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def check(purchase: Purchase) -> None:
    """422 for what is no purchase."""
    amount = purchase.amount_usd
    if not amount.is_finite() or not ZERO < amount <= settings.AMOUNT_USD_MAX:
        raise invalid(
            f"`amount_usd` must be more than zero and at most {settings.AMOUNT_USD_MAX}.",
            field_name="amount_usd",
            code="invalid_money",
        )
    if amount != amount.quantize(PLACES):
        raise invalid("`amount_usd` has more than six decimals.", field_name="amount_usd", code="invalid_money")
    if purchase.asset_symbol not in settings.ASSETS:
        known = ", ".join(settings.ASSETS)
        raise invalid(f"`asset_symbol` must be one of: {known}.", field_name="asset_symbol", code="unknown_asset")


def _kept_for(task_id: UUID, key: str, lease_token: UUID) -> Transaction | None:
    """The hold that a card let go on and this lease has taken over: no approval is asked for twice."""
    rows = Transaction.objects.of_task(task_id).filter(approval_key=key, status=MoneyStatus.HELD, keeper=Keeper.LEASE)
    found: Transaction | None = (
        rows.filter(lease_token=lease_token, approved_by_review__isnull=False).order_by("pk").first()
    )
    return found


def drafted(place: Place, purchase: Purchase, key: str) -> Transaction:
    """An unsaved row. Its time is that of its id, so that window and partition agree about midnight."""
    fresh = ids.uuid7()
    return Transaction(
        id=fresh,
        task_id=place.task_id,
        session_id=place.session_id,
        agent_id=place.agent_id,
        amount_usd=purchase.amount_usd,
        asset_symbol=purchase.asset_symbol,
        payee=purchase.payee,
        category=purchase.category,
        purpose=purchase.purpose,
        metadata=purchase.metadata,
        action=purchase.action,
        approval_key=key,
        created_at=ids.time_of(fresh),
    )


def applying_to(place: Place) -> Any:
    """Every budget, active or not, that this place spends from."""
    return BudgetConfig.objects.applying_to(
        task_ids=[place.task_id, *place.above],
        session_id=place.session_id,
        campaign_id=place.campaign_id,
        agent_id=place.agent_id,
    )


def limits_now(
    active: Sequence[BudgetConfig], counted: Sequence[SpendWindow], periods: Sequence[Period]
) -> list[Limit]:
    """As they are this moment, under the windows' locks."""
    at = clock.now()
    raises = windows.raising(active, at)
    return [limit for budget in active for limit in usage(budget, counted, periods, raises, at)]


def _held_in(counted: Sequence[SpendWindow], amount: Decimal) -> bool:
    """All or nothing: what some windows granted is rolled back when one refuses."""
    with database.atomic():
        granted = windows.hold(counted, amount)
        if not granted:
            database.set_rollback(True)
    return granted


def denied(row: Transaction, refusal: Refusal, by: Actor) -> Outcome:
    """The refused spend as a row."""
    fact = fill_denied(row, refusal, by)
    row.save(force_insert=True)
    tell(fact, by=by)
    return Outcome(row, refusal)


def fill_denied(row: Transaction, refusal: Refusal, by: Actor) -> SpendDenied:
    """The same, not yet written: the row is filled in, and what is to be told of it."""
    row.status, row.settled_at = MoneyStatus.DENIED, row.created_at
    row.denied_code, row.denied_reason = refusal.code, refusal.detail[:500]
    _name(row, refusal.budget_id, by)
    return SpendDenied.about(row, code=str(refusal.code), reason=refusal.detail)


def fill_hold(row: Transaction, verdict: Verdict, lease_token: UUID, by: Actor) -> HoldPlaced:
    """A hold that is not yet written: the row is filled in, and what is to be told of it."""
    row.status, row.keeper, row.lease_token = MoneyStatus.HELD, Keeper.LEASE, lease_token
    _name(row, verdict.deciding, by)
    return HoldPlaced.about(row)


def _reviewed(row: Transaction, verdict: Verdict, card_id: UUID, by: Actor) -> Outcome:
    row.status, row.keeper, row.review = MoneyStatus.REVIEW, Keeper.CARD, card_id
    written(row, verdict.deciding, by)
    tell(SpendReviewRequested.about(row), by=by)
    return Outcome(row, approvals=verdict.approvals)


def _placed(row: Transaction, verdict: Verdict, lease_token: UUID, by: Actor) -> Outcome:
    fact = fill_hold(row, verdict, lease_token, by)
    row.save(force_insert=True)
    tell(fact, by=by)
    return Outcome(row)


def written(row: Transaction, deciding: UUID | None, by: Actor) -> None:
    _name(row, deciding, by)
    row.save(force_insert=True)


def _name(row: Transaction, deciding: UUID | None, by: Actor) -> None:
    """The deciding budget first."""
    row.budgets = sorted(row.budgets, key=lambda budget: (budget != deciding, budget))
    row.changed_by = str(by)
