"""A statement of some days: read day by day, in one snapshot, with bounded memory. Reads only."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from chimera.kernel import clock, ids, tenancy
from chimera.kernel.errors import invalid
from commerce.limits import ZERO
from commerce.statements import NAMED, Figures, Grouping, Line, Statement
from swarm.models import AgentProfile, Campaign, Tenant

DAYS_MAX = 366  # of one statement; a year and its leap day
LINES_MAX = 500_000  # about 100 MB of CSV; whoever needs more asks for less time at once
FIRST_DAY = date(2020, 1, 1)  # the ledger's ids carry their time, and begin later
Key = tuple[UUID | None, ...]

_COLUMNS = {Grouping.CAMPAIGN: "s.campaign_id", Grouping.AGENT: "t.agent_id"}
_MODELS: dict[Grouping, Any] = {Grouping.CAMPAIGN: Campaign, Grouping.AGENT: AgentProfile}
_SESSIONS = "LEFT JOIN swarm_swarmsession s ON s.id = t.session_id"
_ASKED = """
    count(*), coalesce(sum(t.amount_usd), 0),
    count(*) FILTER (WHERE t.status IN ('held', 'review')),
    coalesce(sum(t.amount_usd) FILTER (WHERE t.status IN ('held', 'review')), 0),
    count(*) FILTER (WHERE t.status = 'captured'), coalesce(sum(t.captured_usd), 0),
    coalesce(sum(t.amount_usd - t.captured_usd), 0),
    count(*) FILTER (WHERE t.status = 'voided'), coalesce(sum(t.amount_usd) FILTER (WHERE t.status = 'voided'), 0),
    count(*) FILTER (WHERE t.status = 'expired'), coalesce(sum(t.amount_usd) FILTER (WHERE t.status = 'expired'), 0),
    count(*) FILTER (WHERE t.status = 'denied'), coalesce(sum(t.amount_usd) FILTER (WHERE t.status = 'denied'), 0),
    count(*) FILTER (WHERE t.settled_at IS NOT NULL AND t.metered_usd > coalesce(t.captured_usd, 0)),
    coalesce(sum(t.metered_usd - coalesce(t.captured_usd, 0)) FILTER (WHERE t.settled_at IS NOT NULL), 0)
"""


@contextmanager
def snapshot(tenant_id: UUID) -> Iterator[None]:
    """A transaction that sees the tenant's ledger as it is at one moment, however many queries a statement takes."""
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        with tenancy.bound(tenant_id):
            yield


def show_statement(*, first: date | None, last: date | None, group: Iterable[Grouping]) -> Statement:
    """Of the bound tenant; its lines are read while they are asked for, in this transaction.

    Days are those of the tenant's time zone; without `first` the month of `last`, without `last` until today. 422 for days
    that are none or too many.
    """
    tenant = Tenant.objects.get(pk=tenancy.current())
    last = last or clock.day_in(tenant.time_zone)
    first = first or last.replace(day=1)
    check_days(first, last)
    found = Statement(tenant.pk, tenant.name, tenant.time_zone, first, last, tuple(dict.fromkeys(group)), iter(()))
    found.lines = _lines(found)
    return found


def check_days(first: date, last: date) -> None:
    if first > last:
        raise invalid("`from` is later than `to`.", field_name="from", code="invalid_days")
    if first < FIRST_DAY or last > clock.now().date() + timedelta(days=DAYS_MAX):
        raise invalid("These days lie outside the ledger's time.", field_name="from", code="invalid_days")
    if (last - first).days >= DAYS_MAX:
        raise invalid(
            f"A statement is of at most {DAYS_MAX} days; ask for several.", field_name="to", code="invalid_days"
        )


def _lines(statement: Statement) -> Iterator[Line]:
    lines = _by_day(statement) if Grouping.DAY in statement.group else _in_all(statement)
    for number, line in enumerate(lines):
        if number == LINES_MAX:
            raise invalid(
                f"This has more than {LINES_MAX} lines; ask for less time, or group by less.", code="too_large"
            )
        yield line


def _by_day(statement: Statement) -> Iterator[Line]:
    names = _Names(statement)
    for day in _days(statement):
        figures = _asked(statement, day)
        opening = _opening(statement, day)
        names.learn({*figures, *opening})
        for key in sorted({*figures, *opening}, key=str):
            asked = figures.get(key, Figures())
            opened = opening.get(key, Figures())
            statement.total += asked + opened if day == statement.first else asked
            yield Line(opened + asked, day, *names.of(key))


def _in_all(statement: Statement) -> Iterator[Line]:
    """One line for each key, so what is kept grows with the keys, not with the days."""
    found = _opening(statement, statement.first)
    for day in _days(statement):
        for key, figures in _asked(statement, day).items():
            found[key] = found.get(key, Figures()) + figures
    names = _Names(statement)
    names.learn(found)
    for key in sorted(found, key=str):
        statement.total += found[key]
        yield Line(found[key], None, *names.of(key))


def _days(statement: Statement) -> Iterator[date]:
    for number in range((statement.last - statement.first).days + 1):
        yield statement.first + timedelta(days=number)


def _asked(statement: Statement, day: date) -> dict[Key, Figures]:
    """Of what was asked for in that day; a day without anything has no key, or zeros where there are no keys."""
    start, end = clock.day_bounds(statement.time_zone, day)
    rows = _rows(statement, _ASKED, "t.id >= %s AND t.id < %s", [ids.first_of(start), ids.first_of(end)])
    return {key: Figures(0, ZERO, *values) for key, values in rows}


def _opening(statement: Statement, day: date) -> dict[Key, Figures]:
    """Of what was asked for before that day, and was open when it began."""
    start, _ = clock.day_bounds(statement.time_zone, day)
    still = "t.id < %s AND (t.settled_at IS NULL OR t.settled_at >= %s)"
    rows = _rows(statement, "count(*), coalesce(sum(t.amount_usd), 0)", still, [ids.first_of(start), start])
    return {key: Figures(*values) for key, values in rows}


def _rows(statement: Statement, what: str, where: str, params: Sequence[Any]) -> list[tuple[Key, list[Any]]]:
    keys = [_COLUMNS[grouping] for grouping in NAMED if grouping in statement.group and grouping in _COLUMNS]
    joined = _SESSIONS if Grouping.CAMPAIGN in statement.group else ""
    grouped = f"GROUP BY {', '.join(keys)}" if keys else ""
    sql = (
        f"SELECT {', '.join([*keys, what])} FROM commerce_transaction t {joined}"
        f" WHERE t.tenant_id = %s AND {where} {grouped}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [statement.tenant_id, *params])
        return [(tuple(row[: len(keys)]), [_exact(v) for v in row[len(keys) :]]) for row in cursor.fetchall()]


def _exact(value: Any) -> int | Decimal:
    return value if isinstance(value, int) else Decimal(value)


class _Names:
    """Of what the keys are; each is asked for once, those of a day together."""

    def __init__(self, statement: Statement) -> None:
        self._tenant = (statement.tenant_id, statement.tenant_name) if Grouping.TENANT in statement.group else None
        self._kinds = [g for g in NAMED if g in statement.group and g in _MODELS]
        self._known: dict[UUID | None, str] = {None: ""}

    def learn(self, keys: Iterable[Key]) -> None:
        for kind, column in zip(self._kinds, zip(*keys, strict=True), strict=False):
            if fresh := set(column) - set(self._known):
                found = dict(_MODELS[kind].objects.filter(pk__in=fresh).values_list("pk", "name"))
                self._known |= {key: found.get(key, "") for key in fresh}

    def of(self, key: Key) -> tuple[dict[Grouping, UUID | None], dict[Grouping, str]]:
        keys: dict[Grouping, UUID | None] = dict(zip(self._kinds, key, strict=True))
        names = {kind: self._known[value] for kind, value in keys.items()}
        if self._tenant:
            keys = {Grouping.TENANT: self._tenant[0], **keys}
            names = {Grouping.TENANT: self._tenant[1], **names}
        return keys, names
