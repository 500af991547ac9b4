"""Spends, captures and voids of agents, decided together and answered in front of Django (chimera/kernel/http/quick.py)."""

import re
from typing import Any
from uuid import UUID

from rest_framework.renderers import JSONRenderer

from chimera.flows.authorise_spend import SPENDERS
from chimera.flows.spend_many import Answered, Asked, Capture, Spend, Void
from chimera.flows.spend_together import AT_ONCE_MAX, spend_together
from chimera.kernel.group import shared
from chimera.kernel.http import problem
from chimera.kernel.http.parsing import read_object
from chimera.kernel.http.quick import Leave, QuickCall, Reply, Way, refused
from chimera.kernel.http.trace import current_trace
from chimera.kernel.idempotency import Once
from commerce import serializers

_ID = "(?P<transaction>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
_renderer = JSONRenderer()


async def authorise(call: QuickCall) -> Reply:
    body = read_object(call.body)
    said = serializers.NewTransaction.read(body)
    token, task = said.pop("lease_token"), said.pop("task")
    if said.pop("correlation_key"):
        raise Leave  # a decision may be there already: not plain
    return await _asked(call, body, token, Spend(task_id=task, **said))


async def capture(call: QuickCall) -> Reply:
    body = read_object(call.body)
    said = serializers.Capture.read(body)
    token = said.pop("lease_token")
    return await _asked(call, body, token, Capture(transaction_id=UUID(call.named["transaction"]), **said))


async def void(call: QuickCall) -> Reply:
    body = read_object(call.body)
    said = serializers.Void.read(body)
    token = said.pop("lease_token")
    return await _asked(call, body, token, Void(transaction_id=UUID(call.named["transaction"]), **said))


async def _asked(call: QuickCall, body: dict[str, Any], token: UUID, what: Spend | Capture | Void) -> Reply:
    asked = Asked(
        what=what,
        lease_token=token,
        agent_id=call.principal.agent_id,
        by=call.principal.actor,
        once=_once(call, body) if call.key else None,
        trace=current_trace(),
    )
    try:
        answered = await shared(spend_together, most=AT_ONCE_MAX).add(call.principal.tenant_id, asked)
    except Exception as fault:
        if call.key or not isinstance(what, Spend):
            raise
        return _unknown(fault)
    if answered is None:
        raise Leave
    return _reply(answered)


def _once(call: QuickCall, body: dict[str, Any]) -> Once:
    return Once(key=call.key, principal=call.principal, method="POST", path=call.path, body=call.body, said=body)


def _reply(answered: Answered) -> Reply:
    content_type = problem.CONTENT_TYPE if answered.status == 402 else "application/json"
    return Reply(answered.status, _renderer.render(answered.body), content_type)


def _unknown(fault: Exception) -> Reply:
    """PostgreSQL went away, perhaps after the commit. Whoever has a key finds out at the door; without one it would hold twice."""
    refusal = problem.as_refusal(fault)
    if refusal is None:
        raise fault
    return refused(refusal)


WAYS = [
    Way(re.compile("/api/v1/transactions"), SPENDERS, authorise, status=201, keyed=None),
    Way(re.compile(f"/api/v1/transactions/{_ID}/capture"), SPENDERS, capture, keyed=None),
    Way(re.compile(f"/api/v1/transactions/{_ID}/void"), SPENDERS, void, keyed=None),
]
