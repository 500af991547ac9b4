"""Tasks: create one or many, list, read, cancel, retry."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from chimera.flows.cancel_task import cancel_task
from chimera.flows.create_tasks import create_and_show
from chimera.flows.retry_task import retry_task
from chimera.kernel.http.door import Call, Door
from chimera.kernel.http.pages import choice_or_refuse, page, uuid_or_refuse
from chimera.kernel.http.permissions import ANYONE
from chimera.kernel.http.schema import page_of, paged
from swarm import shapes
from swarm.actions import planning, tasks
from swarm.actions.creating import NewTask
from swarm.api.sessions import CREATORS
from swarm.models import Task as TaskRow
from swarm.serializers.basics import ROLES, Reason, choices
from swarm.serializers.plain_tasks import read_all_plain, read_plain
from swarm.serializers.tasks import NewTasks, NewTaskShape, TaskShape, TasksShape
from swarm.states import TaskStatus


def as_new(said: dict[str, Any]) -> NewTask:
    rest = {k: v for k, v in said.items() if k not in {"session", "parent_task", "requires", "depends_on"}}
    return NewTask(
        session_id=said["session"],
        parent_task_id=said["parent_task"],
        requires=tuple(said["requires"]),
        depends_on=tuple(dict.fromkeys(said["depends_on"])),
        **rest,
    )


class Tasks(Door):
    allow: ClassVar = {"GET": ANYONE, "POST": CREATORS}
    knows: ClassVar = paged("session", "status", "role", "type", "parent_task")

    @extend_schema(operation_id="tasks_list", responses=page_of(TaskShape))
    def get(self, request: Call) -> Response:
        return page(_filtered(request), request, shapes.tasks)

    @extend_schema(operation_id="tasks_create", request=NewTaskShape, responses={201: TaskShape})
    def post(self, request: Call) -> Response:
        new = read_plain(request.data) or as_new(NewTaskShape.read(request.data))
        (shown,) = create_and_show(new=[new], by=request.user.actor)
        return Response(shown, status=201)


def _filtered(request: Call) -> Any:
    rows = TaskRow.objects.all()
    asked = request.query_params
    if session := asked.get("session"):
        rows = rows.filter(session_id=uuid_or_refuse(session, "session"))
    if parent := asked.get("parent_task"):
        rows = rows.filter(parent_task_id=uuid_or_refuse(parent, "parent_task"))
    if status := asked.get("status"):
        rows = rows.filter(status=choice_or_refuse(status, "status", choices(TaskStatus)))
    if role := asked.get("role"):
        rows = rows.filter(role=choice_or_refuse(role, "role", ROLES))
    if type_ := asked.get("type"):
        rows = rows.filter(type=type_.replace("\x00", ""))
    return rows


class TaskBatch(Door):
    allow: ClassVar = {"POST": CREATORS}

    @extend_schema(operation_id="tasks_create_many", request=NewTasks, responses={201: TasksShape})
    def post(self, request: Call) -> Response:
        new = read_all_plain(request.data) or [as_new(n) for n in NewTasks.read(request.data)["tasks"]]
        return Response({"tasks": create_and_show(new=new, by=request.user.actor)}, status=201)


class Task(Door):
    allow: ClassVar = {"GET": ANYONE}

    @extend_schema(operation_id="tasks_read", responses=TaskShape)
    def get(self, request: Call, task_id: UUID) -> Response:
        return Response(shapes.task(tasks.read(task_id)))


class TaskCancel(Door):
    allow: ClassVar = {"POST": CREATORS}

    @extend_schema(operation_id="tasks_cancel", request=Reason, responses=TaskShape)
    def post(self, request: Call, task_id: UUID) -> Response:
        said = Reason(data=request.data)
        said.is_valid(raise_exception=True)
        planning.check_planner(tasks.read(task_id), request.user.actor)
        return Response(
            shapes.task(cancel_task(task_id=task_id, reason=said.validated_data["reason"], by=request.user.actor))
        )


class TaskRetry(Door):
    allow: ClassVar = {"POST": CREATORS}

    @extend_schema(operation_id="tasks_retry", request=Reason, responses=TaskShape)
    def post(self, request: Call, task_id: UUID) -> Response:
        said = Reason(data=request.data)
        said.is_valid(raise_exception=True)
        return Response(shapes.task(retry_task(task_id=task_id, by=request.user.actor)))
