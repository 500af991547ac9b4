"""An agent at its socket: what it wants, and the leases that it holds through it, as far as is known here."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from chimera.kernel import clock
from swarm import dispatch
from swarm.consumers.working import Lease, Worker


class Seat:
    """It holds what was pushed to it, and what it adopted by a beat; an agent may sit at several at a time.

    `stirred` is set when there may be more room than before.
    """

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.held: dict[UUID, Lease] = {}
        self.told: dict[UUID, list[str]] = {}  # the commands that hold, by task
        self.wanted = 0
        self.types: Sequence[str] = ()
        self.stirred = asyncio.Event()
        self._heard_at = clock.now()
        self._is_mute = False  # it let a lease end without a word: frozen, perhaps, with its connection still open
        _seats[worker.agent.pk].add(self)

    def leave(self) -> None:
        others = _seats[self.worker.agent.pk]
        others.discard(self)
        if not others:
            del _seats[self.worker.agent.pk]

    @property
    def topic(self) -> str:
        return f"{self.worker.principal.tenant_id}:{self.worker.agent.role}"

    @property
    def own_topic(self) -> str:
        return f"{self.worker.principal.tenant_id}:{self.worker.agent.pk}"

    @property
    def tenant_topic(self) -> str:
        return dispatch.everybody_of(self.worker.principal.tenant_id)

    @property
    def kind(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Agents of one kind and role find the same work."""
        return tuple(self.types), tuple(self.worker.agent.capabilities)

    def be_ready(self, slots: int, types: Sequence[str]) -> int:
        """Answers how many it is granted."""
        self.wanted, self.types = min(slots, self.worker.agent.max_slots), types
        self.stirred.set()
        return self.wanted

    def heard(self) -> None:
        """It said something."""
        self._heard_at = clock.now()
        if self._is_mute:
            self._is_mute = False
            self.stirred.set()

    def room(self) -> int:
        """How many more tasks it wants and may have, as far as is known here.

        A lease that ended without a word takes up none, and whoever let it end so gets nothing until it says something.
        """
        for lease in self.held.values():
            self._listen_for(lease)
        if self._is_mute or not self.worker.agent.takes_work:
            return 0
        held = sum(len(seat.live()) for seat in self._all())
        return max(0, min(self.wanted - len(self.live()), self.worker.agent.max_slots - held))

    def _listen_for(self, lease: Lease) -> None:
        if self._heard_at < lease.expires_at <= clock.now():
            self._is_mute = True

    def live(self) -> dict[UUID, Lease]:
        at = clock.now()
        return {task_id: lease for task_id, lease in self.held.items() if lease.expires_at > at}

    def next_end(self) -> float | None:
        """Seconds until the first lease of this agent ends."""
        ends = [lease.expires_at for seat in self._all() for lease in seat.live().values()]
        return (min(ends) - clock.now()).total_seconds() if ends else None

    def holds(self, task_id: UUID, token: UUID) -> bool:
        lease = self.live().get(task_id)
        return lease is not None and lease.token == token

    def adopt(self, task_id: UUID, lease: Lease) -> None:
        """From now on it is this seat that gives it back; others of this process have it no longer."""
        for seat in self._all():
            seat.held.pop(task_id, None)
        self.held[task_id] = lease
        self.stir_all()

    def renewed(self, task_id: UUID, token: UUID, until: datetime) -> None:
        lease = self.held.get(task_id)
        if lease is not None and lease.token == token:
            lease.expires_at = until

    def let_go(self, task_id: UUID, token: UUID) -> None:
        """The lease is over, whoever ended it: its slot is free, at each socket of this agent."""
        for seat in self._all():
            lease = seat.held.get(task_id)
            if lease is not None and lease.token == token:
                seat._listen_for(lease)
                del seat.held[task_id]
        self.stir_all()

    def let_go_of(self, token: UUID) -> None:
        """The same, by the token alone."""
        for task_id in [task_id for task_id, lease in self.held.items() if lease.token == token]:
            self.let_go(task_id, token)

    def stir_all(self) -> None:
        """There may be more room at each socket of this agent: they share its slots."""
        for seat in self._all():
            seat.stirred.set()

    def _all(self) -> "set[Seat]":
        return _seats.get(self.worker.agent.pk, set())


_seats: dict[UUID, set[Seat]] = defaultdict(set)  # of this process, by agent
