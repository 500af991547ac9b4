"""A planner's reach over what its schedules made, and how long what came of their times is kept."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, connection

from chimera import housekeeping
from chimera.kernel import tenancy
from chimera.kernel.actors import SYSTEM
from swarm.actions import agents, schedule_runs
from swarm.models import ScheduleRun
from tests.cast import Caller, Stage
from tests.swarm.schedule_world import Board, after, board_of

Settle = Callable[[], None]


@pytest.fixture
def board(acme: Stage, settle: Settle) -> Board:
    return board_of(acme, settle)


@pytest.fixture
def pete(acme: Stage) -> Caller:
    """Another planner."""
    with acme.bound():
        agent, key = agents.register(
            name="pete", role="planner", capabilities=[], tools_config={}, max_slots=1, by=SYSTEM
        )
    return Caller(key, id=str(agent.pk), name="pete")


def made(board: Board, **more: Any) -> str:
    """The task of a run by the clock."""
    board.make(**more)
    board.tick(after(hours=1))
    return str(board.tasks()[-1].pk)


def test_a_planner_cancels_what_its_schedule_made_and_others_do_not(acme: Stage, pete: Caller, board: Board) -> None:
    task = made(board, by=acme.pia)
    pete.post(f"tasks/{task}/cancel").refused(403, "not_yours")
    assert acme.pia.post(f"tasks/{task}/cancel").ok()["status"] == "cancelled"


def test_a_planner_does_not_cancel_what_a_persons_schedule_made(acme: Stage, board: Board) -> None:
    task = made(board, by=acme.otto)
    acme.pia.post(f"tasks/{task}/cancel").refused(403, "not_yours")
    assert acme.otto.post(f"tasks/{task}/cancel").ok()["status"] == "cancelled"


def test_a_bulk_cancel_reaches_what_the_planners_schedules_made(acme: Stage, pete: Caller, board: Board) -> None:
    made(board, by=acme.pia, overlap="skip")
    made(board, by=acme.otto)
    said = [who.post("tasks/cancel", {"filter": {"type": "report"}}).ok()["changed"] for who in (pete, acme.pia)]
    assert said == [0, 1]
    assert sorted(board.statuses()) == ["cancelled", "pending"]


# ------------------------------------------------------------------ upkeep


def aged(board: Board, number: int, *, days: int) -> str:
    """A schedule of Acme's with so many runs, an hour apart, the newest so many days old; and one that waits."""
    schedule = str(board.make(overlap="queue")["id"])
    sql = """
        INSERT INTO swarm_schedulerun (id, tenant_id, schedule_id, fire_at, status, reason, detail, asked_by, created_at, version)
        SELECT uuidv7(make_interval(days => -%(days)s) - make_interval(hours => n)), %(tenant)s, %(schedule)s,
               now() - make_interval(days => %(days)s, hours => n), CASE WHEN n = %(number)s THEN 'waiting' ELSE 'skipped' END,
               'overlap', '', '', now() - make_interval(days => %(days)s, hours => n), 1
        FROM generate_series(1, %(number)s) n
    """
    asked: dict[str, Any] = {"days": days, "number": number, "tenant": board.acme.tenant_id, "schedule": schedule}
    with board.acme.bound(), connection.cursor() as cursor:
        cursor.execute(sql, asked)
    return schedule


def left(board: Board, schedule: str) -> list[str]:
    with board.acme.bound():
        return list(ScheduleRun.objects.filter(schedule_id=schedule).order_by("-pk").values_list("status", flat=True))


def test_runs_are_kept_for_ninety_days_and_the_newest_of_each_schedule_for_ever(board: Board, settings: Any) -> None:
    settings.SCHEDULE_RUNS_KEPT_LEAST = 3
    old, young = aged(board, 12, days=91), aged(board, 12, days=1)
    housekeeping.sweep_schedule_runs(0)
    assert left(board, old) == ["skipped"] * 3 + ["waiting"]
    assert len(left(board, young)) == 12


def test_the_database_itself_keeps_what_is_young_or_waits_and_the_application_deletes_none(board: Board) -> None:
    young, old = aged(board, 5, days=1), aged(board, 5, days=91)
    for what in (f"schedule_id = '{young}'", f"schedule_id = '{old}' AND status = 'waiting'"):
        with pytest.raises(IntegrityError, match="thirty days"), tenancy.system(), connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM swarm_schedulerun WHERE {what}")
    with pytest.raises(ProgrammingError, match="permission denied"), board.acme.bound():
        ScheduleRun.objects.filter(schedule_id=old)._raw_delete("default")
    assert (len(left(board, young)), len(left(board, old))) == (5, 5)


def test_a_schedule_with_few_runs_keeps_them_all(board: Board) -> None:
    schedule = aged(board, 100, days=400)
    housekeeping.sweep_schedule_runs(0)
    assert len(left(board, schedule)) == 100


def test_the_sweep_goes_on_slice_by_slice_until_nothing_is_left(
    board: Board, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SCHEDULE_RUNS_KEPT_LEAST = 1
    monkeypatch.setattr(schedule_runs, "SWEPT_MAX", 4)
    schedules = [aged(board, 7, days=91), aged(board, 7, days=91)]
    housekeeping.sweep_schedule_runs(0)
    assert [left(board, schedule) for schedule in schedules] == [["skipped", "waiting"]] * 2
