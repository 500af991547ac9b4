"""What agents' sockets hand over to be written, in groups: many agents' results, beats and progress in few statements."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from django.conf import settings

from chimera.flows import spend_together as spending
from chimera.flows.spend_many import AT_ONCE_MAX, Answered, Asked, spend_many
from chimera.flows.spend_together import spend_together
from chimera.kernel import clock, redis, tenancy
from chimera.kernel.group import Group, shared
from swarm import liveness
from swarm.actions import claims, progress, tasks
from swarm.actions.progress import Note
from swarm.consumers.working import Looked, Worker, look_after
from swarm.groups import groups
from swarm.models import Task

Seated = tuple[Worker, Mapping[UUID, UUID]]  # an agent, and the lease tokens that it holds, by task
BEATS_GATHER_SECONDS = 0.05  # a beat can wait a little; a look for each of a thousand agents could not
LOOKS_GATHER_SECONDS = 0.25
RENEW_EVERY_SECONDS = 0.5  # a lease below its half can wait for the next beat: so few writes renew thousands of leases
RENEW_AT_ONCE_BELOW = 0.3  # of a lease; this one cannot


@dataclass(frozen=True)
class Beat:
    """One agent's heartbeat: what it holds, as it says."""

    agent_id: UUID
    leases: Sequence[tuple[UUID, UUID]]  # task, lease token
    slots: int
    adopts: frozenset[tuple[UUID, UUID]] = frozenset()  # those that another connection holds, or none


@dataclass(frozen=True)
class Beaten:
    """What became of one lease: until when it lasts and what the agent is to do, or nothing of it (None)."""

    task_id: UUID
    lease_expires_at: datetime | None
    commands: list[str]
    adopted: bool = False


class Committing:
    """The groups of one event loop, each keyed by the tenant."""

    def __init__(self) -> None:
        most = settings.BATCH_MAX
        self.results = groups().results  # those of plain HTTP calls too
        self.money = shared(spend_together, most=spending.AT_ONCE_MAX)  # that of plain HTTP calls too
        self.rest_of_money: Group[UUID, Asked, Answered] = Group(_spend, most=AT_ONCE_MAX)
        self.beats: Group[UUID, Beat, list[Beaten]] = Group(self._beat, most=most, gather_seconds=BEATS_GATHER_SECONDS)
        self.looks: Group[UUID, Seated, Looked] = Group(look_after, most=most, gather_seconds=LOOKS_GATHER_SECONDS)
        self.progress: Group[UUID, Note, None] = Group(_note, most=most)
        self._renewed: dict[UUID, float] = {}  # when leases of a tenant were last renewed here

    def _beat(self, tenant_id: UUID, beats: Sequence[Beat]) -> list[list[Beaten]]:
        with tenancy.bound(tenant_id):
            found = tasks.read_all({task_id for beat in beats for task_id, _ in beat.leases})
            valid = {
                (task_id, token)
                for beat in beats
                for task_id, token in beat.leases
                if task_id in found and tasks.holds(found[task_id], token, agent_id=beat.agent_id)
            }
            asked = {lease for beat in beats for lease in beat.adopts}
            adopted = claims.adopt_all([found[task_id] for task_id, _ in valid & asked])
            held = [found[task_id] for task_id, _ in valid if task_id not in adopted]
            kept = claims.renew_all(held) if self._renews(tenant_id, held) else {task.pk for task in held}
            kept |= adopted
        liveness.beat_all({beat.agent_id: (len(beat.leases), beat.slots) for beat in beats})
        return [
            [
                _beaten(
                    found.get(task_id),
                    task_id,
                    holds=(task_id, token) in valid and task_id in kept,
                    adopted=task_id in adopted and (task_id, token) in beat.adopts,
                )
                for task_id, token in beat.leases
            ]
            for beat in beats
        ]

    def _renews(self, tenant_id: UUID, held: Sequence[Task]) -> bool:
        """Whether leases are renewed in this batch: some time after the last one that did, or when one cannot wait."""
        at = clock.now()
        left = [(task.lease_expires_at - at) / settings.LEASE for task in held if task.lease_expires_at]
        if not left or min(left) >= claims.RENEW_BELOW:
            return False
        waited = time.monotonic() - self._renewed.get(tenant_id, -RENEW_EVERY_SECONDS)
        if waited < RENEW_EVERY_SECONDS and min(left) >= RENEW_AT_ONCE_BELOW:
            return False
        self._renewed[tenant_id] = time.monotonic()
        return True


async def pay(tenant_id: UUID, asked: Asked) -> Answered:
    """Together with what passes plainly, or else with the rest, for which nobody else waits."""
    groups = committing()
    return await groups.money.add(tenant_id, asked) or await groups.rest_of_money.add(tenant_id, asked)


def _spend(tenant_id: UUID, asked: Sequence[Asked]) -> list[Answered | Exception]:
    answered = spend_many(tenant_id, asked)
    redis.nudge()
    return answered


def _beaten(task: Task | None, task_id: UUID, *, holds: bool, adopted: bool) -> Beaten:
    if task is None or not holds:
        return Beaten(task_id, None, ["stop"])
    return Beaten(task_id, task.lease_expires_at, liveness.commands(task), adopted)


def _note(tenant_id: UUID, notes: Sequence[Note]) -> list[None]:
    """Into Redis; while that is away into PostgreSQL at once, the newest of each task."""
    if not progress.note_all(notes):
        newest: dict[UUID, Any] = {note.task_id: note.progress for note in notes}
        with tenancy.bound(tenant_id):
            progress.write(rows=newest)
    return [None] * len(notes)


_by_loop: "WeakKeyDictionary[asyncio.AbstractEventLoop, Committing]" = WeakKeyDictionary()


def committing() -> Committing:
    """The groups of the running loop."""
    loop = asyncio.get_running_loop()
    found = _by_loop.get(loop)
    if found is None:
        found = _by_loop[loop] = Committing()
    return found
