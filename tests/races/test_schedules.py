"""Two relays' clocks, a person who runs it now, and processes that die: each time makes one task."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection
from django.db.models import F

from chimera.flows import run_schedules
from chimera.kernel import advisory, clock, tenancy
from swarm.actions import schedules, tasks
from swarm.models import Schedule, ScheduleRun, Task
from tests import cluster
from tests.cast import Stage
from tests.races.dying import at_every_line
from tests.races.threads import InBackground, at_once, held_after, wait_for_waiters
from tests.swarm.schedule_world import Board, after, board_of

Settle = Callable[[], None]


@pytest.fixture
def board(acme: Stage, settle: Settle) -> Board:
    return board_of(acme, settle)


@pytest.fixture
def schedule(board: Board) -> dict[str, Any]:
    """One that has run before, so that its session is there, and whose next time has come."""
    made = board.make(overlap="skip")
    board.tick(after(hours=1))
    board.finish(after(hours=1, minutes=1))
    return made


# ------------------------------------------------------------------ two clocks


def both(monkeypatch: pytest.MonkeyPatch, *, waits: bool) -> list[Any]:
    """Two relays come by at the same time: the first is held right after it made its task."""
    with clock.held(after(hours=2)), held_after(monkeypatch, run_schedules, "create_tasks") as hold:
        first = InBackground(run_schedules.run_schedules)
        hold.wait_reached()
        second = InBackground(run_schedules.run_schedules)
        if waits:
            wait_for_waiters()
        else:
            second.join(60)
        hold.release()
        return [first.answer(), second.answer()]


def test_the_second_clock_waits_and_finds_the_time_used(
    board: Board, schedule: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    both(monkeypatch, waits=True)
    assert board.runs(schedule) == [("13:00", "created", ""), ("14:00", "created", "")]
    assert board.statuses() == ["completed", "pending"]
    assert board.told() == {"created": 1, "fired": 2}


def test_many_clocks_at_once_use_each_time_once(acme: Stage, board: Board) -> None:
    made = [board.make(name=f"number {number}", overlap="replace") for number in range(4)]
    for hour in (1, 2):
        with clock.held(after(hours=hour)):
            at_once([run_schedules.run_schedules] * 4)
    for one in made:
        assert board.runs(one) == [("13:00", "replaced", ""), ("14:00", "created", "")]
    assert Counter(board.statuses()) == {"cancelled": 4, "pending": 4}


@pytest.fixture
def no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for whoever is at the schedule."""
    monkeypatch.setattr(advisory, "hold", lambda name: None)


@pytest.fixture
def no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks whether the schedule changed."""

    def move(row: Schedule, **changes: Any) -> None:
        Schedule.objects.filter(pk=row.pk).update(version=F("version") + 1, **changes)

    monkeypatch.setattr(schedules, "move", move)


@pytest.fixture
def no_unique_time(db: None) -> Iterator[None]:
    """The database takes a time twice."""
    with psycopg.connect(cluster.postgres.urls.superuser, autocommit=True) as there:
        there.execute("ALTER TABLE swarm_schedulerun DROP CONSTRAINT schedule_run_once")
        yield
        there.execute("SET session_replication_role = replica")  # young runs are kept by a trigger
        there.execute("DELETE FROM swarm_schedulerun")
        there.execute("SET session_replication_role = DEFAULT")
        there.execute("ALTER TABLE swarm_schedulerun ADD CONSTRAINT schedule_run_once UNIQUE (schedule_id, fire_at)")


@pytest.mark.usefixtures("no_name", "no_version", "no_unique_time")
def test_with_every_guard_off_a_time_makes_two_tasks(
    board: Board, schedule: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: without this the tests beside it would show nothing."""
    both(monkeypatch, waits=False)
    assert board.runs(schedule)[1:] == [("14:00", "created", ""), ("14:00", "created", "")]
    assert board.statuses() == ["completed", "pending", "pending"]


@pytest.mark.usefixtures("no_name", "no_version")
def test_the_database_alone_takes_a_time_once(
    board: Board, schedule: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sorted(both(monkeypatch, waits=False)) == [0, 1]
    assert board.runs(schedule)[1:] == [("14:00", "created", "")]
    assert board.statuses() == ["completed", "pending"]


@pytest.mark.usefixtures("no_name", "no_unique_time")
def test_the_version_alone_takes_a_time_once(
    board: Board, schedule: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sorted(both(monkeypatch, waits=False)) == [0, 1]
    assert board.statuses() == ["completed", "pending"]


# ------------------------------------------------------------------ others at the same moment


def test_a_person_who_runs_it_now_waits_for_the_clock_and_meets_its_task(
    board: Board, schedule: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with clock.held(after(hours=2)), held_after(monkeypatch, run_schedules, "create_tasks") as hold:
        sweep = InBackground(run_schedules.run_schedules)
        hold.wait_reached()
        person = InBackground(lambda: board.post(schedule, "run"))
        wait_for_waiters()
        hold.release()
        assert sweep.answer() == 1
        said = person.answer().ok(201)
    assert (said["outcome"], said["reason"]) == ("skipped", "overlap")
    assert board.statuses() == ["completed", "pending"]


def test_a_pause_that_waited_for_the_run_keeps_the_next_one_from_coming(
    board: Board, schedule: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with clock.held(after(hours=2)), held_after(monkeypatch, run_schedules, "create_tasks") as hold:
        sweep = InBackground(run_schedules.run_schedules)
        hold.wait_reached()
        pause = InBackground(lambda: board.post(schedule, "pause"))
        wait_for_waiters()
        hold.release()
        sweep.answer()
        assert pause.answer().ok()["status"] == "paused"
    assert board.tick(after(hours=3)) == 0


def test_a_task_that_completes_while_it_is_to_be_replaced_stays_completed(
    acme: Stage, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The schedule saw it open; under its lock it looks again."""
    acme.budget(day_usd="10")
    made = board.make(overlap="replace")
    board.tick(after(hours=1))
    claim = board.claim(after(hours=1))
    with clock.held(after(hours=1)):
        acme.ada.spend(claim, "1").ok(201)
    with clock.held(after(hours=2)), held_after(monkeypatch, tasks, "complete") as hold:
        with acme.bound():  # a lease that holds until then
            Task.objects.filter(pk=claim["task"]["id"]).update(lease_expires_at=after(hours=3))
        result = InBackground(lambda: acme.ada.finish(claim))
        hold.wait_reached()
        sweep = InBackground(run_schedules.run_schedules)
        wait_for_waiters()
        hold.release()
        assert result.answer().ok()["outcome"] == "completed"
        assert sweep.answer() == 1
    assert board.statuses() == ["completed", "pending"]
    assert board.runs(made) == [("13:00", "created", ""), ("14:00", "created", "")]


# ------------------------------------------------------------------ death


@dataclass
class Scene:
    """A schedule whose next turn is due, and what it is to come to."""

    board: Board
    schedule: dict[str, Any]
    transaction: str

    @property
    def id(self) -> UUID:
        return UUID(self.schedule["id"])

    def turn(self) -> None:
        with clock.held(after(hours=2, minutes=10)):
            run_schedules.run_schedules()

    def to_the_end(self) -> None:
        """The clock comes by again, and once more; then the judgement."""
        self.turn()
        self.turn()
        with self.board.acme.bound():
            runs = list(ScheduleRun.objects.filter(schedule_id=self.id).order_by("fire_at"))
            made = Task.objects.filter(metadata__schedule__id=str(self.id)).order_by("pk")
            statuses = [task.status for task in made]
            assert [run.task_id for run in runs] == [task.pk for task in made]
        outcomes = [str(run.status) for run in runs]
        assert (outcomes, statuses) in EXPECTED, (outcomes, statuses)
        if self.transaction:
            assert self.board.acme.fay.get(f"transactions/{self.transaction}").ok()["status"] == "voided"
        assert self._told()["swarm.schedule.fired.v1"] == 2

    def _told(self) -> Counter[str]:
        with tenancy.system(), connection.cursor() as cursor:
            cursor.execute("SELECT type FROM kernel_event WHERE aggregate_id = %s", [self.id])
            return Counter(row[0] for row in cursor.fetchall())


EXPECTED = [
    (["replaced", "created"], ["cancelled", "pending"]),
    (["created", "created"], ["completed", "pending"]),
]


def events() -> int:
    with tenancy.system(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM kernel_event")
        return int(cursor.fetchone()[0])


@pytest.mark.slow
def test_the_clock_dies_while_it_replaces_a_task_that_holds_money(acme: Stage, settle: Settle) -> None:
    acme.budget(day_usd="1000")

    def prepare() -> Scene:
        board = board_of(acme, settle)
        schedule = board.make(overlap="replace")
        board.tick(after(hours=1))
        claim = board.claim(after(hours=1))
        with clock.held(after(hours=1)):
            hold = acme.ada.spend(claim, "1").ok(201)
        return Scene(board, schedule, hold["id"])

    assert at_every_line(prepare, Scene.turn, Scene.to_the_end, mark=events) > 20


@pytest.mark.slow
def test_the_clock_dies_while_it_lets_a_waiting_run_go(acme: Stage, settle: Settle) -> None:
    def prepare() -> Scene:
        board = board_of(acme, settle)
        schedule = board.make(overlap="queue")
        board.tick(after(hours=1))
        board.tick(after(hours=2))
        board.finish(after(hours=2, minutes=5))
        return Scene(board, schedule, "")

    assert at_every_line(prepare, Scene.turn, Scene.to_the_end, mark=events) > 10
