"""What a drill is made of: who spends how much from which budgets, and what breaks when."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from chimera.management.drill.calendar import Moment, hard_moments

ZONE = "Europe/Lisbon"  # its clocks change twice a year
THREADS = 2  # of one process, each with a connection; more of them would mostly wait for one another
TASKS = 2  # that a thread holds at once
TOGETHER_MAX = 8  # spends, captures and voids that a thread asks for at once
LEASE_SECONDS = 10  # what a killed process held is free again after this
PAUSE_SECONDS = 0.1  # where there is nothing to claim, or somebody else is at the same thing
ASSETS = ("USD", "USDC")  # before the switch and after it
LEAST_USD, MOST_USD = Decimal("0.10"), Decimal("1.00")  # of one hold
SAMPLES_PER_SECOND = 2  # that the verdict asks for
# Limits as shares of what all processes together would hold if nothing stopped them: each of them refuses now and then.
DAY, MONTH, SESSIONS = Decimal("0.12"), Decimal("0.14"), (Decimal("0.08"), Decimal("0.06"))
STEPS = 12  # the drill's time is cut into so many parts, and something happens in most of them
PATIENCE = 6  # a slow machine has so many times as long for a step, until enough was decided in it


@dataclass(frozen=True, slots=True)
class Act:
    """At `second` of the drill, `what` happens; a leap takes the clock to shortly before `moment`."""

    second: float
    what: str  # kill, flush, restart, leap, switch
    moment: Moment | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    processes: int
    holds: int
    seconds: float
    naive: bool

    @property
    def demand_usd(self) -> Decimal:
        return self.processes * self.holds * (LEAST_USD + MOST_USD) / 2

    def limit_usd(self, share: Decimal) -> Decimal:
        return (self.demand_usd * share).quantize(Decimal("0.01"))

    @property
    def step_seconds(self) -> float:
        """How long after a leap its moment comes, where the machine is quick."""
        return self.seconds / STEPS

    @property
    def samples_least(self) -> int:
        return int(self.seconds * SAMPLES_PER_SECOND)

    @property
    def decisions_least(self) -> int:
        return self.processes * self.holds

    @property
    def decisions_per_step(self) -> int:
        return self.decisions_least // STEPS

    @property
    def tasks(self) -> int:
        """Half as many again: those of a killed process come back only when their leases lapse."""
        return self.processes * THREADS * TASKS * 3 // 2

    def acts(self, now: datetime) -> Iterator[Act]:
        """In order of time. After a leap every lease is over, and the time to its moment is for those who start anew."""
        first, second, third, fourth = hard_moments(ZONE, now)
        script = [
            (0.5, "kill", None),
            (1.0, "flush", None),
            (2.0, "restart", None),
            (3.0, "leap", first),
            (4.5, "kill", None),
            (5.0, "leap", second),
            (6.5, "switch", None),
            (7.0, "leap", third),
            (8.5, "kill", None),
            (9.0, "leap", fourth),
            (10.5, "flush", None),
        ]
        for step, what, moment in script:
            yield Act(step * self.seconds / STEPS, what, moment)
