"""Rows as the API shows them, without one query per row."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Func, IntegerField, TextField
from django.db.models.functions import Cast

from chimera.kernel import prepared
from chimera.kernel.http.parsing import money_text
from chimera.kernel.prepared import Asked, Row
from swarm import queries
from swarm.actions import progress
from swarm.models import Task, TaskArtifact, TaskResult
from swarm.serializers.tasks import WAITING_FOR_SHOWN_MAX
from swarm.states import TaskStatus


def tasks(rows: Sequence[Task], *, with_results: bool = True) -> list[dict[str, Any]]:
    """For lists: three queries and one read of Redis, for any number of tasks; one more where some wait for others.

    Progress is that of running tasks, as far as Redis has it; artifacts say how large their content is instead of
    repeating it. Without `with_results` (tasks just made or claimed) both are left out.
    """
    found = list(rows)
    if not with_results:
        return _shown(found, {}, {})
    running = [t.pk for t in found if t.status == TaskStatus.RUNNING]
    results = _results([t.pk for t in found])
    return _shown(found, results, progress.latest_noted(running))


def fresh(rows: Sequence[Task], *, waited: Collection[UUID]) -> list[dict[str, Any]]:
    """Tasks just made or claimed, without results and progress; only the `waited` ones can depend on others.

    No query when there are none of these.
    """
    awaited = iter(_shown([row for row in rows if row.pk in waited], {}, {}) if waited else ())
    return [next(awaited) if row.pk in waited else _shape(row, NOTHING) for row in rows]


def task(row: Task) -> dict[str, Any]:
    """One task with everything: its artifacts' content, and its newest progress even when Redis has none."""
    return tasks_in_full([row])[0]


def tasks_in_full(rows: Sequence[Task]) -> list[dict[str, Any]]:
    """The same for several, in one round trip and one read of Redis."""
    return _in_full(rows, prepared.ask_all(_related(_bounds([row.pk for row in rows])))) if rows else []


def tasks_by_id(task_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """The same by id, of those that exist, as they are now."""
    if not task_ids:
        return {}
    asked = _bounds(task_ids)
    found, *related = prepared.ask_all([(_TASKS, asked), *_related(asked)])
    rows = [prepared.instance(Task, row) for row in found]
    return dict(zip((row.pk for row in rows), _in_full(rows, related), strict=True))


def _related(asked: dict[str, Any]) -> list[Asked]:
    return [
        (_RESULTS, asked),
        (_ARTIFACTS, asked),
        (progress.LATEST, asked),
        queries.awaiting(asked["ids"], most=settings.DEPENDENCIES_SHOWN_MAX),
    ]


def _in_full(rows: Sequence[Task], related: Sequence[Sequence[Row]]) -> list[dict[str, Any]]:
    results, artifacts, kept, awaited = related
    contents: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for result_id, type_, uri, content in artifacts:
        contents[result_id].append(
            {"type": type_} | ({"uri": uri} if content is None else {"content": json.loads(content)})
        )
    shown: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for result in (prepared.instance(TaskResult, row) for row in results):
        shown[result.task_id].append(_result_shape(result, contents[result.id]))
    latest = progress.shown(kept) | progress.latest_noted([row.pk for row in rows if row.attempt_count])
    return _with_awaited(rows, queries.counted(awaited, most=settings.DEPENDENCIES_SHOWN_MAX), shown, latest)


def _bounds(task_ids: Sequence[UUID]) -> dict[str, Any]:
    """`first` and `last` keep a plan to the months in which the tasks lie."""
    return {"ids": list(task_ids), "first": min(task_ids), "last": max(task_ids)}


_THOSE = "= ANY(%(ids)s::uuid[])"
_BETWEEN = "BETWEEN %(first)s::uuid AND %(last)s::uuid"
_TASKS = f"SELECT {prepared.columns(Task, 't')} FROM swarm_task t WHERE t.id {_THOSE} AND t.id {_BETWEEN}"
_RESULTS = f"""
    SELECT {prepared.columns(TaskResult, "r")} FROM swarm_taskresult r
    WHERE r.task_id {_THOSE} AND r.task_id {_BETWEEN} ORDER BY r.id
"""
_ARTIFACTS = f"""
    SELECT a.result_id, a.type, a.uri, a.content FROM swarm_taskartifact a
    WHERE a.task_id {_THOSE} AND a.task_id {_BETWEEN} ORDER BY a.id
"""


def _shown(
    found: Sequence[Task],
    results: Mapping[UUID, list[dict[str, Any]]],
    latest: Mapping[UUID, dict[str, Any]],
) -> list[dict[str, Any]]:
    awaited = queries.awaited([t.pk for t in found], most=settings.DEPENDENCIES_SHOWN_MAX)
    return _with_awaited(found, awaited, results, latest)


def _with_awaited(
    found: Sequence[Task],
    awaited: tuple[Mapping[UUID, list[UUID]], Mapping[UUID, int]],
    results: Mapping[UUID, list[dict[str, Any]]],
    latest: Mapping[UUID, dict[str, Any]],
) -> list[dict[str, Any]]:
    depends_on, numbers = awaited
    waiting = [t.pk for t in found if t.status == TaskStatus.PENDING and numbers.get(t.pk)]
    unmet = queries.unmet(waiting, most=WAITING_FOR_SHOWN_MAX)
    return [
        _shape(
            row,
            Around(
                depends_on=[str(task_id) for task_id in depends_on.get(row.pk, ())],
                depends_on_count=numbers.get(row.pk, 0),
                waiting_for=[
                    {"task": str(task_id), "status": str(status)} for task_id, status in unmet.get(row.pk, ())
                ],
                progress=latest.get(row.pk),
                results=results.get(row.pk, []),
            ),
        )
        for row in found
    ]


@dataclass(frozen=True)
class Around:
    """What is shown of a task and does not stand in its row."""

    depends_on: Sequence[str] = ()
    depends_on_count: int = 0
    waiting_for: Sequence[dict[str, str]] = ()
    progress: dict[str, Any] | None = None
    results: Sequence[dict[str, Any]] = ()


NOTHING = Around()


def _shape(row: Task, around: Around) -> dict[str, Any]:
    """As `TaskShape` says, of which its fields would take a quarter of a millisecond."""
    return {
        "id": str(row.pk),
        "external_id": row.external_id,
        "description": row.description,
        "metadata": row.metadata,
        "execution_mode": str(row.execution_mode),
        "session": str(row.session_id),
        "agent": _id(row.agent_id),
        "parent_task": _id(row.parent_task_id),
        "depends_on": list(around.depends_on),
        "depends_on_count": around.depends_on_count,
        "waiting_for": list(around.waiting_for),
        "type": row.type,
        "role": str(row.role),
        "requires": row.requires,
        "status": str(row.status),
        "priority": row.priority,
        "attempt_count": row.attempt_count,
        "max_attempts": row.max_attempts,
        "timeout_seconds": row.timeout_seconds,
        "not_before": _moment(row.not_before),
        "deadline_at": _moment(row.deadline_at),
        "concurrency_key": row.concurrency_key,
        "judged": row.judged,
        "budget_usd": None if row.budget_usd is None else money_text(row.budget_usd),
        "input_payload": row.input_payload,
        "risk_tier": row.risk_tier,
        "state_version": row.version,
        "blocked_reason": row.blocked_reason,
        "error": row.error,
        "progress": around.progress,
        "created_at": _moment(row.created_at),
        "queued_at": _moment(row.queued_at),
        "started_at": _moment(row.started_at),
        "completed_at": _moment(row.completed_at),
        "results": list(around.results),
    }


def _id(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _results(task_ids: Sequence[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    artifacts = _artifacts(task_ids)
    found: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for result in TaskResult.objects.filter(task_id__in=task_ids).order_by("id"):
        found[result.task_id].append(_result_shape(result, artifacts[result.id]))
    return found


def _result_shape(result: TaskResult, artifacts: list[dict[str, Any]]) -> dict[str, Any]:
    """As `ResultShape` says."""
    return {
        "id": str(result.id),
        "attempt": result.attempt,
        "agent": str(result.agent_id),
        "status": str(result.status),
        "output_payload": result.output_payload,
        "original_payload": result.original_payload,
        "error": result.error,
        "confidence_score": _score(result.confidence_score),
        "judge_score": _score(result.judge_score),
        "reasoning": result.reasoning,
        "evidence": result.evidence,
        "metrics": result.metrics,
        "artifacts": artifacts,
        "outcome": result.outcome,
        "applied": result.applied,
        "created_at": _moment(result.created_at),
    }


def _score(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _artifacts(task_ids: Sequence[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """By result. `bytes` is the size of the content as PostgreSQL writes it; the content itself stays there."""
    size = Func(Cast("content", TextField()), function="OCTET_LENGTH", output_field=IntegerField())
    rows = TaskArtifact.objects.filter(task_id__in=task_ids).order_by("id").annotate(size=size)
    shown: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for result_id, type_, uri, bytes_ in rows.values_list("result_id", "type", "uri", "size"):
        shown[result_id].append({"type": type_, **({"uri": uri} if bytes_ is None else {"bytes": bytes_})})
    return shown
