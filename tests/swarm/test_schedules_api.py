"""Who may make and change schedules, what is refused, and that others' do not exist."""

from collections.abc import Callable
from typing import Any

import pytest

from swarm.models.schedule import TaskTemplate
from swarm.serializers.schedules import ScheduledTask
from tests.cast import Caller, Said, Stage
from tests.swarm.schedule_world import TASK, Board, after, board_of, moment

BODY: dict[str, Any] = {"name": "nightly", "cron": "0 3 * * *", "overlap": "skip", "task": TASK}


@pytest.fixture
def board(acme: Stage, settle: Callable[[], None]) -> Board:
    return board_of(acme, settle)


def made(board: Board, by: Caller | None = None, **more: Any) -> Said:
    return (by or board.acme.otto).post(f"campaigns/{board.campaign}/schedules", BODY | more)


def test_operators_admins_and_planners_make_schedules_and_nobody_else(acme: Stage, board: Board) -> None:
    for who in (acme.otto, acme.boss, acme.pia):
        assert made(board, who).ok(201)["created_by"].endswith(who.id)
    for who in (acme.ada, acme.jude, acme.rita, acme.fay, acme.anna):
        made(board, who).refused(403, "role")


def test_a_planner_changes_and_runs_its_own_schedules_only(acme: Stage, board: Board) -> None:
    mine, others = made(board, acme.pia).ok(201)["id"], made(board).ok(201)["id"]
    acme.pia.patch(f"schedules/{mine}", {"name": "mine"}).ok()
    acme.pia.post(f"schedules/{mine}/run").ok(201)
    acme.pia.patch(f"schedules/{others}", {"name": "mine"}).refused(403, "not_yours")
    for verb in ("pause", "resume", "run", "stop"):
        acme.pia.post(f"schedules/{others}/{verb}").refused(403, "not_yours")
    acme.otto.post(f"schedules/{mine}/stop").ok()


def test_schedules_are_listed_for_a_campaign_and_for_all(acme: Stage, board: Board) -> None:
    other = board_of(acme, board.settle)
    first, second = made(board).ok(201)["id"], made(other).ok(201)["id"]
    paused = made(board, is_active=False).ok(201)
    assert (paused["status"], paused["next_run_at"]) == ("paused", None)

    def ids(path: str, **asked: str) -> list[str]:
        return [row["id"] for row in acme.anna.get(path, **asked).ok()["results"]]

    assert ids("schedules") == [paused["id"], second, first]
    assert ids("schedules", status="active") == [second, first]
    assert ids("schedules", campaign=other.campaign) == [second]
    assert ids(f"campaigns/{board.campaign}/schedules") == [paused["id"], first]
    assert ids(f"campaigns/{board.campaign}/schedules", status="paused") == [paused["id"]]


def test_a_change_names_the_version_that_it_read(acme: Stage, board: Board) -> None:
    schedule = board.make()
    board.tick(after(hours=1))  # a run is no change
    path = f"schedules/{schedule['id']}"
    assert acme.otto.patch(path, {"overlap": "queue"}, If_Match='"1"').ok()["state_version"] == 2
    said = acme.otto.patch(path, {"overlap": "skip"}, If_Match='"1"').refused(409, "stale")
    assert said["state_version"] == 2
    acme.otto.patch(path, {"overlap": "skip", "state_version": 1}).refused(409, "stale")
    assert acme.otto.patch(path, {"overlap": "queue"}).ok()["state_version"] == 2


def test_a_change_of_when_sets_the_next_time_anew_and_another_does_not(acme: Stage, board: Board) -> None:
    schedule = made(board).ok(201)
    path = f"schedules/{schedule['id']}"
    renamed = acme.otto.patch(path, {"name": "later", "task": {"type": "audit", "input_payload": {}}}).ok()
    assert renamed["next_run_at"] == schedule["next_run_at"]
    assert (renamed["task"]["type"], renamed["task"]["priority"]) == ("audit", 50)
    moved = acme.otto.patch(path, {"cron": "30 4 * * *", "time_zone": "Asia/Tokyo"}).ok()
    assert moved["next_run_at"][11:16] == "19:30"
    started = acme.otto.patch(path, {"starts_at": moment(24 * 10)}).ok()
    assert started["next_run_at"] > moment(24 * 10)
    assert acme.otto.patch(path, {"starts_at": None}).ok()["next_run_at"] == moved["next_run_at"]
    assert board.told()["changed"] == 4


def test_a_time_that_cannot_be_is_refused_with_a_sentence(acme: Stage, board: Board) -> None:
    said = made(board, cron="61 * * * *").refused(422, "invalid_cron")
    assert said["detail"].startswith("The minute field of `cron` cannot be `61`: it takes 0-59")
    assert said["errors"][0]["field"] == "cron"
    for zone in ("Lisbon", "localtime", "Factory", "europe/lisbon"):
        made(board, time_zone=zone).refused(422, "unknown_time_zone")
    for said in ("no", 0, None):
        made(board, is_active=said).refused(422, "invalid")
    made(board, starts_at="2099-01-01T00:00:00").refused(422, "invalid")
    made(board, ends_at="2020-01-01T00:00:00Z").refused(422, "never_runs")
    made(board, starts_at=moment(2), ends_at=moment(1)).refused(422, "invalid")
    path = f"schedules/{made(board).ok(201)['id']}"
    acme.otto.patch(path, {"cron": "never"}).refused(422, "invalid_cron")
    acme.otto.patch(path, {"ends_at": "2020-01-01T00:00:00Z"}).refused(422, "never_runs")
    assert acme.otto.get(path).ok()["state_version"] == 1


def test_a_time_beyond_the_calendar_never_comes(board: Board) -> None:
    said = made(board, cron="0 0 29 2 *", starts_at="9998-12-31T00:00:00Z").refused(422, "never_runs")
    assert said["errors"][0]["field"] == "starts_at"
    made(board, cron="* * * * *", starts_at="9999-12-31T23:59:59Z", time_zone="Asia/Tokyo").refused(422, "never_runs")
    last = made(board, cron="0 0 31 12 *", starts_at="9999-01-01T00:00:00Z", time_zone="UTC").ok(201)
    assert last["next_run_at"] == "9999-12-31T00:00:00Z"


@pytest.mark.parametrize(
    "field",
    [
        "session",
        "external_id",
        "parent_task",
        "depends_on",
        "depends_on_children_of",
        "not_before",
        "deadline_at",
        "status",
    ],
)
def test_what_can_be_said_of_one_task_only_is_no_field_of_its_task(board: Board, field: str) -> None:
    said = made(board, task=TASK | {field: None}).refused(422, "unknown_field")
    assert said["errors"][0]["field"] == f"task.{field}"


def test_a_schedules_task_says_what_its_template_keeps() -> None:
    assert set(ScheduledTask().fields) == set(TaskTemplate.model_fields)


def test_a_campaign_that_is_over_takes_no_schedule(acme: Stage, board: Board) -> None:
    schedule = made(board, is_active=False).ok(201)
    acme.otto.post(f"campaigns/{board.campaign}/stop", {"reason": "over"}).ok()
    made(board).refused(409, "campaign_stopped")
    acme.otto.post(f"schedules/{schedule['id']}/resume").refused(409, "campaign_stopped")
    acme.otto.post(f"schedules/{schedule['id']}/run").refused(409, "campaign_stopped")


def test_verbs_in_the_wrong_state_are_refused(acme: Stage, board: Board) -> None:
    path = f"schedules/{made(board).ok(201)['id']}"
    acme.otto.post(f"{path}/resume").refused(409, "schedule_active")
    acme.otto.post(f"{path}/pause").ok()
    acme.otto.post(f"{path}/pause").refused(409, "schedule_paused")
    acme.otto.post(f"{path}/run").ok(201)  # out of its turn, though it is paused
    assert acme.otto.post(f"{path}/stop", {"reason": "enough"}).ok()["status"] == "ended"
    for verb in ("pause", "resume", "stop", "run"):
        acme.otto.post(f"{path}/{verb}").refused(409, "schedule_ended")
    acme.otto.patch(path, {"name": "again"}).refused(409, "schedule_ended")


def test_another_tenant_sees_nothing_of_a_schedule(acme: Stage, zenith: Stage, board: Board) -> None:
    schedule = board.make()
    board.tick(after(hours=1))
    path = f"schedules/{schedule['id']}"
    assert zenith.boss.get("schedules").ok()["results"] == []
    zenith.boss.get(path).refused(404, "not_found")
    zenith.boss.patch(path, {"name": "mine"}).refused(404, "not_found")
    for verb in ("pause", "resume", "stop", "run"):
        zenith.boss.post(f"{path}/{verb}").refused(404, "not_found")
    zenith.boss.get(f"campaigns/{board.campaign}/schedules").refused(404, "not_found")
    zenith.boss.post(f"campaigns/{board.campaign}/schedules", BODY).refused(404, "not_found")
    assert board.told() == {"created": 1, "fired": 1}
