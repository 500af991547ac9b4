"""Cron expressions of five fields in a time zone: are they sound, when do they come next, when did they come last (ADR 0068).

Where clocks change, an expression that names hours goes by the wall clock: a time that does not exist comes once, at the
first moment that does; one that exists twice comes once, the first time. With `*` for the hour it goes by elapsed time.
"""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

CHARACTERS_MAX = 100  # the longest sensible expression has about forty
_FIELDS = {
    "minute": "0-59",
    "hour": "0-23",
    "day-of-month": "1-31, `L` (the last) or `LW` (the last from Monday to Friday)",
    "month": "1-12 or JAN-DEC",
    "day-of-week": "0-7 or SUN-SAT (0 and 7 are Sunday), `MON#2` (the second Monday) or `5L` (the last Friday)",
}
_STEPS_MAX = {"minute": 59, "hour": 23, "day-of-month": 31, "month": 12, "day-of-week": 7}  # a longer one never comes
_STEP = re.compile(r"/([0-9]+)")
_EPOCH = datetime(2000, 1, 1)  # noqa: DTZ001  naive, as the library wants it where only the expression is read
_SHORTEST = timedelta(minutes=1)  # between two times of an expression


class BadCron(ValueError):
    """An expression that cannot be; its text is a sentence that says what to write instead."""


def checked(expression: str) -> str:
    """The expression with single spaces; raises BadCron."""
    parts = expression.split()
    if len(parts) != len(_FIELDS):
        raise BadCron(
            f"`cron` has {len(parts)} fields, but needs five: minute, hour, day of month, month, day of week; "
            "`0 9 * * 1-5` is nine o'clock from Monday to Friday."
        )
    if len(tidy := " ".join(parts)) > CHARACTERS_MAX:
        raise BadCron(f"`cron` is longer than {CHARACTERS_MAX} characters; make two schedules of it.")
    for field, value in zip(_FIELDS, parts, strict=True):
        if any(int(step) > _STEPS_MAX[field] for step in _STEP.findall(value)):
            raise BadCron(_sentence(parts, field))
    try:
        next(CronSim(tidy, _EPOCH))
    except CronSimError as error:
        raise BadCron(_sentence(parts, str(error).removeprefix("Bad "))) from None
    except StopIteration:
        raise BadCron(f"`{tidy}` never comes, not within fifty years; name a day that exists.") from None
    return tidy


def _sentence(parts: list[str], field: str) -> str:
    value = dict(zip(_FIELDS, parts, strict=True))[field]
    steps = f"steps `*/5` (at most {_STEPS_MAX[field]})"
    takes = f"it takes {_FIELDS[field]}, `*`, lists `1,2`, ranges `1-5` and {steps}"
    never = "; and the day must exist in one of the months" if field == "day-of-month" else ""
    return f"The {field} field of `cron` cannot be `{value}`: {takes}{never}."


def next_after(expression: str, zone: str, after: datetime) -> datetime | None:
    """The first time of a checked expression later than `after`, in the zone of `after`; None when there is none within
    fifty years, or before the calendar ends with the year 9999."""
    try:
        for found in CronSim(_by_the_wall_clock(expression), after.astimezone(ZoneInfo(zone))):
            # The library works with wall clock times; within an hour that comes twice it first finds times that are over.
            if (at := found.astimezone(after.tzinfo)) > after:
                return at
    except OverflowError:
        return None
    return None


def latest_until(expression: str, zone: str, *, first: datetime, until: datetime) -> datetime:
    """The last time not later than `until`, where `first` is one. By halves: some thirty looks, however long it is ago."""
    found, end = first, until
    while end - found > _SHORTEST:
        following = next_after(expression, zone, found + (end - found) / 2)
        if following is not None and following <= until:
            found = following
        else:
            end = found + (end - found) / 2
    while (following := next_after(expression, zone, found)) is not None and following <= until:
        found = following
    return found


def _by_the_wall_clock(expression: str) -> str:
    """Written so that the library sees named hours: it takes every `*` in minutes or hours for elapsed time, as Debian's
    cron does, and would leave `*/30 1 * * *` out on one night of the year and double it on another."""
    minute, hour, *rest = expression.split()
    if {"*", "*/1"} & set(hour.split(",")):
        return expression
    return " ".join([_named(minute, "0-59"), _named(hour, "0-23"), *rest])


def _named(field: str, whole: str) -> str:
    return ",".join(whole + term[1:] if term.startswith("*") else term for term in field.split(","))
