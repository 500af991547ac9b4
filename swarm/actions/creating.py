"""New tasks: their rows, and the fact that they are there, in one statement; what they wait for, and their creator's own ids."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from chimera.kernel import clock, ids, prepared, tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.errors import invalid
from chimera.kernel.eventlog import TOLD
from chimera.kernel.http.trace import current_trace
from chimera.kernel.prepared import Asked
from swarm.actions import references
from swarm.events import TaskCreated
from swarm.models import ExternalId, SwarmSession, Task, TaskDependency
from swarm.models.task import ExecutionMode
from swarm.states import TASK


@dataclass(frozen=True, kw_only=True)
class NewTask:
    """What a caller says of a task to be."""

    session_id: UUID
    type: str
    input_payload: dict[str, Any]
    role: str = "worker"
    requires: tuple[str, ...] = ()
    description: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    external_id: str | None = None
    priority: int = 50
    parent_task_id: UUID | None = None
    depends_on: tuple[UUID, ...] = ()
    depends_on_children_of: UUID | None = None  # those that are there by then
    max_attempts: int = 3
    timeout_seconds: int | None = None
    not_before: datetime | None = None
    deadline_at: datetime | None = None
    risk_tier: int = 2
    execution_mode: str = "auto"
    concurrency_key: str = ""
    judged: bool = False
    budget_usd: Decimal | None = None

    @property
    def is_plain(self) -> bool:
        """Whether nothing about it needs a look at the database, but for its session."""
        refers = self.parent_task_id or self.depends_on or self.depends_on_children_of or self.external_id
        timed = self.not_before or self.deadline_at
        return not (refers or timed or self.budget_usd or self.execution_mode == ExecutionMode.MANUAL)


def create(*, session: SwarmSession, tasks: Sequence[NewTask], by: Actor) -> list[Task]:
    """Create tasks of one session, locked by the caller; all or none. PENDING until their ids are handed to Redis."""
    awaited = references.awaited(session, tasks)
    rows = [row(new, by) for new in tasks]
    references.check_external_ids(rows)
    if rows:
        prepared.ask(*inserting(rows, awaited=[len(theirs) for theirs in awaited]))
    for one in rows:
        one.session = session
    ExternalId.objects.bulk_create(
        [ExternalId(value=one.external_id, task_id=one.pk) for one in rows if one.external_id]
    )
    TaskDependency.objects.bulk_create(
        [
            TaskDependency(task_id=one.pk, depends_on_id=d)
            for one, theirs in zip(rows, awaited, strict=True)
            for d in theirs
        ],
        batch_size=1_000,  # each row is checked by a trigger, and a statement is not to take seconds
    )
    return rows


def row(new: NewTask, by: Actor) -> Task:
    """Unsaved; 422 for times that cannot be."""
    if new.deadline_at and new.deadline_at <= clock.now():
        raise invalid("`deadline_at` lies in the past.", field_name="deadline_at")
    if new.deadline_at and new.not_before and new.not_before >= new.deadline_at:
        raise invalid("`not_before` must be earlier than `deadline_at`.", field_name="not_before")
    return Task(
        id=ids.uuid7(),
        session_id=new.session_id,
        type=new.type,
        role=new.role,
        requires=sorted(set(new.requires)),
        description=new.description,
        input_payload=new.input_payload,
        metadata=new.metadata,
        external_id=new.external_id,
        priority=new.priority,
        parent_task_id=new.parent_task_id,
        max_attempts=new.max_attempts,
        timeout_seconds=new.timeout_seconds,
        not_before=new.not_before,
        deadline_at=new.deadline_at,
        risk_tier=new.risk_tier,
        execution_mode=new.execution_mode,
        concurrency_key=new.concurrency_key,
        judged=new.judged,
        budget_usd=new.budget_usd,
        created_by=str(by),
        created_at=clock.now(),
    )


def inserting(rows: Sequence[Task], *, awaited: Sequence[int] = ()) -> Asked:
    """What inserts rows of `row` and tells that they were created, in this order. `awaited`: for how many tasks each waits."""
    numbers = awaited or [0] * len(rows)
    said = [_said(one, number) for one, number in zip(rows, numbers, strict=True)]
    asked = {"rows": json.dumps(said), "tenant": tenancy.current(), "trace": current_trace(), "status": str(TASK.start)}
    return _INSERT, asked | {"fact": TaskCreated.full_type()}


_FIELDS = {
    "type": "text",
    "role": "text",
    "requires": "text[]",
    "description": "text",
    "input_payload": "jsonb",
    "metadata": "jsonb",
    "external_id": "text",
    "priority": "smallint",
    "max_attempts": "smallint",
    "timeout_seconds": "int",
    "not_before": "timestamptz",
    "deadline_at": "timestamptz",
    "risk_tier": "smallint",
    "execution_mode": "text",
    "concurrency_key": "text",
    "judged": "boolean",
    "budget_usd": "numeric",
    "created_by": "text",
    "created_at": "timestamptz",
}
_REFERS = {"id": "uuid", "session_id": "uuid", "parent_task_id": "uuid"}
_BESIDE = {"fact": "uuid", "awaits": "int"}
_READ = ", ".join(f"{name} {kind}" for name, kind in (_REFERS | _FIELDS | _BESIDE).items())
_NAMES = ", ".join(_REFERS | _FIELDS)
# All rows come as one JSON array: a parameter for every column of every row costs more than everything else together.
_INSERT = f"""
    WITH new AS MATERIALIZED (SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS asked ({_READ})), made AS (
        INSERT INTO swarm_task ({_NAMES}, tenant_id, version, status, blocked_reason, attempt_count)
        SELECT {_NAMES}, %(tenant)s::uuid, 1, %(status)s::text, '', 0 FROM new
    )
    INSERT INTO kernel_event ({TOLD})
    SELECT fact, %(tenant)s::uuid, session_id, id, id, 1, %(fact)s::text, jsonb_build_object(
        'aggregate_id', id, 'aggregate_version', 1, 'session_id', session_id, 'task_id', id, 'status', %(status)s::text,
        'task_type', type, 'role', role, 'priority', priority, 'agent', NULL, 'concurrency_key', concurrency_key,
        'parent', parent_task_id, 'depends_on', awaits
    ), created_by, %(trace)s::text, created_at FROM new
"""


def _said(one: Task, awaits: int) -> dict[str, Any]:
    """The row as JSON; what is text already goes as it is."""
    said = {name: getattr(one, name) for name in _FIELDS}
    said["budget_usd"] = str(one.budget_usd) if one.budget_usd else None
    for name in ("not_before", "deadline_at", "created_at"):
        said[name] = said[name].isoformat() if said[name] else None
    ours = {name: str(value) if (value := getattr(one, name)) else None for name in _REFERS}
    return said | ours | {"fact": str(ids.uuid7()), "awaits": awaits}
