"""Replay: what transactions that were would have become under other rules. Pure; rows go through, figures stay.

It judges by this budget's rules and threshold alone. What was refused for another reason (a limit, another budget, a budget
switched off) stays refused; a limit is not asked anew for what a rule refused then and would let pass now. Velocity counts what
went before in the replay, with what became of it in the end.
"""

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from commerce.limits import ZERO
from commerce.rules import Rules, broken, strictest
from commerce.states import DeniedCode

HOUR = timedelta(hours=1)
PASSED, ASKED = "passed", "review"  # what became of it at once; else the code of its refusal
BY_RULE = frozenset(
    {DeniedCode.PAYEE_DENIED, DeniedCode.CATEGORY_DENIED, DeniedCode.ASSET_DENIED, DeniedCode.VELOCITY_EXCEEDED}
)
DIFFERENCES_MAX = 50


@dataclass(frozen=True, slots=True)
class Past:
    """A transaction as it was asked for. `was` is PASSED, ASKED or a code; `counts_usd` what it counts for today.

    `ours` says that this budget decided it: another's refusal or question stays.
    """

    id: UUID
    at: datetime
    amount_usd: Decimal
    counts_usd: Decimal
    payee: str
    category: str
    asset_symbol: str
    was: str
    ours: bool


@dataclass(frozen=True, slots=True)
class Difference:
    past: Past
    would_be: str
    rule: str  # the place of the rule, or "" where none refuses any more


@dataclass(slots=True)
class Figures:
    count: int = 0
    amount_usd: Decimal = ZERO


@dataclass
class Replay:
    """Feed it the oldest first."""

    rules: Rules
    threshold_usd: Decimal | None
    outcomes: dict[tuple[str, str], Figures] = field(default_factory=lambda: defaultdict(Figures))
    by_rule: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)  # the first DIFFERENCES_MAX
    _hour: deque[tuple[datetime, Decimal]] = field(default_factory=deque)
    _hour_usd: Decimal = ZERO

    def add(self, past: Past) -> None:
        would_be, rule = self._judge(past)
        figures = self.outcomes[past.was, would_be]
        figures.count += 1
        figures.amount_usd += past.amount_usd
        if rule:
            self.by_rule[rule] += 1
        if would_be != past.was and len(self.differences) < DIFFERENCES_MAX:
            self.differences.append(Difference(past, would_be, rule))
        if would_be in (PASSED, ASKED) and past.counts_usd:
            self._hour.append((past.at, past.counts_usd))
            self._hour_usd += past.counts_usd

    def _judge(self, past: Past) -> tuple[str, str]:
        found = broken(self.rules, payee=past.payee, category=past.category, asset=past.asset_symbol)
        if past.was not in (PASSED, ASKED) and not (past.was in BY_RULE and past.ours):
            return past.was, ""
        if found is not None:
            return found.code, found.rule
        if rule := self._too_fast(past):
            return DeniedCode.VELOCITY_EXCEEDED, rule
        asks = strictest(self.rules, self.threshold_usd, past.amount_usd)
        if asks is not None or (past.was == ASKED and not past.ours):
            return ASKED, ""
        return PASSED, ""

    def _too_fast(self, past: Past) -> str:
        while self._hour and self._hour[0][0] <= past.at - HOUR:
            self._hour_usd -= self._hour.popleft()[1]
        velocity = self.rules.velocity
        if velocity.count_per_hour is not None and len(self._hour) >= velocity.count_per_hour:
            return "velocity.count_per_hour"
        most = velocity.amount_usd_per_hour
        if most is not None and self._hour_usd + past.amount_usd > most:
            return "velocity.amount_usd_per_hour"
        return ""
