"""Schedules of Acme, made through the API, and a clock that is held where a test wants it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from chimera.flows.run_schedules import run_schedules
from chimera.kernel import clock, tenancy
from swarm.models import Task
from tests.cast import Caller, Said, Stage

# Tomorrow: rows and facts lie in the month of their id, and there are months from the present one on only.
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=1)
TASK = {"type": "report", "input_payload": {"about": "the tide"}, "priority": 70, "metadata": {"desk": "harbour"}}


@dataclass
class Board:
    """A campaign with schedules."""

    acme: Stage
    settle: Callable[[], None]
    campaign: str

    def make(self, *, by: Caller | None = None, at: datetime = NOON, **more: Any) -> dict[str, Any]:
        """Every hour, skip; made a second after the hour unless told."""
        body = {"name": "hourly report", "cron": "0 * * * *", "overlap": "skip", "task": TASK}
        with clock.held(at + timedelta(seconds=1)):
            said = (by or self.acme.otto).post(f"campaigns/{self.campaign}/schedules", body | more)
        return dict(said.ok(201).body)

    def tick(self, at: datetime) -> int:
        """The relay's clock comes by."""
        with clock.held(at):
            return run_schedules()

    def read(self, schedule: dict[str, Any]) -> dict[str, Any]:
        return dict(self.acme.anna.get(f"schedules/{schedule['id']}").ok().body)

    def runs(self, schedule: dict[str, Any]) -> list[tuple[str, str, str]]:
        """(time, outcome, reason), oldest first."""
        found = sorted(self.read(schedule)["runs"], key=lambda run: run["fire_at"])
        return [(run["fire_at"][11:16], run["outcome"], run["reason"]) for run in found]

    def post(self, schedule: dict[str, Any], verb: str, by: Caller | None = None) -> Said:
        return (by or self.acme.otto).post(f"schedules/{schedule['id']}/{verb}")

    def tasks(self) -> list[Task]:
        with self.acme.bound():
            return list(Task.objects.order_by("pk"))

    def statuses(self) -> list[str]:
        return [task.status for task in self.tasks()]

    def claim(self, at: datetime) -> dict[str, Any]:
        with clock.held(at):
            self.settle()
            (claim,) = self.acme.ada.claim()
        return claim

    def finish(self, at: datetime) -> None:
        """Ada does what is queued first."""
        claim = self.claim(at)
        with clock.held(at):
            self.acme.ada.finish(claim).ok()

    def told(self) -> Counter[str]:
        """How often each fact about schedules was told."""
        with tenancy.system(), connection.cursor() as cursor:
            cursor.execute("SELECT type FROM kernel_event WHERE type LIKE 'swarm.schedule.%%'")
            return Counter(row[0].removeprefix("swarm.schedule.").removesuffix(".v1") for row in cursor.fetchall())


def board_of(acme: Stage, settle: Callable[[], None]) -> Board:
    campaign = acme.otto.post("campaigns", {"name": "Harbour", "goal": "Fill the baths"}).ok(201)
    return Board(acme, settle, campaign["id"])


def moment(hours: float) -> str:
    """So long after noon, as the API writes it."""
    return (NOON + timedelta(hours=hours)).isoformat().replace("+00:00", "Z")


def after(hours: float = 0, minutes: float = 0, seconds: float = 1) -> datetime:
    """So long after noon, and a second."""
    return NOON + timedelta(hours=hours, minutes=minutes, seconds=seconds)
