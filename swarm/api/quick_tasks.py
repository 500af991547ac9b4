"""One new task, created in front of Django together with others (chimera/kernel/http/quick.py)."""

import re

from chimera.kernel.http.parsing import read_object
from chimera.kernel.http.quick import Leave, QuickCall, Way
from chimera.kernel.idempotency import Once
from swarm.api.sessions import CREATORS
from swarm.groups import Creation, groups
from swarm.serializers.plain_tasks import read_plain


async def create(call: QuickCall) -> bytes:
    said = read_object(call.body)
    new = read_plain(said)
    if new is None:
        raise Leave
    once = Once(key=call.key, principal=call.principal, method="POST", path=call.path, body=call.body, said=said)
    creation = Creation(new, call.principal.actor, once)
    shown = await groups().creations.add(call.principal.tenant_id, creation)
    if shown is None:
        raise Leave
    return shown


WAY = Way(re.compile("/api/v1/tasks"), CREATORS, create, status=201, keyed=True)
