"""Preview: the last thirty days of a budget under other rules. Reads only, in one pass, and never more than ROWS_MAX rows."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import OuterRef, QuerySet, Subquery

from chimera.kernel import clock, ids
from commerce.limits import ZERO
from commerce.models import BudgetConfig, Transaction, Transition
from commerce.queries import CLOCK_SLACK
from commerce.replay import ASKED, PASSED, Past, Replay
from commerce.rules import Rules
from commerce.states import MONEY_COUNTED, MoneyStatus

DAYS = 30
ROWS_MAX = 20_000  # the newest; a busy budget's rules show what they do long before
AT_ONCE = 1_000  # rows that are fetched together


@dataclass(frozen=True, slots=True)
class Preview:
    """`since` is where it began: thirty days ago, or later where there are more than ROWS_MAX (`complete` is False)."""

    since: datetime
    looked_at: int
    complete: bool
    replay: Replay


def preview(*, budget: BudgetConfig, rules: Rules) -> Preview:
    since = clock.now() - timedelta(days=DAYS)
    rows = Transaction.objects.asked_of(budget).filter(
        pk__gte=ids.first_of(since), pk__lt=ids.first_of(clock.now() + CLOCK_SLACK)
    )
    newest = rows.order_by("-pk").values_list("pk", flat=True)
    first_left_out = newest[ROWS_MAX : ROWS_MAX + 1].first()
    if first_left_out is not None:
        rows, since = rows.filter(pk__gt=first_left_out), ids.time_of(first_left_out)
    replay = Replay(rules, budget.approval_threshold_usd)
    looked_at = 0
    for row in _with_beginnings(rows).order_by("pk").iterator(chunk_size=AT_ONCE):
        replay.add(_past(row, budget))
        looked_at += 1
    return Preview(since, looked_at, first_left_out is None, replay)


def _with_beginnings(rows: QuerySet[Transaction]) -> QuerySet[Transaction]:
    """What became of each at once: its first transition."""
    first = Transition.objects.filter(transaction_id=OuterRef("pk"), version=1).values("to_status")[:1]
    return rows.annotate(began=Subquery(first)).defer("metadata", "denied_reason")


def _past(row: Transaction, budget: BudgetConfig) -> Past:
    counts = row.captured_usd if row.status == MoneyStatus.CAPTURED else row.amount_usd
    began = {MoneyStatus.HELD: PASSED, MoneyStatus.REVIEW: ASKED}
    return Past(
        id=row.pk,
        at=row.created_at,
        amount_usd=row.amount_usd,
        counts_usd=(counts or ZERO) if row.status in MONEY_COUNTED else ZERO,
        payee=row.payee,
        category=row.category,
        asset_symbol=row.asset_symbol,
        was=began.get(row.began, row.denied_code),  # type: ignore[attr-defined]
        ours=row.budgets[0] == budget.pk,
    )
