"""Finish many: results of one tenant's agents that came within a few milliseconds, each with an answer of its own.

What passes plainly is written in one transaction together; what needs more (cards, money, judges, refusals) has one of
its own each, as if it had come alone. Texts are read before it, under the policies that this process knows; it writes only where
they act still. Dies in between: some are settled, and the others are handed in again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from chimera.flows.ask_policies import bands
from chimera.flows.finish_task import Finished, Handed, finish_task, said_in
from chimera.flows.look_ahead import look_ahead
from chimera.flows.recognise_topics import recognise
from chimera.kernel import clock, prepared, tenancy
from chimera.kernel.relay.slow_lane import is_outage
from chimera.kernel.spelling import visible
from commerce import actions as commerce
from safety import triggers
from safety.actions import policies
from safety.actions.policies import ActingSet
from safety.policies import Kind, Subject, may_stop
from swarm import shapes
from swarm.actions import completing
from swarm.actions.completing import Passing
from swarm.states import TaskStatus

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
        acting = _acting(tenant_id)
        passing = _passing(handed, acting)
        if not passing:
            return {}
        with tenancy.bound(tenant_id):
            done = _completed(list(passing.values()), acting)
            shown = shapes.tasks_by_id([pk for pk in done if handed[passing[pk].place].shows])
    except Exception as fault:
        if is_outage(fault):
            raise
        log.warning("results_go_alone", results=len(handed), error=repr(fault))
        return {}
    return {passing[pk].place: Finished(str(TaskStatus.COMPLETED), "completed", shown=shown.get(pk)) for pk in done}


def finish_alone(tenant_id: UUID, one: Handed) -> Finished:
    """Refusals are raised."""
    look_ahead(tenant_id, one)
    with tenancy.bound(tenant_id):
        return finish_task(one)


def _acting(tenant_id: UUID) -> ActingSet:
    """The policies that this process knows; asked for once."""
    found = policies.known(tenant_id)
    if found is None:
        with tenancy.bound(tenant_id):
            found = policies.acting()
    return found


def _passing(handed: Sequence[Handed], acting: ActingSet) -> dict[UUID, "_Placed"]:
    """Those whose words and score let them pass in some tier, the first of each task."""
    found: dict[UUID, _Placed] = {}
    for place, one in enumerate(handed):
        if one.task_id in found or one.new.status != "succeeded" or one.new.cost_usd:
            continue
        tier = _passes_from(one, acting)
        if tier is not None:
            found[one.task_id] = _Placed(
                place, Passing(one.task_id, one.lease_token, one.agent_id, one.new, tier, one.by)
            )
    return found


def _passes_from(one: Handed, acting: ActingSet) -> int | None:
    """None where no score passes it, it touches a topic, or a policy might have a word, whatever its task is."""
    text, score = triggers.readable(said_in(one.new)), one.new.confidence_score
    tier = triggers.passes_from(text=text, score=score, bands=bands())
    if tier is None or recognise(visible(text)):
        return None
    if not acting.policies:
        return tier
    subject = Subject(kind=Kind.RESULT, at=clock.now(), text=text, confidence=score)
    return None if may_stop(subject, acting.policies) else tier


@dataclass(frozen=True)
class _Placed:
    place: int
    passing: Passing


def _completed(placed: Sequence[_Placed], acting: ActingSet) -> set[UUID]:
    """Under the tasks' locks: those that touch no money. None, after a change of policies: those left read what acts now."""
    asked = [one.passing.task_id for one in placed]
    locked, moneyed, standing = prepared.ask_all(
        [completing.locking(asked), commerce.open_money(asked), policies.standing()]
    )
    if policies.acting_at(standing).stamp != acting.stamp:
        return set()
    free = {row[0] for row in locked} - {row[0] for row in moneyed}
    return completing.complete([one.passing for one in placed if one.passing.task_id in free])


def _tried(tenant_id: UUID, one: Handed) -> Finished | Exception:
    try:
        return finish_alone(tenant_id, one)
    except Exception as refusal:
        return refusal
