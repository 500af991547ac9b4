"""Heartbeats of one tenant's agents that say what their leases have cost."""

from collections.abc import Sequence
from uuid import UUID

from chimera.flows.meter_lease import Beaten
from chimera.flows.meter_many import Cost, meter_many
from chimera.kernel import redis


def meter(tenant_id: UUID, costs: Sequence[Cost]) -> list[Beaten | Exception]:
    metered = meter_many(tenant_id, costs)
    redis.nudge()
    return metered
