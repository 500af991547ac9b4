"""Following a session's events until nothing moves any more."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from chimera.campaign.calls import Calls
from chimera.campaign.standing import Standing, standing

PAGE = 100
POLL_SECONDS = 0.4
QUIET_SECONDS = 2.0  # without an event before we ask whether all is done; reactions come within one
HINT_SECONDS = 15.0  # without any task claimed before we say that agents are missing


class Ending(Enum):
    SETTLED = "settled"
    STALLED = "stalled"  # tasks wait, and nobody has worked on them for the whole patience


@dataclass
class Follower:
    """Tells each event once, in order, and remembers all of them for the timeline."""

    calls: Calls
    session: str
    tell: Callable[[dict[str, Any], dict[str, dict[str, Any]]], None]  # (event, tasks by id)
    hint: Callable[[str], None]
    patience_seconds: float
    timeline: list[dict[str, Any]] = field(default_factory=list)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    _after: str | None = None
    _hinted: bool = False

    def catch_up(self) -> int:
        """Reads what has happened so far, for the timeline, and tells nothing of it; answers how many events."""
        while self._new():
            pass
        return len(self.timeline)

    def until_settled(self) -> Ending:
        moved = asked = time.monotonic()
        while True:
            if self.step():
                moved = time.monotonic()
                continue
            quiet = time.monotonic() - moved
            if quiet >= QUIET_SECONDS and time.monotonic() - asked >= QUIET_SECONDS:
                asked = time.monotonic()
                if self.standing().settled and not self.step():
                    return Ending.SETTLED
            if quiet >= self.patience_seconds:
                return Ending.STALLED
            if quiet >= HINT_SECONDS:
                self._hint_once()
            time.sleep(POLL_SECONDS)

    def step(self) -> int:
        """Reads and tells what is new; answers how many events that was."""
        events = self._new()
        for event in events:
            self.tell(event, self.tasks)
        return len(events)

    def _new(self) -> list[dict[str, Any]]:
        page = self.calls.get(f"sessions/{self.session}/events", after=self._after, limit=PAGE)
        events: list[dict[str, Any]] = page["results"]
        if any(event.get("task") and event["task"] not in self.tasks for event in events):
            self._read_tasks()
        if events:
            self._after = events[-1]["position"]
        self.timeline += events
        return events

    def standing(self) -> Standing:
        self._read_tasks()
        return standing(self.tasks.values(), self.calls.rows("reviews", status="pending", session=self.session))

    def _read_tasks(self) -> None:
        self.tasks = {task["id"]: task for task in self.calls.rows("tasks", session=self.session)}

    def _hint_once(self) -> None:
        if not self._hinted:
            self._hinted = True
            waiting = sorted({task["role"] for task in self.tasks.values() if task["status"] == "queued"})
            roles = " and ".join(waiting) or "planner, worker and judge"
            self.hint(
                f"Nothing has moved for {HINT_SECONDS:.0f} s. Are agents running? "
                f"python -m examples.agents --role … ({roles})"
            )
