"""Claims of one agent's many threads or processes: what they ask for at the same moment is claimed at once, and dealt out."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chimera.flows.claim_tasks import Claimed, claim_tasks, show_claims
from chimera.kernel import redis, tenancy
from chimera.kernel.actors import Actor
from swarm import dispatch, liveness
from swarm.actions import agents, claims, stops
from swarm.groups.following import following

AGENTS_MAX = 10_000  # remembered; some 2 MB
ASKS_MAX = 8  # in one transaction: with CLAIMS_MAX each as many tasks as a batch has


@dataclass(frozen=True)
class Asker:
    """Asks with the same of this are claimed together."""

    tenant_id: UUID
    agent_id: UUID
    types: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ask:
    most: int
    by: Actor


@dataclass(frozen=True)
class Got:
    """`able`: it was active and had a free slot. `more`: perhaps there is more for others. Of one `kind` find the same."""

    shown: list[dict[str, Any]]
    able: bool
    more: bool
    kind: Hashable


class Claiming:
    """Remembers of an agent how many slots it had left, so that mostly one transaction does; PostgreSQL counts them exactly."""

    def __init__(self) -> None:
        self._left: dict[UUID, tuple[str, int]] = {}  # role and free slots by agent

    def claim(self, asker: Asker, asked: Sequence[Ask]) -> list[Got]:
        """As if one after the other: the first gets what it asked for, then the next, while there are slots and tasks."""
        most, by = sum(one.most for one in asked), asked[0].by
        role, left = self._left.get(asker.agent_id, ("", 0))
        popped: Sequence[UUID] | None = []
        if left >= most:
            popped = dispatch.pop(tenant_id=asker.tenant_id, role=role, most=most, types=asker.types)
        if popped:
            got, shown = _claimed(asker, most, popped, by)
        else:
            popped, got, shown = _looked(asker, most, by)
        mine = [one.task for one in got.claims]
        self._keep(got, len(mine))
        if got.agent.is_silent:
            with following("hear"), tenancy.bound(asker.tenant_id):
                agents.hear(asker.agent_id, by=by)
        if mine:
            with following("nudge"):
                redis.nudge(soon=True)
        with following("beat"):
            held = got.agent.max_slots - got.free + len(mine)
            liveness.beat(asker.agent_id, tasks=held, slots=got.agent.max_slots)
        with following("settle"):
            dispatch.settle(asker.tenant_id, popped=popped or (), early=got.early, claimed=mine)
        more = bool(mine or popped) and not got.early
        kind = (asker.types, tuple(got.agent.capabilities))
        return [Got(part, got.able, more, kind) for part in _dealt(shown, asked)]

    def _keep(self, got: Claimed, taken: int) -> None:
        if len(self._left) > AGENTS_MAX:
            self._left.clear()
        self._left[got.agent.pk] = (got.agent.role, got.free - taken if got.hands_out else 0)


def _looked(asker: Asker, most: int, by: Actor) -> tuple[Sequence[UUID] | None, Claimed, list[dict[str, Any]]]:
    """With a look at the agent first, so that no more is popped than it may hold."""
    with tenancy.bound(asker.tenant_id):
        agent = agents.hear(asker.agent_id, by=by)
        free, hands_out = claims.free_slots(agent), stops.hands_out()
    nothing = Claimed(agent, free, [], [], hands_out)
    if not nothing.able:
        return [], nothing, []
    most = min(most, free)
    popped = dispatch.pop(tenant_id=asker.tenant_id, role=agent.role, most=most, types=asker.types)
    if popped == [] and not agent.capabilities:
        return [], nothing, []
    return popped, *_claimed(asker, most, popped, by)


def _claimed(asker: Asker, most: int, popped: Sequence[UUID] | None, by: Actor) -> tuple[Claimed, list[dict[str, Any]]]:
    with tenancy.bound(asker.tenant_id):
        got = claim_tasks(
            agent_id=asker.agent_id,
            most=most,
            popped=popped or (),
            redis_away=popped is None,
            types=asker.types,
            by=by,
        )
        return got, show_claims(got.claims)


def _dealt(shown: Sequence[dict[str, Any]], asked: Sequence[Ask]) -> list[list[dict[str, Any]]]:
    dealt, at = [], 0
    for one in asked:
        dealt.append(list(shown[at : at + one.most]))
        at += one.most
    return dealt
