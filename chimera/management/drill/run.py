"""A drill from beginning to end: start the house, let it spend, break things on time, look on, and add up."""

import time
from collections.abc import Callable
from pathlib import Path

from chimera.management.drill.house import DrillFailed, House
from chimera.management.drill.plan import ASSETS, LEASE_SECONDS, PATIENCE, Act, Plan
from chimera.management.drill.proof import Event, Result
from chimera.management.drill.tally import Counts, Tally
from chimera.management.drill.watch import Seen, Watch

TICK_SECONDS = 0.2
SHOW_SECONDS = 1.0
READY_SECONDS = 180.0  # until every process has spent once
FREED_SECONDS = LEASE_SECONDS * 5.0  # until the house has freed what the killed left behind


class Run:
    """`say` gets a sentence now and then, `show` the state once a second."""

    def __init__(
        self, plan: Plan, base: Path, *, say: Callable[[str], None], show: Callable[["Run", Counts, Seen], None]
    ) -> None:
        self.plan, self.house = plan, House(plan, base)
        self.events: list[Event] = []
        self._say, self._show = say, show
        self._began = self._shown = 0.0
        self._late = 0.0  # by how much this machine is behind the plan
        self._recovery = 0.0  # how long it took, at worst, until they spent again after a leap
        self._decided = 0  # until the last act

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def run(self) -> Result:
        """DrillFailed when it could not be run; the house is taken down in any case."""
        try:
            self.house.start(self._say)
            self._tally = Tally(self.house.postgres.urls.owner)
            self._watch = Watch(self.house.postgres.urls.owner)
            try:
                return self._run()
            finally:
                self._watch.stop()
                self._tally.close()
        finally:
            self.house.stop()

    def _run(self) -> Result:
        if self.plan.naive:
            self._tally.switch_rule_off()
        self._until(lambda: self._tally.counts().agents == self.plan.processes, READY_SECONDS, "every process spends")
        self._began = time.monotonic()
        self._watch.start()
        acts = list(self.plan.acts(self.house.now()))
        for act in acts:
            self._wait(act.second)
            if not self._is_over():
                self._do(act)
        self._wait(self.plan.seconds)
        seconds = self.seconds
        self._note("every process is killed at once")
        self.house.stop_spending()
        left_open = None if self.plan.naive else self._freed()
        self._watch.stop()
        self._watch.check()
        reconciled, said = (None, []) if self.plan.naive else self.house.reconcile()
        return Result(
            plan=self.plan,
            events=self.events,
            seen=self._watch.seen,
            counts=self._tally.counts(),
            assets=self._tally.assets(),
            crossings=[self._tally.crossing(act.moment) for act in acts if act.moment],
            periods=self._tally.periods(),
            killed=self.house.killed,
            left_open=left_open,
            reconciled=reconciled,
            reconciled_said=said,
            seconds=round(seconds, 1),
        )

    def _is_over(self) -> bool:
        """The control has shown what it is for as soon as somebody has seen it overshoot."""
        return self.plan.naive and self._watch.seen.overshot

    def _do(self, act: Act) -> None:
        match act.what:
            case "kill":
                self._note(self.house.kill())
            case "flush":
                self._note(self.house.flush())
            case "restart":
                self._note(self.house.restart())
            case "switch":
                self._note(self.house.switch(ASSETS[1]))
            case "leap":
                self._leap(act)
            case _:
                raise ValueError(act.what)

    def _leap(self, act: Act) -> None:
        """To so long before the moment that all who lost their leases by it spend again when it comes."""
        assert act.moment is not None
        lead = max(self.plan.step_seconds, 2 * self._recovery)
        self._late += lead - self.plan.step_seconds
        self._note(f"{self.house.leap(act.moment.at, lead)}, {lead:.0f} s before {act.moment.name}")
        began, granted = self.seconds, self._tally.counts().granted
        while self._tally.counts().granted < granted + self.plan.processes and self.seconds < began + lead:
            self._tick()
        self._recovery = max(self._recovery, self.seconds - began)

    def _freed(self) -> int:
        """How many holds stay open, though nobody is left to settle them."""
        deadline = time.monotonic() + FREED_SECONDS
        while (left := self._tally.counts().open) and time.monotonic() < deadline:
            self._tick()
        return left

    def _wait(self, second: float) -> None:
        """Until that second of the plan, and longer where the machine is slow: in each step something is decided."""
        due = second + self._late
        patience = due + (PATIENCE - 1) * self.plan.step_seconds
        decided = self._decided + self.plan.decisions_per_step
        while self.seconds < due or (self._tally.counts().decisions < decided and self.seconds < patience):
            if self._is_over():
                return
            self._tick()
        self._late += max(0.0, self.seconds - due - TICK_SECONDS)
        self._decided = self._tally.counts().decisions

    def _until(self, ask: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not ask():
            self.house.tend()
            if time.monotonic() > deadline:
                raise DrillFailed(f"after {seconds:.0f} s it was not so far that {what}")
            time.sleep(TICK_SECONDS)

    def _tick(self) -> None:
        self.house.tend()
        self._watch.check()
        if time.monotonic() - self._shown >= SHOW_SECONDS:
            self._shown = time.monotonic()
            self._show(self, self._tally.counts(), self._watch.seen)
        time.sleep(TICK_SECONDS)

    def _note(self, what: str) -> None:
        at = self.house.now().isoformat(timespec="seconds")
        self.events.append(Event(round(self.seconds, 1), at, what))
        self._say(what)
