"""A session's history in PostgreSQL, for viewers: settled facts of their own tenant, page by page. Synchronous."""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from prometheus_client import Counter

from chimera.kernel import eventlog, tenancy
from chimera.kernel.eventlog import Position, Recorded

PAGE = 500  # events read at once for one viewer
READS = Counter("chimera_live_history_reads_total", "Reads of PostgreSQL on behalf of live viewers")


@dataclass(frozen=True, slots=True)
class Gap:
    """Everything after `after` and before `oldest` was removed by retention."""

    after: Position
    oldest: Position | None  # None: nothing of the session is left


def page(tenant_id: UUID, session_id: UUID, after: Position, *, limit: int = PAGE) -> list[Recorded]:
    READS.inc()
    with tenancy.bound(tenant_id):
        return eventlog.read(after, limit=limit, session_id=session_id)


def gap(tenant_id: UUID, session_id: UUID, after: Position) -> Gap | None:
    """What retention removed between a cursor and the oldest fact kept."""
    READS.inc()
    with tenancy.bound(tenant_id):
        return gap_in_transaction(session_id, after)


def gap_in_transaction(session_id: UUID, after: Position) -> Gap | None:
    """The first fact of a session is its own creation (the session is its aggregate, version 1). While that is kept,
    nothing is missing; otherwise whatever lay before the oldest fact is gone."""
    sql = """
        SELECT xid, seq, aggregate_id = session_id AND aggregate_version = 1
        FROM kernel_event WHERE session_id = %s ORDER BY xid, seq LIMIT 1
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, [session_id])
        row = cursor.fetchone()
    if row is None:
        return Gap(after, None)
    oldest, whole = Position(row[0], row[1]), bool(row[2])
    return None if whole or after >= oldest else Gap(after, oldest)
