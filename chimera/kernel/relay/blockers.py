"""Who holds the log back: transactions that have an id and are still running, in any database of the cluster."""

from dataclasses import dataclass
from typing import Any

from django.db import connection

# As owner, who is granted pg_read_all_stats where that could be had; without it ages and states stay unknown (NULL).
BLOCKERS_SQL = """
CREATE FUNCTION chimera_eventlog_blockers()
RETURNS TABLE (pid int, database text, role text, application text, state text, prepared text, age_seconds float8)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT b.pid, b.database, b.role, b.application, b.state, b.prepared, b.age_seconds FROM (
        SELECT a.pid, a.datname::text AS database, a.usename::text AS role, a.application_name AS application, a.state,
               NULL::text AS prepared, a.backend_xid AS xid,
               extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS age_seconds
        FROM pg_stat_activity a WHERE a.backend_xid IS NOT NULL AND a.pid <> pg_backend_pid()
        UNION ALL
        SELECT NULL, p.database::text, p.owner::text, NULL, 'prepared', p.gid, p.transaction,
               extract(epoch FROM clock_timestamp() - p.prepared)::float8
        FROM pg_prepared_xacts p
    ) b ORDER BY age(b.xid) DESC
$$;
REVOKE ALL ON FUNCTION chimera_eventlog_blockers() FROM PUBLIC;
"""
BLOCKERS_REVERSE_SQL = "DROP FUNCTION chimera_eventlog_blockers();"


@dataclass(frozen=True, slots=True)
class Blocker:
    """A running writer; the first of a list is the one the log waits for."""

    pid: int | None  # None: a prepared transaction, which no process owns
    database: str
    role: str
    application: str
    state: str
    prepared: str  # its gid, for ROLLBACK PREPARED
    age_seconds: float | None  # None: the owner may not read it (GRANT pg_read_all_stats)

    def __str__(self) -> str:
        who = f"pid {self.pid}" if self.pid else f"prepared transaction {self.prepared!r}"
        age = f"{self.age_seconds:.0f} s" if self.age_seconds is not None else "unknown age"
        what = f"{self.application or 'unnamed'}, {self.state or 'state unknown'}, {age}"
        return f"{who} ({self.role} in database {self.database}, {what})"


def eventlog_blockers(*, older_than_seconds: float = 1.0) -> list[Blocker]:
    """Transactions that have been holding the log back for so long, the oldest first."""
    sql = "SELECT pid, database, role, application, state, prepared, age_seconds FROM chimera_eventlog_blockers()"
    with connection.cursor() as cursor:
        cursor.execute(sql)
        found = [_blocker(*row) for row in cursor.fetchall()]
    return [b for b in found if b.age_seconds is None or b.age_seconds >= older_than_seconds]


def _blocker(pid: int | None, *rest: Any) -> Blocker:
    database, role, application, state, prepared = (text or "" for text in rest[:5])
    return Blocker(pid, database, role, application, state, prepared, rest[5])
