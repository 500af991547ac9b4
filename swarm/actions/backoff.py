"""How long a task waits before its next attempt. Pure: numbers in, a length of time or None out.

Exponential backoff with equal jitter, as in Marc Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog,
4 March 2015): temp = min(cap, base * 2 ** attempt), sleep = temp / 2 + random_between(0, temp / 2). Full jitter,
random_between(0, temp), spreads wider, but now and then answers nearly nothing; half of the time is kept certain, so
that a task which kills its agents is never handed out again at once.
"""

from datetime import timedelta
from enum import StrEnum
from typing import assert_never

from django.conf import settings

DOUBLINGS_MAX = 32  # beyond any sensible bound; keeps the power small


class Cause(StrEnum):
    """Why an attempt did not settle its task."""

    ERROR = "error"  # its agent said that it failed
    LAPSED = "lapsed"  # its agent was not heard of, or it ran longer than its timeout
    LOST = "lost"  # its agent's connection broke, and did not the time before
    STALE = "stale"  # goal, budget or context changed while it ran
    SENT_BACK = "sent_back"  # a person, a judge or its own score demands another attempt


def until_next(
    *,
    cause: Cause,
    attempt: int,
    attempts_max: int,
    share: float,
    retryable: bool = True,
    retry_after_seconds: float | None = None,
) -> timedelta | None:
    """The wait before the attempt that follows number `attempt` (from 1); zero for at once, None to fail for good.

    The caller draws `share`, evenly from 0 to 1 (`random.random()`). An error decides by `retryable`, and its agent may
    ask for at least `retry_after_seconds`, which count up to RETRY_AFTER_SECONDS_MAX. What was nobody's fault (stale
    results, changes that a reviewer wants) does not wait, nor does a connection that was lost once; stale
    results use up no attempt.
    """
    match cause:
        case Cause.STALE:
            return timedelta()
        case Cause.SENT_BACK | Cause.LOST:
            return timedelta() if attempt < attempts_max else None
        case Cause.LAPSED:
            return _spread(attempt, share) if attempt < attempts_max else None
        case Cause.ERROR:
            if not retryable or attempt >= attempts_max:
                return None
            return max(_spread(attempt, share), _asked_for(retry_after_seconds, share))
        case _:
            assert_never(cause)


def _spread(attempt: int, share: float) -> timedelta:
    """Equal jitter: from half of what is due after this attempt to the whole of it."""
    doubled = settings.RETRY_BASE_SECONDS * 2 ** min(max(attempt - 1, 0), DOUBLINGS_MAX)
    due = min(settings.RETRY_MAX_SECONDS, doubled)
    return timedelta(seconds=due / 2 + share * due / 2)


def _asked_for(seconds: float | None, share: float) -> timedelta:
    """Never earlier than asked for, and a little apart: many agents hear the same number from the same server."""
    if seconds is None or seconds <= 0:
        return timedelta()
    return timedelta(seconds=min(seconds, settings.RETRY_AFTER_SECONDS_MAX) + share * settings.RETRY_BASE_SECONDS)
