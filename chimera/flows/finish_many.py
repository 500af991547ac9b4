"""Finish many: results of one tenant's agents that came within a few milliseconds, each with an answer of its own.

What passes plainly is written in one transaction together; what needs more (cards, money, judges, refusals) has one of
its own each, as if it had come alone. Dies in between: some are settled, and the others are handed in again.
"""

from collections.abc import Sequence
from uuid import UUID

import structlog

from chimera.flows.finish_task import Finished, Handed, pass_plain, settle
from chimera.kernel import tenancy
from chimera.kernel.relay.slow_lane import is_outage

log = structlog.get_logger()


def finish_many(tenant_id: UUID, handed: Sequence[Handed]) -> list[Finished | Exception]:
    """Opens its own transactions. Raises only when PostgreSQL is away; what was refused is answered in its place."""
    done = finish_together(tenant_id, handed)
    return [done[place] if place in done else _tried(tenant_id, one) for place, one in enumerate(handed)]


def finish_together(tenant_id: UUID, handed: Sequence[Handed]) -> dict[int, Finished]:
    """Those that pass plainly, by their place; the others are left for `finish_alone`.

    Nobody waits here for a task that another transaction holds. A fault of one is not the others' fault: then all are left.
    """
    try:
        with tenancy.bound(tenant_id):
            return pass_plain(handed, waits=False)
    except Exception as fault:
        if is_outage(fault):
            raise
        log.warning("results_go_alone", results=len(handed), error=repr(fault))
        return {}


def finish_alone(tenant_id: UUID, one: Handed) -> Finished:
    """Refusals are raised."""
    with tenancy.bound(tenant_id):
        return settle(one)


def _tried(tenant_id: UUID, one: Handed) -> Finished | Exception:
    try:
        return finish_alone(tenant_id, one)
    except Exception as refusal:
        return refusal
