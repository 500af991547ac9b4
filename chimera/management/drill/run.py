"""A drill from beginning to end: start the house, let it spend, break things on time, look on, and add up."""

import time
from collections.abc import Callable
from pathlib import Path

from chimera.management.drill.house import DrillFailed, House
from chimera.management.drill.plan import ASSETS, LEASE_SECONDS, Act, Plan
from chimera.management.drill.proof import Event, Result
from chimera.management.drill.tally import Counts, Tally
from chimera.management.drill.watch import Seen, Watch

TICK_SECONDS = 0.1
COUNT_SECONDS = 1.0
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
        self._began = self._counted = 0.0

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
            self._note(self._do(act))
        self._wait(self.plan.seconds)
        seconds = self.seconds
        self._note("every process is killed at once")
        self.house.stop_spending()
        left_open = self._freed()
        self._watch.stop()
        self._watch.check()
        reconciled, said = self.house.reconcile()
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

    def _do(self, act: Act) -> str:
        match act.what:
            case "kill":
                return self.house.kill()
            case "flush":
                return self.house.flush()
            case "restart":
                return self.house.restart()
            case "switch":
                return self.house.switch(ASSETS[1])
            case "leap":
                assert act.moment is not None
                lead = self.plan.lead_seconds
                return f"{self.house.leap(act.moment.at, lead)}, {lead:.0f} s before {act.moment.name}"
            case _:
                raise ValueError(act.what)

    def _freed(self) -> int:
        """How many holds stay open, though nobody is left to settle them."""
        deadline = time.monotonic() + FREED_SECONDS
        while (left := self._tally.counts().open) and time.monotonic() < deadline:
            self._tick()
        return left

    def _wait(self, second: float) -> None:
        while self.seconds < second:
            self._tick()

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
        if time.monotonic() - self._counted >= COUNT_SECONDS:
            self._counted = time.monotonic()
            self._show(self, self._tally.counts(), self._watch.seen)
        time.sleep(TICK_SECONDS)

    def _note(self, what: str) -> None:
        at = self.house.now().isoformat(timespec="seconds")
        self.events.append(Event(round(self.seconds, 1), at, what))
        self._say(what)
