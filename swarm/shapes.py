"""Rows as the API shows them, without one query per row."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F, Func, IntegerField, TextField
from django.db.models.functions import Cast

from swarm import queries
from swarm.actions import progress
from swarm.models import Task, TaskArtifact, TaskResult
from swarm.serializers.tasks import WAITING_FOR_SHOWN_MAX, TaskShape
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
    results = _results([t.pk for t in found], with_content=False)
    return _shown(found, results, progress.latest_noted(running))


def task(row: Task) -> dict[str, Any]:
    """One task with everything: its artifacts' content, and its newest progress even when Redis has none."""
    return tasks_in_full([row])[0]


def tasks_in_full(rows: Sequence[Task]) -> list[dict[str, Any]]:
    """The same for several."""
    if not rows:
        return []
    found = [t.pk for t in rows]
    latest = progress.latest_all([t.pk for t in rows if t.attempt_count])
    return _shown(list(rows), _results(found, with_content=True), latest)


def _shown(
    found: Sequence[Task], results: Mapping[UUID, list[TaskResult]], latest: Mapping[UUID, dict[str, Any] | None]
) -> list[dict[str, Any]]:
    depends_on, numbers = queries.awaited([t.pk for t in found], most=settings.DEPENDENCIES_SHOWN_MAX)
    waiting = [t.pk for t in found if t.status == TaskStatus.PENDING and numbers.get(t.pk)]
    unmet = queries.unmet(waiting, most=WAITING_FOR_SHOWN_MAX)
    for row in found:
        row.waiting_for = [{"task": task_id, "status": status} for task_id, status in unmet.get(row.pk, ())]  # type: ignore[attr-defined]
        row.depends_on = depends_on.get(row.pk, [])  # type: ignore[attr-defined]
        row.depends_on_count = numbers.get(row.pk, 0)  # type: ignore[attr-defined]
        row.progress = latest.get(row.pk)  # type: ignore[attr-defined]
        row._shown_results = results.get(row.pk, [])  # type: ignore[attr-defined]
    shown = _Shown()  # one for all rows: making it costs more than showing a row
    return [shown.to_representation(row) for row in found]


def _results(task_ids: Sequence[UUID], *, with_content: bool) -> dict[UUID, list[TaskResult]]:
    artifacts = _artifacts(task_ids, with_content=with_content)
    found: dict[UUID, list[TaskResult]] = defaultdict(list)
    for result in TaskResult.objects.filter(task_id__in=task_ids).order_by("id"):
        result.artifacts = artifacts[result.id]  # type: ignore[attr-defined]
        found[result.task_id].append(result)
    return found


def _artifacts(task_ids: Sequence[UUID], *, with_content: bool) -> dict[UUID, list[dict[str, Any]]]:
    """By result. `bytes` is the size of the content as PostgreSQL writes it; the content itself stays there."""
    size = Func(Cast("content", TextField()), function="OCTET_LENGTH", output_field=IntegerField())
    content = F("content") if with_content else size
    rows = TaskArtifact.objects.filter(task_id__in=task_ids).order_by("id").annotate(inside=content)
    shown: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for result_id, type_, uri, inside in rows.values_list("result_id", "type", "uri", "inside"):
        place = {"uri": uri} if inside is None else {"content" if with_content else "bytes": inside}
        shown[result_id].append({"type": type_, **place})
    return shown


class _Shown(TaskShape):
    def to_representation(self, instance: Any) -> Any:
        out: dict[str, Any] = {}
        for name, field in self.fields.items():
            value = instance._shown_results if name == "results" else field.get_attribute(instance)
            out[name] = None if value is None else field.to_representation(value)
        return out
