"""What an agent does with a lease: claim, beat, hand in."""

from collections.abc import Hashable, Sequence
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

import structlog
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from chimera.flows.authorise_spend import SPENDERS
from chimera.flows.claim_tasks import claim_tasks, show_claims
from chimera.flows.finish_many import finish_many
from chimera.flows.finish_task import Finished, Handed, finish_task
from chimera.flows.look_ahead import look_ahead
from chimera.flows.meter_lease import meter_lease
from chimera.kernel import tenancy
from chimera.kernel.errors import Refused, forbidden
from chimera.kernel.http import problem
from chimera.kernel.http.door import Call, Door
from chimera.kernel.http.permissions import AGENTS, check
from chimera.kernel.identity import Principal, Role
from chimera.kernel.relay.slow_lane import is_outage
from swarm import dispatch, liveness
from swarm.actions import agents, claims, progress, stops, tasks
from swarm.actions.results import NewResult
from swarm.groups.following import following
from swarm.models import Task
from swarm.serializers.leases import (
    ClaimsShape,
    Heartbeat,
    HeartbeatShape,
    ManyResults,
    NewClaim,
    OneResult,
    OutcomesShape,
    ResultAnswer,
    ResultFields,
)

log = structlog.get_logger()


class Claims(Door):
    """`max` tasks at once; with `wait_seconds` the call waits for the first (chimera/asgi answers it without a thread)."""

    allow: ClassVar = {"POST": AGENTS}
    popped: Sequence[UUID] = ()
    claimed: Sequence[Task] = ()
    early: Sequence[UUID] = ()
    redis_away = False
    held = slots = 0  # before this claim
    able = False  # it is active, has a free slot, and work is handed out
    kind: Hashable = None  # of one kind are calls that would find the same

    def prepare(self, request: Call) -> None:
        """Before the transaction: read Redis, for no more than the agent may hold."""
        said = NewClaim(data=request.data)
        said.is_valid(raise_exception=True)
        self.most: int = said.validated_data["max"]
        principal: Principal = request.user
        if roles := said.validated_data.get("roles"):
            _check_role(principal, roles)
        self.types: list[str] = said.validated_data.get("types", [])
        with tenancy.bound(principal.tenant_id):
            agent = agents.hear(principal.agent_id, by=principal.actor)
            free, hands_out = claims.free_slots(agent), stops.hands_out()
            self.held, self.slots, self.most = agent.max_slots - free, agent.max_slots, min(self.most, free)
        self.able = self.most > 0 and agent.takes_work and hands_out
        self.kind = (tuple(self.types), tuple(agent.capabilities))
        popped: Sequence[UUID] | None = []
        if self.able:
            popped = dispatch.pop(tenant_id=principal.tenant_id, role=agent.role, most=self.most, types=self.types)
        self.redis_away, self.popped = popped is None, popped or []

    @extend_schema(operation_id="claims_create", request=NewClaim, responses=ClaimsShape)
    def post(self, request: Call) -> Response:
        got = claim_tasks(
            agent_id=request.user.agent_id,
            most=max(1, self.most),
            popped=self.popped,
            redis_away=self.redis_away,
            types=self.types,
            by=request.user.actor,
        )
        self.claimed, self.early = [c.task for c in got.claims], got.early
        return Response({"claims": show_claims(got.claims)})

    def keeps(self, response: Response) -> bool:
        """An empty answer is no answer to repeat."""
        return bool(response.data["claims"])

    def afterwards(self, request: Call, response: Response) -> None:
        """It was heard of. Ids that were popped and not claimed: no longer queued, or of a paused house; what is still
        QUEUED is restocked."""
        with following("beat"):
            liveness.beat(request.user.agent_id, tasks=self.held + len(self.claimed), slots=self.slots)
        with following("settle"):
            dispatch.settle(request.user.tenant_id, popped=self.popped, early=self.early, claimed=self.claimed)


def _check_role(principal: Principal, roles: list[str]) -> None:
    if principal.role not in roles:
        raise forbidden(f"You are a {principal.role}; you cannot claim tasks for {', '.join(roles)}.", code="role")


class TaskHeartbeat(Door):
    allow: ClassVar = {"POST": AGENTS}
    nudges = False
    beat: dict[str, Any] | None = None
    tasks = slots = 0

    @extend_schema(operation_id="tasks_heartbeat", request=Heartbeat, responses=HeartbeatShape)
    def post(self, request: Call, task_id: UUID) -> Response:
        said = Heartbeat(data=request.data)
        said.is_valid(raise_exception=True)
        task = tasks.read(task_id)
        tasks.check_lease(task, said.validated_data["lease_token"], agent_id=request.user.agent_id)
        beaten = self._beaten(request, task, said.validated_data)
        self.beat = said.validated_data["progress"]
        assert task.agent is not None  # a lease has a holder
        self.tasks, self.slots = claims.held_by(task.agent), task.agent.max_slots
        return Response(beaten)

    def _beaten(self, request: Call, task: Task, said: dict[str, Any]) -> dict[str, Any]:
        if not (said["cost_usd"] or said["ahead_usd"]):
            claims.renew(task=task)
            return {"lease_expires_at": task.lease_expires_at, "commands": liveness.commands(task)}
        check(request.user, SPENDERS)
        self.nudges = True
        beaten = meter_lease(
            task_id=task.pk,
            lease_token=said["lease_token"],
            agent_id=request.user.agent_id,
            cost_usd=said["cost_usd"] or Decimal(0),
            ahead_usd=said["ahead_usd"],
            by=request.user.actor,
        )
        return beaten.shape()

    def afterwards(self, request: Call, response: Response) -> None:
        principal: Principal = request.user
        liveness.beat(principal.agent_id, tasks=self.tasks, slots=self.slots)
        if self.beat is None:
            return
        task_id: UUID = self.kwargs["task_id"]
        if not progress.note(task_id=task_id, tenant_id=principal.tenant_id, agent=principal.id, progress=self.beat):
            with tenancy.bound(principal.tenant_id):
                progress.write(rows={task_id: self.beat})


class TaskResult(Door):
    allow: ClassVar = {"POST": AGENTS}
    handed: Handed

    def prepare(self, request: Call, task_id: UUID) -> None:
        said = ResultFields(data=request.data)
        said.is_valid(raise_exception=True)
        self.handed = _handed(request, task_id, said.validated_data, shows=True)
        look_ahead(request.user.tenant_id, self.handed)

    @extend_schema(operation_id="tasks_result", request=ResultFields, responses=ResultAnswer)
    def post(self, request: Call, task_id: UUID) -> Response:
        finished = finish_task(self.handed)
        return Response({"task": finished.shown, "outcome": finished.outcome, "review": finished.review_id})

    def afterwards(self, request: Call, response: Response) -> None:
        dispatch.call_freed(request.user.tenant_id, [request.user.agent_id])


def _handed(request: Call, task_id: UUID, said: dict[str, Any], *, shows: bool = False) -> Handed:
    new = NewResult(**{name: value for name, value in said.items() if name != "lease_token"})
    return Handed(
        task_id=task_id,
        lease_token=said["lease_token"],
        agent_id=request.user.agent_id,
        new=new,
        by=request.user.actor,
        shows=shows,
        judges=request.user.role == Role.JUDGE,
    )


class ClaimResults(Door):
    """Many results, each settled or refused on its own."""

    allow: ClassVar = {"POST": AGENTS}
    own_transactions = True

    @extend_schema(
        operation_id="claims_results",
        description=(
            "Each result is settled or refused on its own. An Idempotency-Key is accepted and ignored: a result is kept"
            " once per task and lease_token, so the same call is answered alike for as long as its tasks are kept."
        ),
        request=ManyResults,
        responses=OutcomesShape,
    )
    def post(self, request: Call) -> Response:
        said = ManyResults(data=request.data)
        said.is_valid(raise_exception=True)
        items: list[dict[str, Any]] = said.validated_data["results"]
        read = [_read(request, item) for item in items]
        settled = iter(finish_many(request.user.tenant_id, [one for one in read if isinstance(one, Handed)]))
        answers = [next(settled) if isinstance(one, Handed) else one for one in read]
        if any(isinstance(answer, Finished) for answer in answers):
            dispatch.call_freed(request.user.tenant_id, [request.user.agent_id])
        return Response({"outcomes": [_outcome(item, answer) for item, answer in zip(items, answers, strict=True)]})


def _read(request: Call, item: dict[str, Any]) -> Handed | Exception:
    named = OneResult(data=item)
    try:
        named.is_valid(raise_exception=True)
    except ValidationError as refusal:
        return refusal
    said = dict(named.validated_data)
    return _handed(request, said.pop("task"), said)


def _outcome(item: dict[str, Any], answer: Finished | Exception) -> dict[str, Any]:
    shown = {"task": str(item.get("task"))[:60]}
    if isinstance(answer, Finished):
        return shown | {"status": answer.outcome, "review": answer.review_id}
    return shown | {"error": problem.body(_refusal(answer))}


def _refusal(fault: Exception) -> Refused:
    """What was not foreseen is an answer to this one, too: others of the same call were settled."""
    if is_outage(fault):
        detail = "The database could not be reached for this one; nothing was changed, hand it in again."
        return Refused(detail, code="unavailable", status=503)
    refusal = problem.as_refusal(fault)
    if refusal is None:
        log.error("result_failed", error=repr(fault), exc_info=fault)
        return Refused("Something broke on our side; the trace id leads to it.", code="internal", status=500)
    return refusal
