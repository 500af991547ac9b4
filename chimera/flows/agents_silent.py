"""Agents fall silent, and are heard of again: what Redis knows of their beats, written down many at once.

Locks: rows of agents that nobody else has locked, by id. Dies anywhere: the clock comes by again.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.conf import settings

from chimera.kernel import clock, redis, tenancy
from chimera.kernel.sweep import one_by_one
from swarm import liveness
from swarm.actions import agents

AT_ONCE_MAX = 1_000  # agents that fall silent in one step
BREAK = timedelta(seconds=30)  # between two looks; after a longer one it begins anew
SKEW = timedelta(seconds=5)  # clocks of web processes that differ by less lose no beat


class Watch:
    """The clock's step, which remembers since when it has listened without a break.

    Nobody is called silent because Redis was away, or the clock: first they have all the time to be heard of again.
    """

    def __init__(self) -> None:
        self._listens_since: datetime | None = None
        self._looked = clock.now()

    def look(self) -> None:
        """Raises redis.Away."""
        at = clock.now()
        if not timedelta() <= at - self._looked <= BREAK:
            self._listens_since = None  # another relay may have led meanwhile, or none
        since = self._looked if self._listens_since else at - liveness.HEARD_KEPT
        try:
            heard = liveness.heard_since(since - SKEW)
        except redis.Away:
            self._listens_since = None
            raise
        self._write(heard)
        self._listens_since, self._looked = self._listens_since or at, at
        # What is written is a little older than what was heard: nobody is silent before the time, but a little after.
        unheard = at - timedelta(seconds=settings.AGENT_SILENT_SECONDS + settings.AGENT_SEEN_SECONDS)
        if self._listens_since <= unheard:
            self._silence(unheard)

    def _write(self, heard: dict[UUID, datetime]) -> None:
        if not heard:
            return
        with tenancy.system():
            back = agents.see_all(heard)
        _by_tenant(back, agents.hear_all)

    def _silence(self, since: datetime) -> None:
        with tenancy.system():
            unheard = agents.unheard(since, most=AT_ONCE_MAX)
        _by_tenant(unheard, partial(agents.fall_silent, since=since))


def _by_tenant(found: Iterable[tuple[UUID, UUID]], step: Callable[[Sequence[UUID]], None]) -> None:
    """All agents of one tenant in one transaction."""
    grouped: dict[UUID, list[UUID]] = defaultdict(list)
    for tenant_id, agent_id in found:
        grouped[tenant_id].append(agent_id)
    one_by_one(grouped.items(), step)
