"""What new tasks refer to: parents, tasks that they wait for, and ids of their creator's own."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings

from chimera.kernel.errors import conflict, invalid
from swarm import queries
from swarm.models import ExternalId, SwarmSession, Task
from swarm.states import TaskStatus

if TYPE_CHECKING:
    from swarm.actions.creating import NewTask


def awaited(session: SwarmSession, new: "Sequence[NewTask]") -> list[list[UUID]]:
    """For each new task, what it waits for. A new task can wait only for tasks that exist already, so no cycle can be made.

    What it refers to must be of the same session, and not be cancelled. 422 otherwise, and for a wait that is too long.
    """
    _check(session, new)
    parents = {one.depends_on_children_of for one in new if one.depends_on_children_of}
    children = {parent: _children(parent) for parent in parents}
    found = []
    for one in new:
        theirs = children[one.depends_on_children_of] if one.depends_on_children_of else []
        found.append(list(dict.fromkeys([*one.depends_on, *theirs])))
    if sum(map(len, found)) > settings.DEPENDENCIES_MAX:
        detail = (
            f"These tasks wait for more than {settings.DEPENDENCIES_MAX} others in all; join them in several steps."
        )
        raise invalid(detail, field_name="depends_on_children_of", code="too_many_dependencies")
    return found


def check_depth(parents: Collection[UUID]) -> None:
    """422 where a child of one of these would lie too deep below its root."""
    found = queries.above(sorted(parents))
    for parent in parents:
        if (depth := len(found.get(parent, ())) + 2) > settings.TASK_DEPTH_MAX:
            detail = (
                f"A child of {parent} would be the {depth}th from its root, and a tree of tasks is at most "
                f"{settings.TASK_DEPTH_MAX} deep; give it a parent further up, or begin a new tree."
            )
            raise invalid(detail, field_name="parent_task", code="tree_too_deep")


def _children(parent: UUID) -> list[UUID]:
    rows = Task.objects.filter(parent_task_id=parent).order_by("pk").values_list("pk", "status")
    found = list(rows[: settings.DEPENDENCIES_MAX + 1])
    if not found:
        detail = f"Task {parent} has no children yet; create them first."
        raise invalid(detail, field_name="depends_on_children_of", code="no_children")
    cancelled = next((pk for pk, status in found if status == TaskStatus.CANCELLED), None)
    if cancelled:
        raise _moot(cancelled, "depends_on_children_of")
    return [pk for pk, _ in found]


def _check(session: SwarmSession, new: "Sequence[NewTask]") -> None:
    named = {d: "depends_on" for one in new for d in one.depends_on}
    named |= {one.depends_on_children_of: "depends_on_children_of" for one in new if one.depends_on_children_of}
    named |= {one.parent_task_id: "parent_task" for one in new if one.parent_task_id}
    if not named:
        return
    awaits = {d for one in new for d in one.depends_on}
    parents = {one.parent_task_id for one in new}
    found = {t.pk: t for t in Task.objects.filter(pk__in=named).only("id", "session_id", "status")}
    for task_id, name in named.items():
        task = found.get(task_id)
        if task is None:
            raise invalid(f"`{name}` names {task_id}, which is no task of yours.", field_name=name, code="unknown_task")
        if task.session_id != session.pk:
            raise invalid(
                f"`{name}` names {task_id}, a task of another session; name one of the same session.",
                field_name=name,
                code="other_session",
            )
        if task.status == TaskStatus.CANCELLED:
            _check_cancelled(task_id, awaits, parents)


def _check_cancelled(task_id: UUID, awaits: Collection[UUID], parents: Collection[UUID | None]) -> None:
    if task_id in awaits:
        raise _moot(task_id, "depends_on")
    if task_id in parents:
        detail = f"Task {task_id} was cancelled, and its children with it; it takes no more."
        raise invalid(detail, field_name="parent_task", code="parent_cancelled")


def _moot(task_id: UUID, name: str) -> Exception:
    return invalid(
        f"Task {task_id} was cancelled; nothing can wait for it.", field_name=name, code="dependency_cancelled"
    )


def check_external_ids(rows: Sequence[Task]) -> None:
    """422 for one that stands twice, 409 for one that is taken."""
    given = [row for row in rows if row.external_id]
    if len({row.external_id for row in given}) != len(given):
        raise invalid(
            "The same `external_id` stands twice in this call.", field_name="external_id", code="external_id_taken"
        )
    taken = ExternalId.objects.filter(value__in=[row.external_id for row in given]).first()
    if taken:
        raise conflict(
            f"There is a task with external_id {taken.value!r} already.",
            code="external_id_taken",
            task=str(taken.task_id),
        )
