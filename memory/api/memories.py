"""The doors of memory: add, list, read, search, supersede, forget."""

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from chimera.flows.check_memory import reader_of, viewer_of
from chimera.kernel import clock
from chimera.kernel.http.door import Call, Door
from chimera.kernel.http.pages import page
from chimera.kernel.http.permissions import AGENTS, ANYONE, OPERATORS
from chimera.kernel.http.schema import page_of
from chimera.kernel.identity import Principal
from memory import actions
from memory.actions.keeping import Came, Kept
from memory.actions.records import NewMemory, check_may_forget, check_may_supersede
from memory.models import MemoryRecord, Source, Visibility
from memory.serializers.memories import (
    ForgetBody,
    ListQuery,
    MemoryShape,
    NewMemoryBody,
    SupersedeBody,
)

WRITERS = AGENTS | OPERATORS


class Memories(Door):
    allow: ClassVar = {"GET": ANYONE, "POST": WRITERS}
    knows: ClassVar = (ListQuery,)

    @extend_schema(operation_id="memories_list", responses=page_of(MemoryShape))
    def get(self, request: Call) -> Response:
        """Newest first, without the forgotten and superseded.

        What is kept for a session is shown to agents that work in it, and to people who name it; what an agent keeps for itself, to that
        agent, and to people who name it.
        """
        said = ListQuery(data=request.query_params.dict())
        said.is_valid(raise_exception=True)
        wanted = said.validated_data
        rows = (
            MemoryRecord.objects.kept()
            .superseded_not_before(clock.now())
            .visible_to(viewer_of(request.user, session=wanted.get("session"), agent=wanted.get("agent")))
        )
        rows = rows.having(
            category=wanted.get("category"),
            session_id=wanted.get("session"),
            task_id=wanted.get("task"),
            agent_id=wanted.get("agent"),
            agent_role=wanted.get("agent_role"),
            persona=wanted.get("persona"),
        )
        return page(rows.light(), request, lambda found: list(MemoryShape(found, many=True).data))

    @extend_schema(
        operation_id="memories_create", request=NewMemoryBody, responses={201: MemoryShape, 200: MemoryShape}
    )
    def post(self, request: Call) -> Response:
        """Keep a memory. It is found by its words at once, by its meaning a moment later.

        201 for a new one; 200 with the one that is there for words that are known in the same place, which weigh more when they come from
        elsewhere.
        """
        body = NewMemoryBody(data=request.data)
        body.is_valid(raise_exception=True)
        (kept,) = seen_by(
            request.user, [actions.add(new=new_of(body.validated_data, request.user), by=request.user.actor)]
        )
        return Response(MemoryShape(kept.memory).data, status=201 if kept.came == Came.ADDED else 200)


class Memory(Door):
    allow: ClassVar = {"GET": ANYONE}

    @extend_schema(operation_id="memories_read", responses=MemoryShape)
    def get(self, request: Call, memory_id: UUID) -> Response:
        """One memory, superseded or not; what is forgotten, people alone can read."""
        return Response(MemoryShape(_seen(request, memory_id)).data)


class MemorySupersede(Door):
    allow: ClassVar = {"POST": WRITERS}

    @extend_schema(
        operation_id="memories_supersede",
        request=SupersedeBody,
        responses={201: MemoryShape},
    )
    def post(self, request: Call, memory_id: UUID) -> Response:
        """Put a corrected memory in its place; 409 when it was superseded or forgotten before."""
        body = SupersedeBody(data=request.data)
        body.is_valid(raise_exception=True)
        principal, old = request.user, _seen(request, memory_id)
        new = _correction(old, body.validated_data, principal)
        check_may_supersede(old=old, new=new, agent_id=principal.agent_id if principal.is_agent else None)
        memory = actions.supersede(memory_id=memory_id, new=new, by=request.user.actor)
        return Response(MemoryShape(memory).data, status=201)


class MemoryForget(Door):
    allow: ClassVar = {"POST": WRITERS}

    @extend_schema(operation_id="memories_forget", request=ForgetBody, responses=MemoryShape)
    def post(self, request: Call, memory_id: UUID) -> Response:
        """Nobody finds it any more. Agents forget their own memories, operators any."""
        body = ForgetBody(data=request.data)
        body.is_valid(raise_exception=True)
        memory, principal = _seen(request, memory_id), request.user
        check_may_forget(memory=memory, agent_id=principal.agent_id if principal.is_agent else None)
        actions.forget(memory=memory, reason=body.validated_data["reason"], by=principal.actor)
        return Response(MemoryShape(memory).data)


def seen_by(principal: Principal, kept: Sequence[Kept]) -> list[Kept]:
    """As the caller may see it: an agent that writes into a session in which it does not work learns nothing of who said the same there."""
    hidden = {
        each.memory.pk
        for each in kept
        if each.came != Came.ADDED and each.memory.visibility == Visibility.SESSION and principal.is_agent
    }
    if hidden:
        rows = MemoryRecord.objects.filter(pk__in=hidden).visible_to(reader_of(principal))
        hidden -= set(rows.values_list("pk", flat=True))
    return [each.own() if each.memory.pk in hidden else each for each in kept]


def _seen(request: Call, memory_id: UUID) -> MemoryRecord:
    """A memory by its id, if the caller may see it; what is forgotten, people alone."""
    principal = request.user
    rows = MemoryRecord.objects.light().visible_to(reader_of(principal))
    found: MemoryRecord = (rows if principal.is_person else rows.kept()).get_or_refuse(memory_id)
    return found


def new_of(said: dict[str, Any], principal: Principal) -> NewMemory:
    return NewMemory(
        content=said["content"],
        category=said["category"],
        importance_score=said["importance_score"],
        session_id=said.get("session"),
        task_id=said.get("task"),
        agent_id=principal.agent_id if principal.is_agent else said.get("agent"),
        agent_role=principal.role if principal.is_agent else said.get("agent_role", ""),
        persona=said.get("persona") or "",
        subject=said.get("subject") or "",
        source=said.get("source") or Source(),
        visibility=said["visibility"],
        valid_from=said.get("valid_from"),
        valid_until=said.get("valid_until"),
    )


def _correction(old: MemoryRecord, said: dict[str, Any], principal: Principal) -> NewMemory:
    """The old memory's properties, with what is said instead. Its task is not taken over: that may be gone by now.

    What an agent keeps for itself stays that agent's when a person corrects it.
    """
    begins = said.get("valid_from") or clock.now()
    goes_on = old.valid_until is not None and old.valid_until > begins
    kept = {
        "category": old.category,
        "importance_score": old.importance_score,
        "session": old.session_id,
        "persona": old.persona,
        "subject": old.subject,
        "source": Source.model_validate(old.source),
        "visibility": old.visibility,
        "valid_until": old.valid_until if goes_on else None,
    }
    if old.visibility == said.get("visibility", old.visibility) == Visibility.AGENT:
        kept |= {"agent": old.agent_id, "agent_role": old.agent_role}
    return new_of(kept | said | {"valid_from": begins}, principal)
