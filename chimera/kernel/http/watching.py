"""Whoever watches a live feed is asked again now and then: a membership, a session or a key may end while it is open."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from chimera.kernel.bridge import in_thread
from chimera.kernel.errors import Refused
from chimera.kernel.http.problem import as_refusal
from chimera.kernel.http.sockets import check_again

log = structlog.get_logger()
NO_LONGER = frozenset({401, 403, 404})


async def no_longer(scope: Mapping[str, Any], *, tenant_id: UUID) -> Refused | None:
    """Why whoever was let in may look on no more. None while they may; and where nobody can be asked now, for then it is asked the
    next time."""
    try:
        await in_thread(partial(check_again, scope, tenant_id=tenant_id))
    except Exception as exc:
        refusal = as_refusal(exc)
        if refusal and refusal.status in NO_LONGER:
            return refusal
        log.warning("viewer_not_asked", error=repr(exc))
    return None
