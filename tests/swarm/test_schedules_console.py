"""Schedules at the console: their times, what came of them, and the verbs that people walk."""

from collections.abc import Callable

import pytest

from tests.cast import Stage
from tests.console.desk import Desk
from tests.console.places import NOUNS
from tests.swarm.schedule_world import Board, after, board_of

PLACE = NOUNS["schedule"]


@pytest.fixture
def board(acme: Stage, settle: Callable[[], None]) -> Board:
    return board_of(acme, settle)


def test_the_page_shows_what_came_of_each_time(acme: Stage, board: Board) -> None:
    schedule = board.make()
    board.tick(after(hours=2))
    board.tick(after(hours=3))
    otto = Desk(acme.otto)
    text = otto.get(PLACE.one(schedule["id"])).ok().text
    for words in ("13:00 UTC missed", "14:00 UTC created", "15:00 UTC skipped overlap", "0 * * * * Europe/Lisbon"):
        assert words in text
    assert "skipped" in otto.get(PLACE.list).ok().text


def test_a_person_runs_pauses_resumes_and_stops_it(acme: Stage, board: Board) -> None:
    path = board.make()["id"]
    otto = Desk(acme.otto)
    page = otto.post(PLACE.one(path, "run_now")).ok()
    assert f"created person:{acme.otto.id}" in page.text
    assert len(board.tasks()) == 1
    assert otto.post(PLACE.one(path, "pause"), reason="lunch").ok().buttons == {"run_now", "resume", "stop"}
    assert otto.post(PLACE.one(path, "resume")).ok().buttons == {"run_now", "pause", "stop"}
    assert otto.post(PLACE.one(path, "stop"), reason="enough").ok().buttons == set()
    assert board.told() == {"created": 1, "fired": 1, "paused": 1, "resumed": 1, "ended": 1}


NEW = f"{PLACE.list}new/"
SAID = {
    "name": "Morning tide",
    "cron": "0 9 * * MON#2",
    "overlap": "skip",
    "type": "report",
    "role": "worker",
    "input_payload": '{"about": "the tide"}',
    "priority": "70",
}


def test_an_operator_makes_one_for_a_campaign(acme: Stage, board: Board) -> None:
    otto = Desk(acme.otto)
    assert "New schedule" in otto.get(PLACE.list).ok().text
    assert "Make the schedule" in otto.get(NEW).ok().text
    page = otto.post(NEW, campaign=board.campaign, starts_at="2099-01-01T00:00:00+01:00", **SAID).ok()
    assert "otto@acme made the schedule Morning tide" in page.text
    (made,) = acme.otto.get("schedules").ok()["results"]
    assert (made["campaign"], made["time_zone"], made["cron"]) == (board.campaign, "Europe/Lisbon", "0 9 * * MON#2")
    assert (made["starts_at"], made["next_run_at"]) == ("2098-12-31T23:00:00Z", "2099-01-12T09:00:00Z")
    task = {"type": "report", "role": "worker", "input_payload": {"about": "the tide"}, "priority": 70}
    assert made["task"].items() >= task.items()
    assert made["created_by"] == f"person:{acme.otto.id}"


def test_what_cannot_be_is_refused_at_its_field(acme: Stage, board: Board, zenith: Stage) -> None:
    otto = Desk(acme.otto)
    elsewhere = board_of(zenith, board.settle).campaign
    refusals = (
        ({"cron": "61 * * * *"}, "The minute field of `cron` cannot be `61`"),
        ({"time_zone": "localtime"}, "is no IANA time zone"),
        ({"starts_at": "2099-01-01"}, "Give an offset"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, "No time of `cron` comes before `ends_at`"),
        ({"input_payload": "{"}, "This is no JSON"),
        ({"input_payload": "[1]"}, "Must be a JSON object."),
        ({"input_payload": '{"a": "\\u0000"}'}, "Contains a NUL character"),
        ({"priority": "101"}, "less than or equal to 100"),
        ({"name": ""}, "This field is required."),
        ({"campaign": elsewhere}, "Select a valid choice."),
        ({"campaign": "nonsense"}, "Select a valid choice."),
    )
    for change, sentence in refusals:
        page = otto.post(NEW, **{"campaign": board.campaign, **SAID, **change})
        assert (page.status, sentence in page.text) == (422, True), (change, page.text[-900:])
    assert acme.otto.get("schedules").ok()["results"] == []


def test_auditors_and_reviewers_make_none(acme: Stage, board: Board) -> None:
    anna, rita = Desk(acme.anna), Desk(acme.rita)
    assert "New schedule" not in anna.get(PLACE.list).ok().html
    for desk in (anna, rita):
        assert desk.get(NEW).status == 403
        assert desk.post(NEW, campaign=board.campaign, **SAID).status == 403


def test_a_campaign_that_is_over_is_not_offered(acme: Stage, board: Board) -> None:
    acme.otto.post(f"campaigns/{board.campaign}/stop", {"reason": "over"}).ok()
    otto = Desk(acme.otto)
    assert board.campaign not in otto.get(NEW).ok().html
    assert otto.post(NEW, campaign=board.campaign, **SAID).status == 422
