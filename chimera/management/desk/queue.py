"""`chimera queue`: what waits and how fast it goes, per role and band. PostgreSQL counts; Redis stands beside it."""

from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import CommandParser
from django.db.models import Case, CharField, Count, F, IntegerField, Min, Q, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from chimera.kernel import clock, ids, redis, tenancy
from chimera.kernel.console import show
from chimera.kernel.eventlog import Event
from chimera.kernel.identity import AGENT_ROLES
from chimera.management.desk import choosing
from chimera.management.desk.acting import House
from chimera.management.desk.paper import Paper
from swarm.events import TaskClaimed, TaskCompleted
from swarm.models import Task
from swarm.models.task import BANDS
from swarm.states import TaskStatus

MINUTES, MINUTES_MAX = 5, 60  # over which rates are taken
COLUMNS = ("role", "band", "queued", "in Redis", "oldest", "running", "claimed/min", "completed/min")
Place = tuple[str, str]  # role, band


@dataclass(slots=True)
class Line:
    role: str
    band: str
    queued: int = 0
    in_redis: int | None = None  # None while Redis is away
    oldest_at: datetime | None = None
    running: int = 0
    claimed_per_minute: float = 0.0
    completed_per_minute: float = 0.0


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument(
        "--minutes",
        type=choosing.whole(1, MINUTES_MAX),
        default=MINUTES,
        metavar="N",
        help="for the rates; 5 unless told",
    )


def run(house: House, options: dict[str, Any], paper: Paper) -> int:
    lines = figures(house, minutes=options["minutes"])
    if paper.as_json:
        for line in lines:
            paper.told(asdict(line))
        return 0
    paper.table(COLUMNS, [_row(line) for line in lines], empty="", whole=len(COLUMNS))
    if any(line.in_redis is None for line in lines):
        paper.line("Redis is away: claims go through PostgreSQL, more slowly.", "yellow")
    return 0


def figures(house: House, *, minutes: int) -> list[Line]:
    """Nine lines. Tasks that require capabilities are queued without being in Redis."""
    places = [(str(role), band) for role in sorted(AGENT_ROLES) for band in BANDS]
    lines = {(role, band): Line(role, band) for role, band in places}
    with tenancy.bound(house.id):
        _count_tasks(lines)
        _count_facts(lines, minutes)
    for place, depth in _depths(house, places).items():
        lines[place].in_redis = depth
    return list(lines.values())


def _band(priority: str) -> Case:
    edges = [
        When(**{f"{priority}__gte": lowest, f"{priority}__lte": highest}, then=Value(band))
        for band, (lowest, highest) in BANDS.items()
    ]
    return Case(*edges, output_field=CharField())


def _count_tasks(lines: dict[Place, Line]) -> None:
    waiting, running = Q(status=TaskStatus.QUEUED), Q(status=TaskStatus.RUNNING)
    rows = Task.objects.filter(waiting | running).order_by().annotate(band=_band("priority")).values("role", "band")
    counted = rows.annotate(
        queued=Count("pk", filter=waiting), running=Count("pk", filter=running), oldest=Min("queued_at", filter=waiting)
    )
    for row in counted:
        line = lines[row["role"], row["band"]]
        line.queued, line.running, line.oldest_at = row["queued"], row["running"], row["oldest"]


def _count_facts(lines: dict[Place, Line], minutes: int) -> None:
    """From the event log: a task that was claimed twice counts twice. Bounded by the id, which prunes."""
    claimed, completed = TaskClaimed.full_type(), TaskCompleted.full_type()
    since = ids.first_of(clock.now() - timedelta(minutes=minutes))
    rows = Event.objects.filter(pk__gte=since, type__in=[claimed, completed]).order_by()
    told = rows.annotate(role=KT("payload__role"), priority=Cast(KT("payload__priority"), IntegerField()))
    numbers: dict[tuple[Place, str], int] = defaultdict(int)
    for row in told.annotate(band=_band("priority")).values("role", "band", fact=F("type")).annotate(n=Count("pk")):
        numbers[(row["role"], row["band"]), row["fact"]] = row["n"]
    for place, line in lines.items():
        line.claimed_per_minute = round(numbers[place, claimed] / minutes, 1)
        line.completed_per_minute = round(numbers[place, completed] / minutes, 1)


def _depths(house: House, places: list[Place]) -> dict[Place, int | None]:
    try:
        with redis.hint() as client:
            pipe = client.pipeline(transaction=False)
            for role, band in places:
                pipe.llen(redis.queue(band, house.id, role))
            return dict(zip(places, pipe.execute(), strict=True))
    except redis.Away:
        return dict.fromkeys(places)


def _row(line: Line) -> tuple[object, ...]:
    return (
        line.role,
        line.band,
        line.queued,
        "away" if line.in_redis is None else line.in_redis,
        show.span(clock.now() - line.oldest_at) if line.oldest_at else show.NOTHING,
        line.running,
        line.claimed_per_minute,
        line.completed_per_minute,
    )
