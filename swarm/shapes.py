"""Rows as the API shows them, without one query per row."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from swarm.actions import progress
from swarm.models import Task, TaskArtifact, TaskDependency, TaskResult
from swarm.serializers import TaskShape


def tasks(rows: Sequence[Task], *, with_results: bool = True) -> list[dict[str, Any]]:
    """Three queries for any number of tasks; progress is read from Redis for running ones alone."""
    found = list(rows)
    wanted = [t.pk for t in found]
    depends_on: dict[Any, list[Any]] = defaultdict(list)
    for task_id, dependency in (
        TaskDependency.objects.filter(task_id__in=wanted).order_by("pk").values_list("task_id", "depends_on_id")
    ):
        depends_on[task_id].append(dependency)
    shown_results = results(wanted) if with_results else {}
    for task in found:
        task.depends_on = depends_on[task.pk]  # type: ignore[attr-defined]
        task.progress = progress.latest(task.pk) if task.attempt_count and len(found) == 1 else None  # type: ignore[attr-defined]
        task._shown_results = shown_results.get(task.pk, [])  # type: ignore[attr-defined]
    return [dict(_Shown(task).data) for task in found]


def task(row: Task) -> dict[str, Any]:
    return tasks([row])[0]


def results(task_ids: Sequence[Any]) -> dict[Any, list[TaskResult]]:
    artifacts: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for artifact in TaskArtifact.objects.filter(task_id__in=task_ids).order_by("id"):
        place = {"content": artifact.content} if artifact.content is not None else {"uri": artifact.uri}
        artifacts[artifact.result_id].append({"type": artifact.type, **place})
    found: dict[Any, list[TaskResult]] = defaultdict(list)
    for result in TaskResult.objects.filter(task_id__in=task_ids).order_by("id"):
        result.artifacts = artifacts[result.id]  # type: ignore[attr-defined]
        found[result.task_id].append(result)
    return found


class _Shown(TaskShape):
    def to_representation(self, instance: Any) -> Any:
        shown = {name: field for name, field in self.fields.items() if name != "results"}
        out = {}
        for name, field in shown.items():
            value = field.get_attribute(instance)
            out[name] = None if value is None else field.to_representation(value)
        out["results"] = self.fields["results"].to_representation(instance._shown_results)
        return out
