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
