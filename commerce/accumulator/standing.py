"""How the mirror stands beside the ledger, and how it is put right. It is late by nature, and that is no drift."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import connection

from chimera.kernel import clock, ids, redis, tenancy
from commerce.accumulator import days
from commerce.accumulator.days import MICRO, TTL_SECONDS, Day
from commerce.drift import NOTHING, Drift, Place
from commerce.models import SpendWindow
from commerce.states import WindowKind

LATE_SECONDS = 10  # written once a second, when the log's writers are done; what moved since then may be in it or not

_MOVED = """
SELECT coalesce(sum(moved) FILTER (WHERE moved > 0 AND recent), 0), coalesce(sum(moved) FILTER (WHERE moved < 0 AND recent), 0),
       max(at)
FROM (
    SELECT at, at > now() - %s * interval '1 second' AS recent, held_usd + captured_usd
           - coalesce(lag(held_usd + captured_usd) OVER (PARTITION BY transaction_id ORDER BY version), 0) AS moved
    FROM commerce_transition WHERE tenant_id = %s AND transaction_id >= %s AND transaction_id < %s
) steps
"""


@dataclass(frozen=True, slots=True)
class Named:
    """The tenant and day that a key names."""

    tenant_id: UUID
    starts_on: date


def read(tenant_id: UUID | None) -> dict[str, str]:
    """Every key of the mirror and what it says, of one tenant or of all. Read it before the ledger; Away without Redis."""
    with redis.hint() as client:
        keys = [str(key) for key in client.scan_iter(match=redis.spends(tenant_id), count=1000)]
        values = client.mget(keys) if keys else []
    return {key: str(value) for key, value in zip(keys, values, strict=True) if value is not None}


def compare(said: Mapping[str, str], tenant_id: UUID | None) -> Iterator[Drift]:
    """Keys that say what the ledger never was in the last seconds, are missing, or name no day of any tenant."""
    known = {day.key: day for day in _days(said, tenant_id)}
    for key, day in known.items():
        yield from _differing(day, said.get(key))
    for key in said.keys() - known.keys():
        named = _named(key)
        detail = "nothing was ever asked for on that day"
        yield Drift(Place.MIRROR, named.tenant_id if named else None, key, "value", NOTHING, said[key], detail)


def repair(keys: Collection[str]) -> None:
    """Write these days anew out of the ledger, and remove what is no day of any tenant. Away without Redis."""
    with tenancy.system():
        found = [day for key in keys if (day := _day(_named(key))) is not None]
        sums = days.sums(found)
    days.write(sums)
    with redis.hint() as client:
        for key in set(keys) - set(sums):
            client.delete(key)


def _differing(day: Day, said: str | None) -> Iterator[Drift]:
    """A key that is missing says zero, unless its time to live is over."""
    total = days.sum_of(day)
    risen, fallen, last = _moved(day)
    if said is None and (last is None or clock.now() - last > timedelta(seconds=TTL_SECONDS - LATE_SECONDS)):
        return
    least, most = total - risen, total - fallen
    value = "0" if said is None else said
    if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
        expected = str(total) if least == most else f"{least} to {most}"
        yield Drift(Place.MIRROR, day.tenant_id, day.key, "value", expected, said or NOTHING, _bounds(day))


def _moved(day: Day) -> tuple[int, int, datetime | None]:
    """Micro-dollars by which the day rose and fell in the last LATE_SECONDS, and when it last moved at all."""
    bounds = (ids.first_of(day.starts_at), ids.first_of(day.ends_at))
    with connection.cursor() as cursor:
        cursor.execute(_MOVED, [LATE_SECONDS, day.tenant_id, *bounds])
        risen, fallen, last = cursor.fetchone()
    return _micro(risen), _micro(fallen), last


def _micro(usd: Decimal) -> int:
    return int(usd * MICRO)


def _bounds(day: Day) -> str:
    return f"the day from {day.starts_at.isoformat()} to {day.ends_at.isoformat()}"


def _days(said: Iterable[str], tenant_id: UUID | None) -> Iterator[Day]:
    """The days that the mirror should hold, and older ones that Redis has not forgotten yet."""
    windows = days.kept() if tenant_id is None else days.kept().filter(tenant_id=tenant_id)
    kept = {day.key: day for day in days.of(windows)}
    yield from kept.values()
    for key in said:
        if key not in kept and (day := _day(_named(key))) is not None:
            yield day


def _day(named: Named | None) -> Day | None:
    if named is None:
        return None
    windows = SpendWindow.objects.filter(kind=WindowKind.DAY, tenant_id=named.tenant_id, starts_on=named.starts_on)
    return next(iter(days.of(windows)), None)


def _named(key: str) -> Named | None:
    tenant, _, day = key.removeprefix(redis.spends(None).partition("*")[0]).partition(":")
    try:
        return Named(UUID(tenant), date.fromisoformat(day))
    except ValueError:
        return None
