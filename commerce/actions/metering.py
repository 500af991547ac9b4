"""Metering: what a lease costs while it runs, counted against one hold that grows with it.

A lease says what it has cost so far. Its hold is kept one step ahead, a step being what the last report added: so what is
reported next is reserved already, as long as every window permits it. Where nothing more can be reserved ahead the meter ends,
and what was reported beyond the hold, at most one report, is written in the row and counted in no window: limits hold, and the
ledger does not hide what was spent. With a result it says it for the last time: then nothing is kept ahead. A lease
may also ask before it has cost anything.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F, Sum

from chimera.kernel import clock
from chimera.kernel.actors import Actor
from chimera.kernel.errors import Stale
from chimera.kernel.eventlog import tell
from chimera.kernel.http.parsing import money_text
from commerce.actions import deciding, rules, spending, windows
from commerce.actions.purchase import Place, Purchase, Refusal
from commerce.actions.settlement import end_meter
from commerce.events import HoldMetered, HoldPlaced
from commerce.limits import ZERO, Limit, tightest
from commerce.models import SpendWindow, Transaction
from commerce.periods import periods_at
from commerce.states import DeniedCode, Keeper, MoneyStatus, WindowKind

CATEGORY = "metered"
ASSET = "USD"


@dataclass(frozen=True, slots=True)
class Metered:
    """`refusal` says that the lease may cost no more, with the row that says so; None: it goes on."""

    refusal: Refusal | None = None
    transaction: Transaction | None = None

    @property
    def over_usd(self) -> Decimal:
        """What it has cost beyond what was held."""
        row = self.transaction
        return ZERO if row is None or row.metered_usd is None else row.metered_usd - (row.captured_usd or ZERO)


@dataclass(frozen=True, slots=True)
class _Room:
    """What may be reserved now, under the windows' locks."""

    budgets: list[UUID]
    counted: list[SpendWindow]
    limits: list[Limit]
    refusal: Refusal | None = None


def meter(
    *,
    place: Place,
    lease_token: UUID,
    cost_usd: Decimal,
    ahead_usd: Decimal | None = None,
    time_zone: str,
    by: Actor,
    is_last: bool = False,
) -> Metered:
    """Count what a lease has cost so far; the same, or less, once more changes nothing. The task is locked.

    Held ahead of it is what this report adds, or `ahead_usd`, which must fit in whole: so a lease may ask before it has cost
    anything. A refusal settles the lease's hold: captured as far as it was reserved. Where nothing was, the row is a denied one.
    With `is_last` nothing is reserved ahead, and so the hold is always settled; all other open money of the
    task is settled afterwards by the caller, and so the windows of that are locked too.
    """
    rows = Transaction.objects.of_task(place.task_id).filter(metered_lease=lease_token)
    known = rows.order_by().aggregate(known=Sum("metered_usd", default=ZERO))["known"]
    running = rows.filter(status=MoneyStatus.HELD, keeper=Keeper.LEASE).first()
    step = max(ZERO, cost_usd - known)
    wish = _Wish(step, step if ahead_usd is None else ahead_usd, is_whole=ahead_usd is not None)
    if is_last:
        wish = _Wish(step, ZERO)
    if wish.is_met_by(running):
        return Metered()
    draft = spending.drafted(
        place, _purchase(wish.amount), spending.approval_key(place.task_id, _purchase(wish.amount))
    )
    draft.metered_lease = lease_token
    room = _room(place, draft, running, _settled_with(running, place.task_id, is_last), time_zone)
    if running is not None and not _same_windows(running, room):
        # Another day, or another budget: what was counted belongs to the windows of then.
        end_meter(transaction=running, by=by)
        running, room = None, _room(place, draft, None, (), time_zone)
    if running is not None:
        return _grown(running, wish, room, by)
    return _begun(draft, wish, room, lease_token, by)


@dataclass(frozen=True, slots=True)
class _Wish:
    """To count `step`, and to hold `ahead` for what comes next: all of that, where `is_whole`."""

    step: Decimal
    ahead: Decimal
    is_whole: bool = False

    @property
    def amount(self) -> Decimal:
        """What a refusal is about."""
        return self.step or self.ahead

    def is_met_by(self, running: Transaction | None) -> bool:
        if self.step or not self.ahead:
            return not self.step
        return running is not None and running.amount_usd >= (running.metered_usd or ZERO) + self.ahead


def metered_of(task_ids: Collection[UUID]) -> list[Transaction]:
    """The open holds of these tasks' meters; believed under the tasks' locks."""
    return list(Transaction.objects.of_tasks(task_ids).open().filter(metered_usd__isnull=False))


def _purchase(amount: Decimal) -> Purchase:
    return Purchase(amount_usd=amount, asset_symbol=ASSET, category=CATEGORY)


def _settled_with(running: Transaction | None, task_id: UUID, is_last: bool) -> Sequence[Transaction]:
    """What may be settled in this transaction."""
    if is_last:
        return list(Transaction.objects.of_task(task_id).open())
    return [running] if running else []


def _room(
    place: Place,
    draft: Transaction,
    running: Transaction | None,
    settled_with: Sequence[Transaction],
    time_zone: str,
) -> _Room:
    periods = periods_at(draft.created_at, time_zone)
    applying = list(spending.applying_to(place))
    known = {budget.pk for budget in applying}
    if any(
        periods_at(row.created_at, time_zone) != periods or not known.issuperset(row.budgets) for row in settled_with
    ):
        # Another day's, or of another agent's budget: those of then and of now, in one order for everybody.
        windows.lock_ahead(applying, periods, [window for row in settled_with for window in row.windows])
    locked = windows.lock_open(applying, periods)
    budgets = list(spending.applying_to(place).filter(pk__in=[b.pk for b in applying]))
    if (refusal := deciding.standing_of(budgets)) is not None:
        return _Room([b.pk for b in budgets], [], [], refusal)
    active = [budget for budget in budgets if budget.is_active]
    ids = [budget.pk for budget in active]
    counted = [window for window in locked if window.budget_id in set(ids)]
    limits = spending.limits_now(active, counted, periods)
    refusal = None
    if running is None:  # of rules a meter is one purchase, asked when it begins
        refusal = rules.refusal(active, rules.acting(active), _purchase(draft.amount_usd), clock.now())
    return _Room(ids, counted, limits, refusal)


def _same_windows(running: Transaction, room: _Room) -> bool:
    """Also where a budget's standing refuses: then the hold ends as it is."""
    return not room.counted or set(running.windows) == {window.pk for window in room.counted}


def _begun(draft: Transaction, wish: _Wish, room: _Room, lease_token: UUID, by: Actor) -> Metered:
    step = wish.step
    least_wanted = wish.ahead if wish.is_whole and not step else ZERO
    held = _reserve(room, wanted=step + wish.ahead, held=ZERO, least=least_wanted)
    draft.budgets = room.budgets
    draft.metered_usd = step
    if not held:
        refusal = room.refusal or _used_up(step, room)
        return Metered(refusal, spending.denied(draft, refusal, by).transaction)
    draft.windows = [window.pk for window in room.counted]
    draft.amount_usd, draft.metered_usd = held, min(step, held)
    draft.status, draft.keeper, draft.lease_token = MoneyStatus.HELD, Keeper.LEASE, lease_token
    least = tightest(room.limits)
    spending.written(draft, least.budget_id if least else None, by)
    tell(HoldPlaced.about(draft), by=by)
    return _ended(draft, step, room, by) if _is_short(held, step, wish) else Metered()


def _grown(running: Transaction, wish: _Wish, room: _Room, by: Actor) -> Metered:
    assert running.metered_usd is not None
    total = running.metered_usd + wish.step
    held = running.amount_usd
    if held < total + wish.ahead:
        held += _reserve(room, wanted=total + wish.ahead - held, held=held)
    _keep(running, held, min(total, held), by)
    return _ended(running, total, room, by) if _is_short(held, total, wish) else Metered()


def _is_short(held: Decimal, total: Decimal, wish: _Wish) -> bool:
    """Nothing is held for what comes next, or not all of what was asked for."""
    return held <= total or not wish.ahead or (wish.is_whole and held < total + wish.ahead)


def _reserve(room: _Room, *, wanted: Decimal, held: Decimal, least: Decimal = ZERO) -> Decimal:
    """As much of it as every window permits, nothing if that is less than `least`; a limit per transaction bounds the whole hold."""
    if room.refusal is not None:
        return ZERO
    granted = min([wanted, settings.AMOUNT_USD_MAX - held, *_left(room.limits, held)])
    if granted <= 0 or granted < least or not windows.hold(room.counted, granted):
        return ZERO
    return granted


def _left(limits: Sequence[Limit], held: Decimal) -> list[Decimal]:
    return [
        limit.remaining_usd - (held if limit.window == WindowKind.TRANSACTION else ZERO)
        for limit in limits
        if limit.remaining_usd is not None
    ]


def _keep(running: Transaction, amount: Decimal, metered: Decimal, by: Actor) -> None:
    changes: dict[str, Any] = {"amount_usd": amount, "metered_usd": metered, "changed_by": str(by)}
    same = Transaction.objects.filter(pk=running.pk, status=MoneyStatus.HELD, version=running.version)
    if same.update(**changes, version=F("version") + 1) != 1:
        raise Stale(f"The hold {running.pk} changed while it was metered; try again.")
    for name, value in (changes | {"version": running.version + 1}).items():
        setattr(running, name, value)
    tell(HoldMetered.about(running, metered_usd=metered), by=by)


def _ended(running: Transaction, total: Decimal, room: _Room, by: Actor) -> Metered:
    """Nothing is reserved for what comes next."""
    refusal = room.refusal or _used_up(total, room)
    end_meter(transaction=running, metered_usd=total, by=by)
    return Metered(refusal, running)


def _used_up(total: Decimal, room: _Room) -> Refusal:
    least = tightest(room.limits)
    until = f" until {least.resets_at.isoformat()}" if least and least.resets_at else ""
    whose = f"The {least.window} limit of budget {least.budget_id}" if least else "The largest amount"
    return Refusal(
        code=DeniedCode.BUDGET_EXCEEDED,
        detail=f"{whose} leaves nothing for what comes after {money_text(total)} USD of this lease{until}.",
        resets_at=least.resets_at if least else None,
        window=least.window if least else None,
        budget_id=least.budget_id if least else None,
    )
