"""Results of one tenant's agents."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from chimera.flows import finish_many
from chimera.flows.finish_task import Finished, Handed
from chimera.kernel import redis
from chimera.kernel.group import LEFT_OVER, Left
from swarm import dispatch


def finish(tenant_id: UUID, handed: Sequence[Handed]) -> list[Finished | Literal[Left.OVER]]:
    """What passes plainly, together; the rest in transactions of their own, for which nobody waits but they."""
    done = finish_many.finish_together(tenant_id, handed)
    if done:
        redis.nudge(soon=True)
        dispatch.call_freed(tenant_id, [handed[place].agent_id for place in done])
    return [done.get(place, LEFT_OVER) for place in range(len(handed))]


def finish_alone(tenant_id: UUID, one: Handed) -> Finished:
    done = finish_many.finish_alone(tenant_id, one)
    redis.nudge(soon=True)
    dispatch.call_freed(tenant_id, [one.agent_id])
    return done
