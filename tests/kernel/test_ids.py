"""UUIDv7: unique, in order, and never from the future, because the id decides in which month a row lies."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from chimera.kernel import clock, ids

A_LOT = 30_000  # more than seven milliseconds have room for


def test_an_id_says_when_it_was_made() -> None:
    before = clock.now()
    made = ids.uuid7()
    after = clock.now()
    assert before - timedelta(milliseconds=1) <= ids.time_of(made) <= after
    assert (made.version, made.variant) == (7, "specified in RFC 4122")


def test_ids_of_a_process_are_in_order_and_never_ahead_of_the_clock() -> None:
    last = UUID(int=0)
    for _ in range(A_LOT):
        made = ids.uuid7()
        assert made > last
        assert ids.time_of(made) <= clock.now()
        last = made


def test_threads_never_make_the_same_id() -> None:
    with ThreadPoolExecutor(8) as threads:
        made = [i for batch in threads.map(lambda _: [ids.uuid7() for _ in range(2_000)], range(8)) for i in batch]
    assert len(set(made)) == len(made)


def test_a_clock_that_steps_back_a_little_keeps_the_order() -> None:
    at = clock.now()
    with clock.held(at):
        first = ids.uuid7()
    with clock.held(at - timedelta(milliseconds=400)):
        second = ids.uuid7()
    assert second > first


def test_a_clock_that_steps_back_a_lot_is_followed() -> None:
    at = clock.now()
    with clock.held(at - timedelta(hours=2)):
        made = ids.uuid7()
    assert abs(ids.time_of(made) - (at - timedelta(hours=2))) < timedelta(milliseconds=2)


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
        datetime(2100, 2, 28, 12, tzinfo=UTC),
    ],
)
def test_the_first_id_of_a_moment_bounds_it(at: datetime) -> None:
    first = ids.first_of(at)
    assert ids.time_of(first) == at
    with clock.held(at):
        made = ids.uuid7()
    assert first <= made < ids.first_of(at + timedelta(milliseconds=2))
    with clock.held(at - timedelta(seconds=5)):
        assert ids.uuid7() < first
