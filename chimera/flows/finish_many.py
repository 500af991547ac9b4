"""Finish many: results of one tenant's agents that came within a few milliseconds, each with an answer of its own.

What passes plainly is written in one transaction together; what needs more (cards, money, judges, refusals) has one of
its own each, as if it had come alone. Dies in between: some are settled, and the others are handed in again.
"""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import structlog

from chimera.flows.finish_task import Finished, Handed, pass_plain, settle
from chimera.kernel import tenancy
from chimera.kernel.relay.slow_lane import is_outage
from swarm import shapes

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
            return _shown(handed, pass_plain(handed, waits=False))
    except Exception as fault:
        if is_outage(fault):
            raise
        log.warning("results_go_alone", results=len(handed), error=repr(fault))
        return {}


def finish_alone(tenant_id: UUID, one: Handed) -> Finished:
    """Refusals are raised."""
    with tenancy.bound(tenant_id):
        return _shown([one], {0: settle(one)})[0]


def _shown(handed: Sequence[Handed], done: dict[int, Finished]) -> dict[int, Finished]:
    """With the tasks of those who want to see them, read in the same transaction."""
    places = [place for place in done if handed[place].shows]
    shown = shapes.tasks_in_full([done[place].task for place in places])
    return done | {place: replace(done[place], shown=task) for place, task in zip(places, shown, strict=True)}


def _tried(tenant_id: UUID, one: Handed) -> Finished | Exception:
    try:
        return finish_alone(tenant_id, one)
    except Exception as refusal:
        return refusal
