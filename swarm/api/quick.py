"""The calls that agents make all the time, answered in groups and in front of Django (chimera/kernel/http/quick.py)."""

import re
import time
from decimal import Decimal
from typing import Any
from uuid import UUID

from chimera.flows.authorise_spend import SPENDERS
from chimera.flows.finish_task import Handed
from chimera.flows.meter_lease import Beaten
from chimera.flows.meter_many import Cost
from chimera.kernel.http import callers
from chimera.kernel.http.parsing import read_object
from chimera.kernel.http.permissions import AGENTS, check
from chimera.kernel.http.quick import Leave, QuickCall, Way
from chimera.kernel.http.waiting import Place, until_stirred, waiters
from chimera.kernel.identity import Role
from swarm import dispatch
from swarm.actions.results import NewResult
from swarm.api import quick_tasks
from swarm.groups import Ask, Asker, Beat, Got, groups
from swarm.groups.returning import claimed
from swarm.serializers.leases import Heartbeat, NewClaim, ResultFields

_ID = "(?P<task>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"


async def finish(call: QuickCall) -> dict[str, Any]:
    said = ResultFields.read(read_object(call.body))
    handed = Handed(
        task_id=UUID(call.named["task"]),
        lease_token=said.pop("lease_token"),
        agent_id=call.principal.agent_id,
        new=NewResult(**said),
        by=call.principal.actor,
        shows=True,
        judges=call.principal.role == Role.JUDGE,
    )
    done = await groups().results.add(call.principal.tenant_id, handed)
    return {"task": done.shown, "outcome": done.outcome, "review": done.review_id}


async def beat(call: QuickCall) -> dict[str, Any]:
    said = Heartbeat.read(read_object(call.body))
    if (said["cost_usd"] or said["ahead_usd"]) and (metered := await _metered(call, said)).reason is not None:
        return metered.shape()
    one = Beat(UUID(call.named["task"]), said["lease_token"], call.principal.agent_id, said["progress"])
    beaten = await groups().beats.add(call.principal.tenant_id, one)
    return {"lease_expires_at": beaten.lease_expires_at, "commands": beaten.commands}


async def _metered(call: QuickCall, said: dict[str, Any]) -> Beaten:
    check(call.principal, SPENDERS)
    cost = Cost(
        task_id=UUID(call.named["task"]),
        lease_token=said["lease_token"],
        agent_id=call.principal.agent_id,
        cost_usd=said["cost_usd"] or Decimal(0),
        ahead_usd=said["ahead_usd"],
        by=call.principal.actor,
    )
    return await groups().meters.add(call.principal.tenant_id, cost)


# ------------------------------------------------------------------ claims


async def claim(call: QuickCall) -> dict[str, Any]:
    """Try; while nothing was claimed and time is left, wait for the queue to grow and try again."""
    said = NewClaim.read(read_object(call.body))
    if call.principal.role not in said.get("roles", [call.principal.role]):
        raise Leave
    deadline = time.monotonic() + said["wait_seconds"]
    asker = Asker(call.principal.tenant_id, call.principal.agent_id, tuple(said.get("types", ())))
    got = await call.unless_gone(_claimed(call, asker, said["max"], deadline))
    return {"claims": got.shown}


async def _claimed(call: QuickCall, asker: Asker, most: int, deadline: float) -> Got:
    got = await claimed(asker, Ask(most, call.principal.actor))
    if not got.shown and time.monotonic() < deadline:
        got = await _waited(call, asker, most, got, deadline)
    return got


async def _waited(call: QuickCall, asker: Asker, most: int, got: Got, deadline: float) -> Got:
    """Its key is looked at before each look for work: whoever is shown out does not wait any longer."""
    principal = call.principal
    work, own = f"{principal.tenant_id}:{principal.role}", f"{principal.tenant_id}:{principal.id}"
    slots = dispatch.slots_of(principal.tenant_id, principal.id)
    async with (
        waiters().listening(work) as place,
        waiters().called(own, place.stirred),
        waiters().called(dispatch.everybody_of(principal.tenant_id), place.stirred),
        waiters().called(slots) as freed,
    ):
        while True:
            place.stirred.clear()
            freed.clear()
            place.look(got.kind)
            await callers.caller(call.secret)
            got = await claimed(asker, Ask(most, principal.actor))
            _tell(place, got)
            if got.shown or time.monotonic() >= deadline:
                return got
            await until_stirred(place, freed, deadline, able=got.able)


def _tell(place: Place, got: Got) -> None:
    """What its look means for others. Who took something does not know what was left, nor who popped what was taken."""
    if got.shown or got.able:
        place.found(len(got.shown), more=got.more)
    else:
        place.unable()


WAYS = [
    quick_tasks.WAY,
    Way(re.compile("/api/v1/claims"), AGENTS, claim),
    Way(re.compile(f"/api/v1/tasks/{_ID}/result"), AGENTS, finish),
    Way(re.compile(f"/api/v1/tasks/{_ID}/heartbeat"), AGENTS, beat),
]
