"""The wait before another attempt: between its bounds, longer each time, and only where somebody was at fault."""

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as limits
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from swarm.actions.backoff import Cause, until_next

ATTEMPTS = st.integers(min_value=1, max_value=1_000)
SHARES = st.floats(min_value=0, max_value=1, exclude_max=True)
MANY = 10_000


@pytest.fixture(scope="module", autouse=True)
def as_served() -> Iterator[None]:
    """The base that an installation has where nobody says otherwise; in the tests nobody waits."""
    with override_settings(RETRY_BASE_SECONDS=2):
        yield


def wait(**said: Any) -> timedelta | None:
    return until_next(**{"cause": Cause.ERROR, "attempt": 1, "attempts_max": 20, "share": 0.5} | said)


def seconds(**said: Any) -> float:
    found = wait(**said)
    assert found is not None
    return found.total_seconds()


def test_each_further_wait_is_twice_as_long_until_the_bound() -> None:
    waits = [seconds(attempt=attempt, share=0) for attempt in range(1, 13)]
    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-1] == limits.RETRY_MAX_SECONDS / 2
    assert waits == sorted(waits)


@given(attempt=ATTEMPTS, share=SHARES, cause=st.sampled_from([Cause.ERROR, Cause.LAPSED]))
def test_no_wait_is_shorter_than_half_the_base_or_longer_than_the_bound(
    attempt: int, share: float, cause: Cause
) -> None:
    found = seconds(cause=cause, attempt=attempt, attempts_max=attempt + 1, share=share)
    assert limits.RETRY_BASE_SECONDS / 2 <= found <= limits.RETRY_MAX_SECONDS


def test_the_jitter_fills_the_upper_half_evenly() -> None:
    drawn = random.Random(1911)
    found = [seconds(attempt=5, share=drawn.random()) for _ in range(MANY)]
    assert 16 <= min(found) < 16.1
    assert 31.9 < max(found) <= 32
    assert sum(found) / MANY == pytest.approx(24, abs=0.2)


def test_an_error_that_is_not_retryable_fails_for_good() -> None:
    assert wait(retryable=False) is None
    assert wait(retryable=False, retry_after_seconds=5) is None
    assert wait(retryable=True) is not None


@pytest.mark.parametrize("cause", sorted(set(Cause) - {Cause.STALE}))
def test_the_last_attempt_is_the_last(cause: Cause) -> None:
    assert wait(cause=cause, attempt=3, attempts_max=3) is None
    assert wait(cause=cause, attempt=2, attempts_max=3) is not None


def test_a_stale_result_goes_back_at_once_and_uses_up_no_attempt() -> None:
    assert wait(cause=Cause.STALE, attempt=3, attempts_max=3) == timedelta()


def test_what_a_person_sends_back_does_not_wait() -> None:
    assert wait(cause=Cause.SENT_BACK) == timedelta()


def test_a_lapsed_lease_waits_like_an_error() -> None:
    assert wait(cause=Cause.LAPSED, attempt=2) == wait(cause=Cause.ERROR, attempt=2)


@given(asked=st.floats(min_value=0.001, max_value=10_000_000), share=SHARES)
def test_an_agent_may_ask_for_more_time_up_to_a_bound(asked: float, share: float) -> None:
    found = seconds(retry_after_seconds=asked, share=share)
    least = timedelta(seconds=min(asked, limits.RETRY_AFTER_SECONDS_MAX)).total_seconds()  # to the microsecond
    assert least <= found <= max(least, limits.RETRY_BASE_SECONDS) + limits.RETRY_BASE_SECONDS


def test_an_agent_cannot_ask_for_less_than_the_backoff() -> None:
    for asked in (None, 0, -5, 0.001):
        assert seconds(attempt=6, share=0, retry_after_seconds=asked) == limits.RETRY_BASE_SECONDS * 2**5 / 2


def test_many_who_were_told_the_same_time_come_apart() -> None:
    drawn = random.Random(1911)
    found = {round(seconds(retry_after_seconds=60, share=drawn.random()), 3) for _ in range(100)}
    assert len(found) > 90
    assert min(found) >= 60
