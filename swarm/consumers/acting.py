"""Actions over the socket: proposed, executed, settled; the same as over HTTP, and under the same Idempotency-Key the same call."""

import json
from typing import Any

from chimera.flows.act import Asked, Execute, Propose, Tell, act
from chimera.flows.propose_action import ACTORS
from chimera.flows.spend_many import Answered
from chimera.kernel.bridge import in_thread
from chimera.kernel.errors import Refused, StaleLease
from chimera.kernel.http.permissions import check
from chimera.kernel.idempotency import Once
from swarm.consumers import frames
from swarm.consumers.seat import Seat

Said = frames.Action | frames.Execution | frames.Outcome
Fields = dict[str, Any]
NOT_OF_THE_CALL = frozenset({"kind", "ref", "key"})
REFUSAL = frozenset({"type", "title", "status", "code", "detail", "trace_id"})


async def answer(seat: Seat, said: Said, item: Fields) -> Fields:
    """403 unless it is a worker. An action that a person decides about blocks its task, which ends the lease."""
    check(seat.worker.principal, ACTORS)
    try:
        answered = await in_thread(act, seat.worker.principal.tenant_id, _asked(seat, said, item))
    except StaleLease:
        _let_go(seat, said)
        raise
    return _shown(seat, said, answered)


def _asked(seat: Seat, said: Said, item: Fields) -> Asked:
    once = None if isinstance(said, frames.Outcome) or said.key is None else _once(seat, said, item, said.key)
    return Asked(what=_what(said), agent_id=seat.worker.agent.pk, by=seat.worker.principal.actor, once=once)


def _what(said: Said) -> Propose | Execute | Tell:
    match said:
        case frames.Action():
            fields = said.model_dump(exclude={"kind", "ref", "key", "task"})
            return Propose(task_id=said.task, **fields)
        case frames.Execution():
            return Execute(
                action_id=said.action, lease_token=said.lease_token, digest=said.digest, arguments=said.arguments
            )
        case frames.Outcome():
            return Tell(
                action_id=said.action,
                execution_token=said.execution_token,
                status=said.status,
                output=said.output,
                cost_usd=said.cost_usd,
            )


def _once(seat: Seat, said: frames.Action | frames.Execution, item: Fields, key: str) -> Once:
    """What stands in the call's path is no part of its body."""
    if isinstance(said, frames.Action):
        path, named = f"/api/v1/tasks/{said.task}/actions", "task"
    else:
        path, named = f"/api/v1/actions/{said.action}/execution", "action"
    body = {name: value for name, value in item.items() if name not in NOT_OF_THE_CALL and name != named}
    raw = json.dumps(body).encode()
    return Once(key=key, principal=seat.worker.principal, method="POST", path=path, body=raw)


def _shown(seat: Seat, said: Said, answered: Answered) -> Fields:
    body = answered.body
    if answered.status == 409:
        if body["anew"]["status"] == "review":
            _let_go(seat, said)
        extra = {name: value for name, value in body.items() if name not in REFUSAL}
        raise Refused(body["detail"], code=body["code"], status=409, extra=extra)
    if isinstance(said, frames.Action):
        if body["status"] == "review":
            _let_go(seat, said)
        return {"task": str(said.task), "status": body["status"], "action": body}
    if isinstance(said, frames.Execution):
        return body
    return {"status": body["status"], "action": body}


def _let_go(seat: Seat, said: Said) -> None:
    """The lease is over: that of the task, or the one under which the action was shown."""
    if isinstance(said, frames.Action):
        seat.let_go(said.task, said.lease_token)
    elif isinstance(said, frames.Execution):
        seat.let_go_of(said.lease_token)
