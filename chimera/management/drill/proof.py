"""What a drill has shown, check by check, and its exit code."""

from dataclasses import dataclass, field

from chimera.kernel.http.parsing import money_text
from chimera.management.drill.calendar import ORDINARY
from chimera.management.drill.plan import ASSETS, Plan
from chimera.management.drill.tally import Counts, Crossing, Period
from chimera.management.drill.watch import THEY_DIFFER, Seen

HELD, BROKEN, UNPROVEN = 0, 1, 2  # exit codes


@dataclass(frozen=True, slots=True)
class Event:
    """`second` of the drill; `clock` is the time that its processes had, `what` a sentence."""

    second: float
    clock: str
    what: str


@dataclass(frozen=True, slots=True)
class Check:
    what: str
    passed: bool
    detail: str


@dataclass
class Result:
    plan: Plan
    events: list[Event]
    seen: Seen
    counts: Counts
    assets: dict[str, int]
    crossings: list[Crossing]
    periods: list[Period]
    killed: int
    left_open: (
        int | None
    )  # holds, after every process was killed and its leases were over; the control's are not waited for
    reconciled: int | None  # exit code; the control's books are not asked
    reconciled_said: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def checks(self) -> list[Check]:
        """The control is asked for the limits alone, and ends with the first overshoot."""
        return (
            _limits(self) if self.plan.naive else [*_limits(self), *_enough(self), *_happened(self), *_afterwards(self)]
        )

    @property
    def code(self) -> int:
        """The control (naive) is to break a limit, and ends with BROKEN when it does; books that differ are no proof that it can see."""
        if self.seen.overshoot_usd > 0 or (self.seen.broken and not self.plan.naive):
            return BROKEN
        return HELD if not self.plan.naive and all(check.passed for check in self.checks) else UNPROVEN

    @property
    def verdict(self) -> str:
        over, samples = money_text(self.seen.overshoot_usd), self.seen.samples
        match self.code, self.plan.naive:
            case 1, True:
                return f"The control overshot by {over} USD, and {self.seen.broken} of {samples} samples saw it: the drill can see."
            case 1, False if not self.seen.overshoot_usd:
                return f"THE BOOKS WERE BROKEN: in {self.seen.broken} of {samples} samples windows and ledger differed."
            case 1, False:
                return f"A LIMIT WAS BROKEN, by {over} USD."
            case 0, _:
                return f"Not one of {samples} samples saw more than a limit permits."
            case _, True:
                return "The control overshot nothing: this drill was blind, and proves nothing."
            case _:
                return "No limit was broken, but the drill did not do all that it is to do: it proves nothing."


def _limits(result: Result) -> list[Check]:
    seen = result.seen
    return [
        Check("held + captured ≤ limit, in every sample", seen.overshoot_usd == 0, f"overshoot {money_text(seen.overshoot_usd)} USD"),
        Check(
            "windows and ledger say the same, in every sample",
            not any(breach.by == THEY_DIFFER for breach in seen.breaches),
            f"{seen.samples} samples, the longest pause between two {seen.longest_gap_seconds:.2f} s",
        ),
    ]  # fmt: skip


def _enough(result: Result) -> list[Check]:
    plan, counts = result.plan, result.counts
    return [
        Check("enough samples", result.seen.samples >= plan.samples_least, f"{result.seen.samples} of {plan.samples_least}"),
        Check("enough decisions", counts.decisions >= plan.decisions_least, f"{counts.decisions} of {plan.decisions_least}"),
        Check("spends were granted and refused", min(counts.granted, counts.denied) > 0, f"{counts.granted} and {counts.denied}"),
        Check("every process spent", counts.agents == plan.processes, f"{counts.agents} of {plan.processes}"),
    ]  # fmt: skip


def _happened(result: Result) -> list[Check]:
    checks = [Check("processes were killed", result.killed > 0, f"{result.killed}, and all of them at the end")]
    for crossing in result.crossings:
        detail = (
            f"{crossing.before} holds before, {crossing.after} after, {crossing.across} made before and settled after"
        )
        checks.append(Check(f"{crossing.moment.name} was crossed while spending", crossing.happened, detail))
    odd = [day for day in result.periods if day.kind == "day" and day.hours != ORDINARY.total_seconds() / 3600]
    lengths = ", ".join(f"{day.starts_on} had {day.hours} hours, {day.transactions} spends" for day in odd)
    checks.append(Check("a day of another length was spent from", bool(odd), lengths or "none"))
    spent = ", ".join(f"{number} {asset}" for asset, number in sorted(result.assets.items()))
    checks.append(Check("both assets were spent", set(ASSETS) <= set(result.assets), spent))
    return checks


def _afterwards(result: Result) -> list[Check]:
    detail = f"{result.counts.freed} holds of lost leases were freed"
    return [
        Check("no money is stranded", result.left_open == 0, f"{result.left_open} holds left open; {detail}"),
        Check("manage.py reconcile agrees", result.reconciled == 0, (result.reconciled_said or ["nothing said"])[-1]),
    ]
