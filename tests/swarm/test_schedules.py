"""Each time of a schedule makes a task, waits, replaces or is left out, as its rule says, and says what came of it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from chimera.flows import run_schedules
from chimera.kernel import clock
from chimera.kernel.errors import conflict
from swarm.models import Schedule
from tests.cast import Stage
from tests.swarm.schedule_world import NOON, TASK, Board, after, board_of, moment

Settle = Callable[[], None]


@pytest.fixture
def board(acme: Stage, settle: Settle) -> Board:
    return board_of(acme, settle)


def test_a_time_that_has_come_makes_its_task_in_a_session_of_the_campaign(acme: Stage, board: Board) -> None:
    schedule = board.make()
    assert (schedule["next_run_at"], schedule["time_zone"], schedule["session"]) == (moment(1), "Europe/Lisbon", None)
    assert board.tick(after(minutes=59)) == 0
    assert board.tick(after(hours=1)) == 1
    (task,) = board.tasks()
    assert (task.type, task.priority, task.input_payload) == ("report", 70, {"about": "the tide"})
    assert task.metadata == {
        "desk": "harbour",
        "schedule": {"id": schedule["id"], "fire_at": (NOON + timedelta(hours=1)).isoformat()},
    }
    assert task.created_by == f"system:schedule:{schedule['id']}"
    session = acme.anna.get(f"sessions/{task.session_id}").ok()
    assert (session["campaign"], session["name"], session["status"]) == (board.campaign, "hourly report", "running")
    seen = board.read(schedule)
    assert (seen["session"], seen["current_task"], seen["next_run_at"]) == (session["id"], str(task.pk), moment(2))
    (run,) = seen["runs"]
    assert (run["outcome"], run["task"], run["asked_by"]) == ("created", str(task.pk), "")
    assert acme.anna.get(f"campaigns/{board.campaign}").ok()["status"] == "active"


def test_a_time_is_used_once_however_often_the_clock_comes_by(board: Board) -> None:
    schedule = board.make()
    assert [board.tick(after(hours=1)) for _ in range(3)] == [1, 0, 0]
    assert board.runs(schedule) == [("13:00", "created", "")]
    assert board.told() == {"created": 1, "fired": 1}


def test_runs_share_a_session_until_it_ends_and_then_get_another(acme: Stage, board: Board) -> None:
    schedule = board.make()
    for hour in (1, 2):
        board.tick(after(hours=hour))
        board.finish(after(hours=hour, minutes=5))
    first = board.read(schedule)["session"]
    acme.otto.post(f"sessions/{first}/complete").ok()
    board.tick(after(hours=3))
    assert [str(task.session_id) == first for task in board.tasks()] == [True, True, False]
    assert board.runs(schedule) == [("13:00", "created", ""), ("14:00", "created", ""), ("15:00", "created", "")]


# ------------------------------------------------------------------ overlap


def test_skip_leaves_a_time_out_while_the_task_before_is_open_and_says_so(board: Board) -> None:
    schedule = board.make(overlap="skip")
    board.tick(after(hours=1))
    board.tick(after(hours=2))
    board.finish(after(hours=2, minutes=5))
    board.tick(after(hours=3))
    assert board.runs(schedule) == [
        ("13:00", "created", ""),
        ("14:00", "skipped", "overlap"),
        ("15:00", "created", ""),
    ]
    assert board.told() == {"created": 1, "fired": 2, "skipped": 1}


@pytest.mark.parametrize("ending", ["completed", "failed", "cancelled"])
def test_queue_waits_for_the_task_before_to_end_in_any_way(acme: Stage, board: Board, ending: str) -> None:
    schedule = board.make(overlap="queue", task=TASK | {"max_attempts": 1})
    board.tick(after(hours=1))
    board.tick(after(hours=2))
    assert board.runs(schedule) == [("13:00", "created", ""), ("14:00", "waiting", "")]
    assert board.tick(after(hours=2, minutes=1)) == 0
    (task,) = board.tasks()
    if ending == "cancelled":
        acme.otto.post(f"tasks/{task.pk}/cancel").ok()
    elif ending == "completed":
        board.finish(after(hours=2, minutes=5))
    else:
        claim = board.claim(after(hours=2, minutes=5))
        error = {"code": "unreadable", "message": "a scanned picture", "retryable": False}
        said = {"lease_token": claim["lease_token"], "status": "failed", "error": error}
        with clock.held(after(hours=2, minutes=5)):
            acme.ada.post(f"tasks/{task.pk}/result", said).ok()
    assert board.tick(after(hours=2, minutes=6)) == 1
    assert board.runs(schedule) == [("13:00", "created", ""), ("14:00", "created", "")]
    assert board.statuses() == [ending, "pending"]
    assert board.tasks()[1].metadata["schedule"]["fire_at"] == (NOON + timedelta(hours=2)).isoformat()
    assert board.told() == {"created": 1, "fired": 2, "queued": 1}


def test_one_run_waits_at_most_and_the_next_is_skipped(board: Board) -> None:
    schedule = board.make(overlap="queue")
    for hour in (1, 2, 3):
        board.tick(after(hours=hour))
    assert board.runs(schedule) == [
        ("13:00", "created", ""),
        ("14:00", "waiting", ""),
        ("15:00", "skipped", "overlap"),
    ]


def test_a_time_that_comes_as_the_way_gets_free_waits_behind_the_one_that_waited(board: Board) -> None:
    schedule = board.make(overlap="queue")
    board.tick(after(hours=1))
    board.tick(after(hours=2))
    board.finish(after(hours=2, minutes=5))
    with board.acme.bound(), clock.held(after(hours=3)):
        run_schedules.fire_due(UUID(schedule["id"]))
    assert board.runs(schedule) == [("13:00", "created", ""), ("14:00", "created", ""), ("15:00", "waiting", "")]
    assert board.statuses() == ["completed", "pending"]


def test_replace_cancels_the_task_before_with_its_money_and_makes_the_new_one(acme: Stage, board: Board) -> None:
    acme.budget(day_usd="10")
    schedule = board.make(overlap="replace")
    board.tick(after(hours=1))
    claim = board.claim(after(hours=1))
    with clock.held(after(hours=1)):
        hold = acme.ada.spend(claim, "1").ok(201)
    board.tick(after(hours=2))
    assert board.runs(schedule) == [("13:00", "replaced", ""), ("14:00", "created", "")]
    old, new = board.tasks()
    assert (old.status, new.status) == ("cancelled", "pending")
    assert old.error["message"] == f"replaced by the run of {NOON:%Y-%m-%d} 14:00 UTC of schedule hourly report"
    assert acme.fay.get(f"transactions/{hold['id']}").ok()["status"] == "voided"
    with clock.held(after(hours=2)):
        acme.ada.finish(claim).refused(409, "stale_lease")


def test_replace_leaves_a_task_that_has_ended_as_it_is(acme: Stage, board: Board) -> None:
    schedule = board.make(overlap="replace")
    board.tick(after(hours=1))
    board.finish(after(hours=1, minutes=5))
    board.tick(after(hours=2))
    assert board.runs(schedule) == [("13:00", "created", ""), ("14:00", "created", "")]
    assert board.statuses() == ["completed", "pending"]


def test_a_run_that_waited_gives_way_when_the_rule_becomes_replace(acme: Stage, board: Board) -> None:
    schedule = board.make(overlap="queue")
    board.tick(after(hours=1))
    board.tick(after(hours=2))
    acme.otto.patch(f"schedules/{schedule['id']}", {"overlap": "replace"}).ok()
    board.tick(after(hours=3))
    assert board.runs(schedule) == [
        ("13:00", "replaced", ""),
        ("14:00", "skipped", "overlap"),
        ("15:00", "created", ""),
    ]


# ------------------------------------------------------------------ pauses and ends


def test_a_paused_campaign_does_not_fire_and_what_it_left_out_is_written_down(acme: Stage, board: Board) -> None:
    schedule = board.make()
    acme.session(campaign=board.campaign)
    acme.otto.post(f"campaigns/{board.campaign}/pause").ok()
    board.tick(after(hours=1))
    acme.otto.post(f"campaigns/{board.campaign}/resume").ok()
    board.tick(after(hours=2))
    assert board.runs(schedule) == [("13:00", "skipped", "campaign_paused"), ("14:00", "created", "")]


def test_a_paused_session_does_not_fire_and_a_run_that_waits_goes_on_waiting(acme: Stage, board: Board) -> None:
    schedule = board.make(overlap="queue")
    board.tick(after(hours=1))
    board.tick(after(hours=2))
    board.finish(after(hours=2, minutes=5))
    session = board.read(schedule)["session"]
    acme.otto.post(f"sessions/{session}/pause").ok()
    assert board.tick(after(hours=2, minutes=6)) == 0
    board.tick(after(hours=3))
    assert board.runs(schedule)[1:] == [("14:00", "waiting", ""), ("15:00", "skipped", "session_paused")]
    acme.otto.post(f"sessions/{session}/resume").ok()
    board.tick(after(hours=3, minutes=1))
    assert board.runs(schedule)[1] == ("14:00", "created", "")


def test_a_stopped_campaign_ends_its_schedules_and_drops_what_waits(acme: Stage, board: Board, settle: Settle) -> None:
    schedule, paused = board.make(overlap="queue"), board.make(name="another", is_active=False)
    board.tick(after(hours=1))
    board.tick(after(hours=2))
    acme.otto.post(f"campaigns/{board.campaign}/stop", {"reason": "over"}).ok()
    settle()
    for one in (schedule, paused):
        seen = board.read(one)
        assert (seen["status"], seen["next_run_at"]) == ("ended", None)
    assert board.runs(schedule)[1] == ("14:00", "skipped", "schedule_ended")
    assert board.tick(after(hours=3)) == 0
    assert board.told() == {"created": 2, "fired": 1, "queued": 1, "skipped": 1, "ended": 2}
    board.post(schedule, "resume").refused(409, "schedule_ended")
    board.post(schedule, "run").refused(409, "schedule_ended")


def test_a_schedule_that_fires_before_it_has_heard_of_the_stop_ends_too(acme: Stage, board: Board) -> None:
    schedule = board.make()
    acme.otto.post(f"campaigns/{board.campaign}/stop", {"reason": "over"}).ok()
    board.tick(after(hours=1))
    assert (board.read(schedule)["status"], board.runs(schedule), board.tasks()) == ("ended", [], [])


def test_a_paused_schedule_makes_nothing_and_nothing_is_made_up_for(board: Board) -> None:
    schedule = board.make()
    assert board.post(schedule, "pause").ok()["next_run_at"] is None
    assert board.tick(after(hours=2)) == 0
    with clock.held(after(hours=5, minutes=30)):
        assert board.post(schedule, "resume").ok()["next_run_at"] == moment(6)
    board.tick(after(hours=6))
    assert board.runs(schedule) == [("18:00", "created", "")]


def test_a_schedule_runs_within_its_span_and_ends_after_it(board: Board) -> None:
    span = {"starts_at": moment(2), "ends_at": moment(3)}
    schedule = board.make(overlap="replace", **span)
    assert schedule["next_run_at"] == moment(2)
    for hour in (1, 2, 3, 4):
        board.tick(after(hours=hour))
    assert board.runs(schedule) == [("14:00", "replaced", ""), ("15:00", "created", "")]
    assert board.read(schedule)["status"] == "ended"
    assert board.statuses() == ["cancelled", "pending"]


def test_the_last_run_of_a_schedule_that_ended_still_comes_when_its_way_is_free(board: Board) -> None:
    schedule = board.make(overlap="queue", ends_at=moment(2.5))
    board.tick(after(hours=1))
    board.tick(after(hours=2))
    assert (board.read(schedule)["status"], board.runs(schedule)[1]) == ("ended", ("14:00", "waiting", ""))
    board.finish(after(hours=2, minutes=5))
    board.tick(after(hours=2, minutes=6))
    assert board.runs(schedule)[1] == ("14:00", "created", "")


def test_a_time_whose_task_is_refused_is_used_up_and_says_why(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = board.make(overlap="replace")
    board.tick(after(hours=1))

    def refuse(**_: Any) -> None:
        raise conflict("The tenant has too many tasks; wait until some have ended.", code="too_many")

    with monkeypatch.context() as patched:
        patched.setattr(run_schedules, "create_tasks", refuse)
        board.tick(after(hours=2))
    run = board.read(schedule)["runs"][0]
    assert (run["outcome"], run["reason"], run["detail"][:28]) == (
        "skipped",
        "too_many",
        "The tenant has too many task",
    )
    assert board.statuses() == ["pending"]  # what it would have replaced is there
    board.tick(after(hours=3))
    assert board.statuses() == ["cancelled", "pending"]


def test_a_task_that_no_longer_fits_is_skipped_until_it_is_changed(acme: Stage, board: Board) -> None:
    schedule = board.make()
    with acme.bound():
        Schedule.objects.update(task=TASK | {"colour": "blue"})  # as another version may have stored it
    board.tick(after(hours=1))
    acme.otto.patch(f"schedules/{schedule['id']}", {"task": TASK}).ok()
    board.tick(after(hours=2))
    assert board.runs(schedule) == [("13:00", "skipped", "unfit_task"), ("14:00", "created", "")]


# ------------------------------------------------------------------ out of turn


def test_run_now_makes_a_task_at_once_under_the_same_rule(acme: Stage, board: Board) -> None:
    schedule = board.make()
    with clock.held(after(minutes=10)):
        run = board.post(schedule, "run").ok(201)
    assert (run["outcome"], run["asked_by"]) == ("created", f"person:{acme.otto.id}")
    with clock.held(after(minutes=11)):
        again = board.post(schedule, "run").ok(201)
    assert (again["outcome"], again["reason"]) == ("skipped", "overlap")
    assert board.read(schedule)["next_run_at"] == moment(1)
    assert board.tasks()[0].created_by == f"person:{acme.otto.id}"


def test_run_now_repeated_with_its_key_runs_once(acme: Stage, board: Board) -> None:
    schedule = board.make(overlap="replace")
    path = f"schedules/{schedule['id']}/run"
    said = [acme.otto.post(path, Idempotency_Key="one").ok(201).body for _ in range(2)]
    assert said[0] == said[1]
    assert board.statuses() == ["pending"]


def test_a_deadline_counts_from_the_making(board: Board) -> None:
    board.make(task=TASK | {"deadline_seconds": 600})
    board.tick(after(hours=1))
    assert board.tasks()[0].deadline_at == after(hours=1) + timedelta(seconds=600)


def test_a_step_takes_a_bounded_number_and_the_next_one_the_rest(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_schedules, "AT_ONCE_MAX", 2)
    for number in range(3):
        board.make(name=f"number {number}")
    assert [board.tick(after(hours=1)) for _ in range(3)] == [2, 1, 0]
    assert len(board.tasks()) == 3
