"""Actions: propose, execute, say what came of it; list, read."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from chimera.flows.execute_action import check_held, execute_action
from chimera.flows.propose_action import ACTORS, propose_action
from chimera.flows.record_outcome import Came, record_outcome
from chimera.flows.show_actions import show_action, show_actions, show_execution, show_mismatch
from chimera.flows.weigh_action import look_ahead
from chimera.kernel.http import problem
from chimera.kernel.http.door import Call, Door
from chimera.kernel.http.pages import page
from chimera.kernel.http.permissions import ANYONE
from chimera.kernel.http.schema import page_of
from safety.actions.proposals import Proposal
from safety.models import Action as ActionRow
from safety.serializers.actions import (
    ActionShape,
    ActionsQuery,
    ExecutionShape,
    MismatchShape,
    NewAction,
    NewExecution,
    NewOutcome,
)
from safety.states import ActionStatus


class TaskActions(Door):
    allow: ClassVar = {"POST": ACTORS}

    def prepare(self, request: Call, task_id: UUID) -> None:
        """Words are looked through before the transaction."""
        said = dict(NewAction.read(request.data))
        self.token: UUID = said.pop("lease_token")
        self.proposal = Proposal(**said)
        look_ahead(self.proposal)

    @extend_schema(operation_id="tasks_propose_action", request=NewAction, responses={201: ActionShape})
    def post(self, request: Call, task_id: UUID) -> Response:
        action = propose_action(
            task_id=task_id,
            lease_token=self.token,
            agent_id=request.user.agent_id,
            proposal=self.proposal,
            by=request.user.actor,
        )
        return Response(show_action(action), status=201)


class Actions(Door):
    allow: ClassVar = {"GET": ANYONE}
    knows: ClassVar = (ActionsQuery,)

    @extend_schema(operation_id="actions_list", responses=page_of(ActionShape))
    def get(self, request: Call) -> Response:
        return page(_filtered(request), request, show_actions)


class Action(Door):
    allow: ClassVar = {"GET": ANYONE}

    @extend_schema(operation_id="actions_read", responses=ActionShape)
    def get(self, request: Call, action_id: UUID) -> Response:
        return Response(show_action(_readable(request).get_or_refuse(action_id)))


class ActionExecution(Door):
    """The token, once, for the very same that was allowed."""

    allow: ClassVar = {"POST": ACTORS}

    def check_replay(self, request: Call, action_id: UUID) -> None:
        """The token begins an effect, whenever it is shown."""
        said = NewExecution.read(request.data)
        check_held(action_id=action_id, lease_token=said["lease_token"], agent_id=request.user.agent_id)

    @extend_schema(
        operation_id="actions_execute",
        request=NewExecution,
        responses={200: ExecutionShape, (409, problem.CONTENT_TYPE): MismatchShape},
    )
    def post(self, request: Call, action_id: UUID) -> Response:
        execution = execute_action(
            action_id=action_id,
            agent_id=request.user.agent_id,
            by=request.user.actor,
            **NewExecution.read(request.data),
        )
        if execution.changed:
            refusal = show_mismatch(execution)
            return Response(problem.body(refusal), status=refusal.status, content_type=problem.CONTENT_TYPE)
        return Response(show_execution(execution))


class ActionOutcome(Door):
    """Shown with the execution token; no lease is needed, for it has happened."""

    allow: ClassVar = {"POST": ACTORS}

    @extend_schema(operation_id="actions_outcome", request=NewOutcome, responses=ActionShape)
    def post(self, request: Call, action_id: UUID) -> Response:
        said = dict(NewOutcome.read(request.data))
        action = record_outcome(
            action_id=action_id,
            execution_token=said.pop("execution_token"),
            agent_id=request.user.agent_id,
            came=Came(status=ActionStatus(said.pop("status")), **said),
            by=request.user.actor,
        )
        return Response(show_action(action))


def _readable(request: Call) -> Any:
    """People read all; an agent reads its own, and those of tasks that it works on: arguments are what others would do with their tools."""
    rows = ActionRow.objects.so_far()
    return rows.of_agent(request.user.agent_id) if request.user.is_agent else rows


def _filtered(request: Call) -> Any:
    asked = ActionsQuery.read(request.query_params.dict())
    columns = {"task": "task_id", "session": "session_id", "status": "status"}
    rows = _readable(request).filter(**{column: asked[name] for name, column in columns.items() if name in asked})
    return rows.about(asked["search"]) if "search" in asked else rows
