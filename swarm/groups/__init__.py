"""What many agents say at about the same time is done together, whichever door it comes through.

A group is one transaction; each item is answered for itself, after the commit (chimera/kernel/group.py).
"""

import asyncio
from uuid import UUID
from weakref import WeakKeyDictionary

from django.conf import settings

from chimera.flows import meter_lease
from chimera.flows.finish_task import Finished, Handed
from chimera.flows.meter_many import Cost
from chimera.flows.spend_many import AT_ONCE_MAX
from chimera.kernel.group import Group
from swarm.groups import beating, claiming, creating, finishing, metering
from swarm.groups.beating import Beat, Beaten
from swarm.groups.claiming import Ask, Asker, Claiming, Got
from swarm.groups.creating import Creation

__all__ = ["Ask", "Asker", "Beat", "Beaten", "Creation", "Got", "Groups", "groups"]


class Groups:
    """Of one event loop."""

    def __init__(self) -> None:
        most = settings.BATCH_MAX
        self.results: Group[UUID, Handed, Finished] = Group(finishing.finish, alone=finishing.finish_alone, most=most)
        self.claims: Group[Asker, Ask, Got] = Group(Claiming().claim, most=claiming.ASKS_MAX)
        self.creations: Group[UUID, Creation, bytes | None] = Group(creating.create, most=most)
        self.beats: Group[UUID, Beat, Beaten] = Group(beating.beat, most=most)
        self.meters: Group[UUID, Cost, meter_lease.Beaten] = Group(metering.meter, most=AT_ONCE_MAX)


_by_loop: "WeakKeyDictionary[asyncio.AbstractEventLoop, Groups]" = WeakKeyDictionary()


def groups() -> Groups:
    """The groups of the running loop."""
    loop = asyncio.get_running_loop()
    found = _by_loop.get(loop)
    if found is None:
        found = _by_loop[loop] = Groups()
    return found
