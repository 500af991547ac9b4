"""When an expression comes: clocks that change, a relay that was away, expressions that cannot be."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chimera.kernel import clock
from swarm import cron
from swarm.actions import schedule_times
from swarm.models import ScheduleRun
from tests.cast import Stage
from tests.swarm.schedule_world import NOON, Board, after, board_of, moment

LISBON = "Europe/Lisbon"
SPRING = datetime(2026, 3, 28, 12, tzinfo=UTC)  # the clocks of the night after go from 1:00 to 2:00
AUTUMN = datetime(2026, 10, 24, 12, tzinfo=UTC)  # and here from 2:00 back to 1:00


@pytest.fixture
def board(acme: Stage, settle: Callable[[], None]) -> Board:
    return board_of(acme, settle)


def times(expression: str, since: datetime, number: int, zone: str = LISBON) -> list[str]:
    found, at = [], since
    for _ in range(number):
        following = cron.next_after(expression, zone, at)
        assert following is not None
        at = following
        found.append(f"{at:%d %H:%M}")
    return found


# ------------------------------------------------------------------ clocks that change


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("30 1 * * *", ["29 01:00", "30 00:30", "31 00:30"]),
        ("0,30 1 * * *", ["29 01:00", "30 00:00", "30 00:30"]),
        ("*/30 1 * * *", ["29 01:00", "30 00:00", "30 00:30"]),
        ("15 */1 * * *", ["28 12:15", "28 13:15", "28 14:15"]),
    ],
)
def test_a_time_that_does_not_exist_comes_once_at_the_next_moment_that_does(
    expression: str, expected: list[str]
) -> None:
    assert times(expression, SPRING, 3) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("30 1 * * *", ["25 00:30", "26 01:30"]),
        ("0,30 1 * * *", ["25 00:00", "25 00:30", "26 01:00", "26 01:30"]),
        ("*/30 1 * * *", ["25 00:00", "25 00:30", "26 01:00", "26 01:30"]),
        ("0 0-2 * * *", ["24 23:00", "25 00:00", "25 02:00", "26 00:00"]),
    ],
)
def test_a_time_that_exists_twice_comes_once(expression: str, expected: list[str]) -> None:
    assert times(expression, AUTUMN, len(expected)) == expected


def test_every_hour_is_every_real_hour_on_both_nights() -> None:
    assert times("30 * * * *", SPRING + timedelta(hours=12), 3) == ["29 00:30", "29 01:30", "29 02:30"]
    assert times("30 * * * *", AUTUMN + timedelta(hours=12), 3) == ["25 00:30", "25 01:30", "25 02:30"]


def test_nothing_comes_again_for_a_schedule_made_within_the_doubled_hour() -> None:
    within = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # ten past one for the second time
    assert times("30 1 * * *", within, 1) == ["26 01:30"]


def next_change(*, forward: bool) -> datetime:
    """The noon before Lisbon's clocks are next put forward, or back."""
    day = NOON
    while True:
        before, later = (at.astimezone(ZoneInfo(LISBON)).utcoffset() for at in (day, day + timedelta(days=1)))
        assert before is not None
        assert later is not None
        if before != later and (later > before) == forward:
            return day
        day += timedelta(days=1)


@pytest.mark.parametrize(("forward", "expected"), [(True, "01:00"), (False, "00:30")])
def test_a_schedule_runs_once_in_the_night_of_a_change(board: Board, forward: bool, expected: str) -> None:
    noon = next_change(forward=forward)
    schedule = board.make(cron="30 1 * * *", overlap="replace", at=noon, time_zone=LISBON)
    assert schedule["next_run_at"][11:16] == expected
    for minutes in range(11 * 60, 18 * 60, 10):  # every ten minutes of the night
        board.tick(noon + timedelta(minutes=minutes, seconds=1))
    assert board.runs(schedule) == [(expected, "created", "")]


def test_the_time_zone_is_the_schedules_own_and_the_tenants_unless_told(board: Board) -> None:
    zones = {zone: board.make(cron="0 9 * * *", time_zone=zone) for zone in (None, "Asia/Tokyo")}
    here = datetime.fromisoformat(zones[None]["next_run_at"]).astimezone(ZoneInfo(LISBON))
    assert (zones[None]["time_zone"], f"{here:%H:%M}") == (LISBON, "09:00")
    assert zones["Asia/Tokyo"]["next_run_at"][11:16] == "00:00"


ZONES = st.sampled_from([LISBON, "America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "UTC"])
CHANGES = st.sampled_from([SPRING, AUTUMN, datetime(2026, 3, 8, 5, tzinfo=UTC), datetime(2026, 4, 4, 12, tzinfo=UTC)])
EXPRESSIONS = st.sampled_from(
    ["* * * * *", "30 1 * * *", "*/20 0-3 * * *", "0 */2 * * *", "15,45 1,2 * * *", "59 23 * * SUN", "0 * * * *"]
)


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(EXPRESSIONS, ZONES, CHANGES, st.integers(0, 3_000), st.integers(0, 3_000))
def test_times_grow_and_the_latest_is_the_last_of_them(
    expression: str, zone: str, change: datetime, start: int, length: int
) -> None:
    since = change + timedelta(minutes=start - 1_000)
    until = since + timedelta(minutes=length, seconds=30)
    one_by_one: list[datetime] = []
    following = cron.next_after(expression, zone, since)
    while following is not None and following <= until:
        assert not one_by_one or following > one_by_one[-1]
        one_by_one.append(following)
        following = cron.next_after(expression, zone, following)
    if one_by_one:
        assert cron.latest_until(expression, zone, first=one_by_one[0], until=until) == one_by_one[-1]


# ------------------------------------------------------------------ a relay that was away


def test_after_an_absence_the_latest_time_runs_and_the_others_were_missed(board: Board) -> None:
    schedule = board.make()
    board.tick(after(hours=4, minutes=20))
    assert board.runs(schedule) == [
        ("13:00", "missed", ""),
        ("14:00", "missed", ""),
        ("15:00", "missed", ""),
        ("16:00", "created", ""),
    ]
    assert board.read(schedule)["next_run_at"] == moment(5)
    assert board.told() == {"created": 1, "missed": 1, "fired": 1}
    assert len(board.tasks()) == 1


def test_months_of_minutes_is_caught_up_with_in_a_few_looks(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = board.make(cron="* * * * *")
    looks: list[Any] = []
    original = cron.next_after
    monkeypatch.setattr(cron, "next_after", lambda *said: looks.append(said) or original(*said))
    board.tick(NOON + timedelta(days=300, seconds=30))
    assert len(looks) < schedule_times.MISSED_MAX + 50
    with board.acme.bound():
        *missed, latest = ScheduleRun.objects.order_by("fire_at")
    assert len(missed) == schedule_times.MISSED_MAX
    assert {run.status for run in missed} == {"missed"}
    assert [bool(run.detail) for run in missed] == [False] * (len(missed) - 1) + [True]
    assert (latest.status, latest.fire_at) == ("created", NOON + timedelta(days=300))
    assert board.read(schedule)["next_run_at"] == moment(300 * 24 + 1 / 60)


def test_what_was_missed_beyond_its_end_is_no_time_of_it(board: Board) -> None:
    schedule = board.make(ends_at=moment(2.5))
    board.tick(after(hours=9))
    assert board.runs(schedule) == [("13:00", "missed", ""), ("14:00", "created", "")]
    assert board.read(schedule)["status"] == "ended"


def test_a_clock_that_stands_behind_does_not_run_a_time_again(board: Board) -> None:
    schedule = board.make(overlap="replace")
    board.tick(after(hours=2))
    assert board.tick(after(hours=1)) == 0
    assert [outcome for _, outcome, _ in board.runs(schedule)] == ["missed", "created"]


# ------------------------------------------------------------------ what cannot be


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("@daily", "needs five: minute, hour, day of month, month, day of week"),
        ("* * * *", "has 4 fields"),
        ("0 * * * * *", "has 6 fields"),
        ("61 * * * *", "The minute field of `cron` cannot be `61`: it takes 0-59"),
        ("0 9 * * MONDAY", "The day-of-week field of `cron` cannot be `MONDAY`: it takes 0-7 or SUN-SAT"),
        ("*/0 * * * *", "cannot be `*/0`"),
        ("*/60 * * * *", "The minute field of `cron` cannot be `*/60`: it takes 0-59"),
        ("* 1-5,8/24 * * *", "steps `*/5` (at most 23)"),
        ("*/99999999999999999999 * * * *", "The minute field"),
        ("0 9 * * MON#6", "`MON#2` (the second Monday)"),
        ("0 0 30 2 *", "the day must exist in one of the months"),
        ("² * * * *", "The minute field"),
    ],
)
def test_a_bad_expression_gets_a_sentence_that_says_what_to_write(expression: str, says: str) -> None:
    with pytest.raises(cron.BadCron) as refused:
        cron.checked(expression)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("expression", "comes"),
    [
        ("0 9 * * MON#2", "13"),
        ("0 9 * * 1#2", "13"),
        ("0 9 * * 5L", "31"),
        ("0 9 LW * *", "31"),
        ("0 9 */31 * *", "01"),
    ],
)
def test_days_are_named_by_their_place_in_the_month(expression: str, comes: str) -> None:
    july = datetime(2026, 6, 30, 12, tzinfo=UTC)
    assert times(cron.checked(expression), july, 1, "UTC") == [f"{comes} 09:00"]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_nothing_comes_when_the_calendar_has_ended(zone: str) -> None:
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    for expression in ("* * * * *", "0 0 29 2 *", "0 0 1 1 *"):
        assert cron.next_after(expression, zone, last) is None


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(st.text(alphabet="0123456789*/,-L#W MONSUJANx²", max_size=30))
def test_whatever_is_written_is_an_expression_or_gets_a_sentence(text: str) -> None:
    for expression in (text, f"{text} * * * *", f"0 0 {text} * *", f"0 0 * * {text}"):
        said = ""
        try:
            tidy = cron.checked(expression)
        except cron.BadCron as refused:
            said = str(refused)
        assert said.endswith(".") or cron.next_after(tidy, LISBON, NOON) is not None


def test_spaces_do_not_matter(board: Board) -> None:
    with clock.held(NOON):
        assert board.make(cron="  0   9 *  * 1-5 ")["cron"] == "0 9 * * 1-5"
