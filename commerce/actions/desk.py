"""The desk: spends, captures and voids of many, decided one after the other in memory, under the locks of all that they touch.

It does what is plain. For anything else it answers None, and changes nothing: then `spending` and `settlement` do it, with
their words where it is refused. What passed is written at the end, in as many statements for hundreds as for one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from chimera.kernel import clock, eventlog, prepared
from chimera.kernel.actors import Actor
from chimera.kernel.errors import Refused
from chimera.kernel.eventlog import Fact
from chimera.kernel.prepared import Asked, Row
from commerce.actions import booking, deciding, windows
from commerce.actions.deciding import Books
from commerce.actions.purchase import Outcome, Place, Purchase, Refusal
from commerce.actions.rules import Acting
from commerce.actions.spending import approval_key, check, drafted, fill_denied, fill_hold
from commerce.events import HoldCaptured, HoldVoided
from commerce.limits import ZERO
from commerce.models import BudgetConfig, BudgetRules, SpendWindow, Transaction
from commerce.periods import KINDS, Period
from commerce.rules import Velocity
from commerce.states import Keeper, MoneyStatus

GIVEN_BACK = "given back by its agent"


@dataclass(slots=True)
class _Written:
    """What is to be written."""

    new: list[Transaction] = field(default_factory=list)
    settled: list[Transaction] = field(default_factory=list)
    facts: list[tuple[Fact, Actor, str]] = field(default_factory=list)
    moves: dict[UUID, tuple[Decimal, Decimal]] = field(default_factory=dict)

    def move(self, window_id: UUID, *, held: Decimal, captured: Decimal = ZERO) -> None:
        before = self.moves.get(window_id, (ZERO, ZERO))
        self.moves[window_id] = before[0] + held, before[1] + captured


class Desk:
    """Of one transaction, which has asked `reading` and `locking` (commerce.actions.booking) and gives their rows."""

    def __init__(self, periods: Sequence[Period], read: Sequence[Sequence[Row]], holds: Sequence[Row]) -> None:
        locked, budgets, rules, approved = read
        self._at = clock.now()
        self._periods = periods
        self._windows = {row.pk: row for row in (prepared.instance(SpendWindow, row) for row in locked)}
        self._budgets = [prepared.instance(BudgetConfig, row) for row in budgets]
        self._rules: Acting = {row.budget_id: row for row in (prepared.instance(BudgetRules, row) for row in rules)}
        self._raises = windows.raising(self._budgets, self._at)
        self._approved = {task_id for (task_id,) in approved}
        self._holds = {row.pk: row for row in (prepared.instance(Transaction, row) for row in holds)}
        self._books: dict[tuple[int, ...], Books | None] = {}  # by the places of the budgets that apply
        self._written = _Written()

    def spend(
        self, place: Place, purchase: Purchase, *, lease_token: UUID, dry_run: bool, by: Actor, trace: str = ""
    ) -> Outcome | None:
        """As `spending.reserve`. Left: what is refused with no row, was approved before, is to be approved, or waits for a window."""
        if place.task_id in self._approved or not _is_purchase(purchase):
            return None
        row = drafted(place, purchase, approval_key(place.task_id, purchase))
        if dry_run:
            return self._denied(row, deciding.dry_run(), by, trace)
        books = self._books_of(place)
        if books is None or not self._in_time(row.created_at):
            return None
        verdict = deciding.decide(books, purchase, self._at)
        if verdict.approvals:
            return None
        row.budgets = verdict.budgets
        if verdict.refusal is not None:
            return self._denied(row, verdict.refusal, by, trace)
        row.windows = [window.pk for window in books.counted]
        for window in books.counted:
            window.held_usd += purchase.amount_usd
            self._written.move(window.pk, held=purchase.amount_usd)
        self._written.new.append(row)
        self._written.facts.append((fill_hold(row, verdict, lease_token, by), by, trace))
        return Outcome(row)

    def capture(
        self, transaction_id: UUID, *, lease_token: UUID, amount_usd: Decimal | None, by: Actor, trace: str = ""
    ) -> Transaction | None:
        """As `settlement.capture`, of a hold that this lease keeps, nobody meters, and that is no action's."""
        row = self._held(transaction_id, lease_token)
        if row is None or row.action is not None:
            return None
        amount = row.amount_usd if amount_usd is None else amount_usd
        if not 0 < amount <= row.amount_usd:
            return None
        row.captured_usd = amount
        self._settle(row, MoneyStatus.CAPTURED, by)
        self._written.facts.append((HoldCaptured.about(row), by, trace))
        return row

    def void(
        self, transaction_id: UUID, *, lease_token: UUID, reason: str, by: Actor, trace: str = ""
    ) -> Transaction | None:
        """As `settlement.void`, likewise."""
        row = self._held(transaction_id, lease_token)
        if row is not None:
            self._settle(row, MoneyStatus.VOIDED, by)
            self._written.facts.append((HoldVoided.about(row, reason=reason), by, trace))
        return row

    def write(self, also: Sequence[Asked] = ()) -> None:
        """Write what passed, and `also`, in one round trip. RuntimeError, and nothing may be committed, unless every window and
        every hold moved: then something stood otherwise than it was read under its lock."""
        said, asked, expected = self._written, [], []
        if said.moves:
            asked.append(booking.moving(said.moves, self._at))
            expected.append(len(said.moves))
        if said.settled:
            asked.append(booking.settling(said.settled))
            expected.append(len(said.settled))
        if said.new:
            asked.append(booking.inserting(said.new))
        if said.facts:
            asked.append(eventlog.telling(said.facts))
        moved = [len(rows) for rows in prepared.ask_all([*asked, *also])[: len(expected)]] if asked else []
        if moved != expected:
            raise RuntimeError(f"of windows and holds {expected} should have moved, {moved} did; nothing was changed")

    def _books_of(self, place: Place) -> Books | None:
        """None while a window is missing or its limit is to be copied anew, and where an hour is to be counted."""
        scopes = place.scopes
        theirs = tuple(n for n, budget in enumerate(self._budgets) if (budget.scope, budget.scope_id) in scopes)
        if theirs not in self._books:
            self._books[theirs] = self._open([self._budgets[n] for n in theirs])
        return self._books[theirs]

    def _open(self, budgets: list[BudgetConfig]) -> Books | None:
        known = {budget.pk for budget in budgets}
        theirs = [w for w in self._windows.values() if w.budget_id in known and self._is_of_now(w)]
        acting = {budget_id: row for budget_id, row in self._rules.items() if budget_id in known}
        if len(theirs) != len(budgets) * len(KINDS) or any(w.limit_until and w.limit_until <= self._at for w in theirs):
            return None
        if any(row.parsed.velocity != Velocity() for row in acting.values()):
            return None
        return Books(budgets, theirs, self._periods, acting, self._raises)

    def _is_of_now(self, window: SpendWindow) -> bool:
        """Other periods' windows are here for what was held in them."""
        return any(window.kind == period.kind and window.starts_on == period.starts_on for period in self._periods)

    def _in_time(self, at: datetime) -> bool:
        """Midnight did not pass since the windows were named."""
        return all(p.starts_at is None or p.ends_at is None or p.starts_at <= at < p.ends_at for p in self._periods)

    def _denied(self, row: Transaction, refusal: Refusal, by: Actor, trace: str) -> Outcome:
        self._written.facts.append((fill_denied(row, refusal, by), by, trace))
        self._written.new.append(row)
        return Outcome(row, refusal)

    def _held(self, transaction_id: UUID, lease_token: UUID) -> Transaction | None:
        row = self._holds.get(transaction_id)
        if row is None or row.status != MoneyStatus.HELD or row.keeper != Keeper.LEASE:
            return None
        return row if row.lease_token == lease_token and row.metered_usd is None else None

    def _settle(self, row: Transaction, to: MoneyStatus, by: Actor) -> None:
        row.status, row.version, row.settled_at, row.changed_by = to, row.version + 1, clock.now(), str(by)
        row.keeper = row.lease_token = row.resume_deadline = None
        captured = row.captured_usd or ZERO
        for window_id in row.windows:
            self._written.move(window_id, held=-row.amount_usd, captured=captured)
            window = self._windows[window_id]
            window.held_usd, window.captured_usd = window.held_usd - row.amount_usd, window.captured_usd + captured
        self._written.settled.append(row)


def _is_purchase(purchase: Purchase) -> bool:
    try:
        check(purchase)
    except Refused:
        return False
    return True
