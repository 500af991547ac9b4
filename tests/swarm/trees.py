"""Sessions of ten thousand tasks, written straight into the tables: making them is not what is tested."""

from typing import Any
from uuid import UUID

import psycopg
from django.db import connection

from tests import cluster
from tests.cast import Stage

MANY = 10_000

_COLUMNS = """
    id, tenant_id, session_id, parent_task_id, type, role, requires, description, input_payload, metadata,
    concurrency_key, priority, risk_tier, execution_mode, judged, status, blocked_reason, attempt_count, max_attempts,
    error, created_by, created_at, queued_at, completed_at, version
"""
_CHILDREN = f"""
    INSERT INTO swarm_task ({_COLUMNS})
    SELECT uuidv7(), %(tenant)s, %(session)s, %(parent)s, 'part', 'worker', '{{}}', '', '{{}}', '{{}}',
           '', 50, 3, 'auto', false, %(status)s, '', 0, 3, CASE WHEN %(status)s = 'failed' THEN %(error)s::jsonb END, %(by)s, now(),
           CASE WHEN %(status)s = 'queued' THEN now() END,
           CASE WHEN %(status)s IN ('completed', 'failed', 'cancelled') THEN now() END, 1
    FROM generate_series(1, %(number)s)
    RETURNING id
"""
_ERROR = '{"code": "odd", "message": "It is odd.", "retryable": false}'


def children(
    stage: Stage, session: str, number: int, *, parent: str | None = None, status: str = "queued"
) -> list[UUID]:
    """So many tasks of Pia's in a status; in the order of their ids."""
    asked: dict[str, Any] = {
        "tenant": stage.tenant_id,
        "session": session,
        "parent": parent,
        "number": number,
        "status": status,
        "error": _ERROR,
    }
    with stage.bound(), connection.cursor() as cursor:
        cursor.execute(_CHILDREN, asked | {"by": f"agent:{stage.pia.id}"})
        made = sorted(row[0] for row in cursor.fetchall())
    analyse()
    return made


def depend(stage: Stage, task: str, on: list[UUID]) -> None:
    sql = """
        INSERT INTO swarm_taskdependency (id, tenant_id, task_id, depends_on_id)
        SELECT uuidv7(), %s::uuid, %s::uuid, before FROM unnest(%s::uuid[]) AS before
    """
    with stage.bound(), connection.cursor() as cursor:
        cursor.execute(sql, [stage.tenant_id, task, on])
    analyse()


def analyse() -> None:
    """As autovacuum does within a minute of such a batch."""
    with psycopg.connect(cluster.postgres.urls.superuser, autocommit=True) as elsewhere:
        elsewhere.execute("ANALYZE swarm_task, swarm_taskdependency")
