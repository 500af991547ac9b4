"""The door of contexts: GET shows one, POST shows it to the agent that holds the task, and keeps it with the task."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from chimera.flows.assemble_context import Asked, assemble, fill_cache, prepare
from chimera.kernel.http.door import Call, Door
from chimera.kernel.http.permissions import AGENTS, ANYONE
from memory import shapes
from memory.serializers.personas import ContextAsked, ContextBody, ContextShape


class PersonaContext(Door):
    allow: ClassVar = {"GET": ANYONE, "POST": AGENTS}
    knows: ClassVar = (ContextAsked,)

    def prepare(self, request: Call, persona_id: str) -> None:
        """Before the transaction: Redis is asked, and the question embedded."""
        said = (
            ContextAsked(data=request.query_params.dict())
            if request.method == "GET"
            else ContextBody(data=request.data)
        )
        said.is_valid(raise_exception=True)
        self.read = prepare(principal=request.user, asked=_asked(persona_id, said.validated_data))

    @extend_schema(operation_id="personas_context", responses=ContextShape)
    def get(self, request: Call, persona_id: str) -> Response:
        """What this persona is given to begin with, within a budget; nothing of it is kept. Agents name a task while they hold it."""
        return self._shown(request)

    @extend_schema(operation_id="personas_context_create", request=ContextBody, responses={201: ContextShape})
    def post(self, request: Call, persona_id: str) -> Response:
        """The same, kept with the task as what it knew; under its lease."""
        return self._shown(request, status=201)

    def _shown(self, request: Call, status: int = 200) -> Response:
        self.context = assemble(principal=request.user, prepared=self.read)
        return Response(
            shapes.context(self.read.asked.task_id, self.read.asked.budget_tokens, self.context), status=status
        )

    def afterwards(self, request: Call, response: Response) -> None:
        fill_cache(self.read, self.context)


def _asked(persona_id: str, said: dict[str, Any]) -> Asked:
    return Asked(
        persona=persona_id,
        version=said.get("version"),
        task_id=said.get("task"),
        lease_token=said.get("lease_token"),
        query=said.get("query"),
        budget_tokens=said["budget_tokens"],
    )
