"""Cancel, retry or drop many tasks by filter; and drop one dead letter."""

from typing import ClassVar
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from chimera.flows.bulk_tasks import BulkVerb, change_matching
from chimera.flows.drop_task import drop_task
from chimera.kernel.http.door import Call, Door
from swarm import shapes
from swarm.api.sessions import CREATORS
from swarm.serializers.basics import Reason
from swarm.serializers.bulk import BulkChange, BulkShape, TaskFilterShape
from swarm.serializers.tasks import TaskShape

DESCRIPTION = (
    "Oldest first, in groups: a task that is refused, or has changed meanwhile, is named in `failed`, and the others go on."
    f" One call takes at most {settings.BULK_TASKS_MAX} tasks and some {settings.BULK_SECONDS_MAX} seconds. `more` says that"
    " it ended before all that match were looked at: call again with the same filter and `after` set to `next`, until"
    " `more` is false. A planner reaches the tasks that it, or a schedule of its, created. A repeat is harmless, so an"
    " Idempotency-Key is accepted and ignored."
)


class TaskDrop(Door):
    allow: ClassVar = {"POST": CREATORS}

    @extend_schema(operation_id="tasks_drop", request=Reason, responses=TaskShape)
    def post(self, request: Call, task_id: UUID) -> Response:
        """A failed task is given up: cancelled, and what waits for it with it."""
        said = Reason(data=request.data)
        said.is_valid(raise_exception=True)
        dropped = drop_task(task_id=task_id, reason=said.validated_data["reason"], by=request.user.actor)
        return Response(shapes.task(dropped))


class TasksBulk(Door):
    allow: ClassVar = {"POST": CREATORS}
    own_transactions = True
    verb = BulkVerb.CANCEL

    @extend_schema(description=DESCRIPTION, request=BulkChange, responses=BulkShape)
    def post(self, request: Call) -> Response:
        said = BulkChange(data=request.data)
        said.is_valid(raise_exception=True)
        asked = said.validated_data
        outcome = change_matching(
            tenant_id=request.user.tenant_id,
            verb=self.verb,
            chosen=TaskFilterShape().chosen(asked["filter"]),
            reason=asked["reason"],
            limit=asked["limit"],
            after=asked["after"],
            by=request.user.actor,
        )
        shown = {"matched": outcome.matched, "changed": outcome.changed, "failed": outcome.failed}
        return Response(BulkShape(shown | {"more": outcome.next is not None, "next": outcome.next}).data)
