"""When a schedule runs: what has come since somebody looked, what comes next, and which times cannot be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError

from chimera.kernel import clock, tenancy
from chimera.kernel.errors import invalid
from swarm import cron
from swarm.models import Schedule, Tenant
from swarm.models.tenant import check_time_zone
from swarm.states import ScheduleStatus

MISSED_MAX = 50  # times that one catch-up writes down one by one; that there were more is written too


@dataclass(frozen=True, slots=True)
class Due:
    """The latest time that has come, the first of those before it, and the next one to come."""

    fire_at: datetime
    missed: Sequence[datetime]
    more: bool  # missed ones beyond those
    next_run_at: datetime | None


def due(schedule: Schedule, at: datetime) -> Due | None:
    """None when nothing has come. After a long absence it looks some thirty times, not at each time that passed."""
    first = schedule.next_run_at
    if schedule.status != ScheduleStatus.ACTIVE or first is None or first > at:
        return None
    until = min(at, schedule.ends_at) if schedule.ends_at else at
    latest = cron.latest_until(schedule.cron, schedule.time_zone, first=first, until=max(first, until))
    missed: list[datetime] = []
    passed: datetime | None = first
    while passed is not None and passed < latest and len(missed) < MISSED_MAX:
        missed.append(passed)
        passed = cron.next_after(schedule.cron, schedule.time_zone, passed)
    more = passed is not None and passed < latest
    return Due(latest, missed, more, upcoming(schedule, after=at))


def upcoming(schedule: Schedule, *, after: datetime) -> datetime | None:
    """Its first time later than `after`, within starts_at and ends_at; None when there is none."""
    if schedule.starts_at and schedule.starts_at > after:
        after = schedule.starts_at - timedelta(microseconds=1)  # a time at that very moment counts
    found = cron.next_after(schedule.cron, schedule.time_zone, after)
    return None if found is None or (schedule.ends_at and found > schedule.ends_at) else found


def upcoming_or_refuse(schedule: Schedule) -> datetime:
    if schedule.starts_at and schedule.ends_at and schedule.starts_at >= schedule.ends_at:
        raise invalid("`ends_at` must be later than `starts_at`.", field_name="ends_at")
    found = upcoming(schedule, after=clock.now())
    if found is None and schedule.ends_at:
        detail = "No time of `cron` comes before `ends_at`; set `ends_at` later, or to null."
        raise invalid(detail, field_name="ends_at", code="never_runs")
    if found is None:
        detail = "No time of `cron` comes after `starts_at`, not within fifty years; set `starts_at` earlier."
        raise invalid(detail, field_name="starts_at", code="never_runs")
    return found


def checked(expression: str) -> str:
    try:
        return cron.checked(expression)
    except cron.BadCron as bad:
        raise invalid(str(bad), field_name="cron", code="invalid_cron") from None


def zone(name: str | None) -> str:
    """The named IANA time zone, or the tenant's."""
    if name is None:
        name = Tenant.objects.values_list("time_zone", flat=True).get(pk=tenancy.current())
    try:
        check_time_zone(name)
    except ValidationError as error:
        raise invalid(error.messages[0], field_name="time_zone", code="unknown_time_zone") from None
    return name
