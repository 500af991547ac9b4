"""Progress: kept in Redis while the task runs, written to PostgreSQL every few seconds and on completion."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from chimera.kernel import clock, ids, prepared, redis
from chimera.kernel.actors import SYSTEM
from chimera.kernel.eventlog import tell
from chimera.kernel.prepared import Row
from swarm.events import TaskProgressed
from swarm.models import Task, TaskProgress

TTL_SECONDS = 3600


@dataclass(frozen=True)
class Note:
    """What an agent says of its task's progress: {phase, percentage?, message?, metadata?}."""

    task_id: UUID
    tenant_id: UUID
    agent: str
    progress: Mapping[str, Any]


def note(*, task_id: UUID, tenant_id: UUID, agent: str, progress: Mapping[str, Any]) -> bool:
    """Put the newest progress into Redis, marked unwritten. False while Redis is away; the caller then writes it at once."""
    return note_all([Note(task_id, tenant_id, agent, progress)])


def note_all(notes: Sequence[Note]) -> bool:
    """The same for many, in one round trip."""
    try:
        with redis.hint() as client:
            pipe = client.pipeline(transaction=True)
            for one in notes:
                pipe.hset(redis.progress(one.task_id), mapping=_noted_as(one))
                pipe.expire(redis.progress(one.task_id), TTL_SECONDS)
            pipe.execute()
    except redis.Away:
        return False
    return True


def _noted_as(one: Note) -> dict[Any, Any]:
    said = one.progress
    return {
        "tenant": str(one.tenant_id),
        "agent": one.agent,
        "phase": said["phase"],
        "percentage": "" if said.get("percentage") is None else str(said["percentage"]),
        "message": said.get("message", ""),
        "metadata": json.dumps(said.get("metadata", {})),
        "at": clock.now().isoformat(),
        "unwritten": "1",
    }


def write(*, rows: Mapping[UUID, Mapping[str, Any]]) -> int:
    """Append progress rows of the bound tenant, in two statements; tasks that are gone are left out."""
    tasks = {t.pk: t for t in Task.objects.filter(pk__in=list(rows)).only("id", "session_id", "version", "tenant_id")}
    kept = {task_id: row for task_id, row in rows.items() if task_id in tasks}
    if not kept:
        return 0
    TaskProgress.objects.bulk_create(
        [
            TaskProgress(
                task_id=task_id,
                id=ids.uuid7(),
                phase=row["phase"],
                percentage=Decimal(str(row["percentage"])) if row.get("percentage") not in (None, "") else None,
                message=row.get("message", ""),
                metadata=row["metadata"]
                if isinstance(row.get("metadata"), dict)
                else json.loads(row.get("metadata") or "{}"),
            )
            for task_id, row in kept.items()
        ]
    )
    tell(
        *(
            TaskProgressed(
                aggregate_id=task_id,
                aggregate_version=tasks[task_id].version,
                session_id=tasks[task_id].session_id,
                task_id=task_id,
                phase=row["phase"],
                percentage=str(row["percentage"]) if row.get("percentage") not in (None, "") else None,
                message=row.get("message", ""),
            )
            for task_id, row in kept.items()
        ),
        by=SYSTEM,
    )
    return len(kept)


def unwritten(task_ids: list[UUID]) -> dict[UUID, dict[str, str]]:
    """From Redis: the progress of these tasks that is not in PostgreSQL yet. Empty while Redis is away."""
    return {task_id: row for task_id, row in _noted(task_ids).items() if row.get("unwritten") == "1"}


def _noted(task_ids: Sequence[UUID]) -> dict[UUID, dict[str, str]]:
    """What Redis has of these tasks: of most nothing, and then it is asked in one command. Empty while it is away."""
    if not task_ids:
        return {}
    try:
        with redis.hint() as client:
            if len(task_ids) > 1 and not client.exists(*map(redis.progress, task_ids)):
                return {}
            pipe = client.pipeline(transaction=False)
            for task_id in task_ids:
                pipe.hgetall(redis.progress(task_id))
            found = pipe.execute()
    except redis.Away:
        return {}
    return {task_id: row for task_id, row in zip(task_ids, found, strict=True) if row}


def mark_written(rows: Mapping[UUID, Mapping[str, str]]) -> None:
    """After the commit: a newer progress that came meanwhile stays unwritten (compared by its time)."""
    script = (
        "if redis.call('HGET', KEYS[1], 'at') == ARGV[1] then return redis.call('HSET', KEYS[1], 'unwritten', '0') end"
    )
    try:
        with redis.hint() as client:
            pipe = client.pipeline(transaction=False)
            for task_id, row in rows.items():
                pipe.eval(script, 1, redis.progress(task_id), row["at"])
            pipe.execute()
    except redis.Away:
        return


def latest_noted(task_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """The newest progress of these tasks as far as Redis has it; none while it is away."""
    return {
        task_id: {
            "phase": row["phase"],
            "percentage": float(row["percentage"]) if row["percentage"] else None,
            "message": row["message"],
            "metadata": json.loads(row["metadata"]),
            "at": row["at"],
        }
        for task_id, row in _noted(task_ids).items()
    }


def latest(task_id: UUID) -> dict[str, Any] | None:
    """The newest progress: from Redis, else from PostgreSQL."""
    noted = latest_noted([task_id])
    return (noted or shown(prepared.ask(LATEST, {"ids": [task_id], "first": task_id, "last": task_id}))).get(task_id)


# Of each task the newest that PostgreSQL has. `first` and `last` are the least and the greatest of `ids`.
LATEST = """
    SELECT DISTINCT ON (p.task_id) p.task_id, p.phase, p.percentage, p.message, p.metadata, p.created_at
    FROM swarm_taskprogress p
    WHERE p.task_id = ANY(%(ids)s::uuid[]) AND p.task_id BETWEEN %(first)s::uuid AND %(last)s::uuid
    ORDER BY p.task_id, p.id DESC
"""


def shown(rows: Sequence[Row]) -> dict[UUID, dict[str, Any]]:
    """Rows of LATEST by task."""
    return {
        task_id: {
            "phase": phase,
            "percentage": float(percentage) if percentage is not None else None,
            "message": message,
            "metadata": json.loads(metadata),
            "at": at.isoformat(),
        }
        for task_id, phase, percentage, message, metadata, at in rows
    }
