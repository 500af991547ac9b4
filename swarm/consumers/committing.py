"""What agents' sockets hand over to be written, in groups: many agents' results, beats and progress in few statements."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from django.conf import settings

from chimera.flows.finish_many import finish_many
from chimera.flows.finish_task import Finished, Handed
from chimera.kernel import redis, tenancy
from chimera.kernel.group import Group
from swarm import liveness
from swarm.actions import claims, progress, tasks
from swarm.actions.progress import Note
from swarm.models import Task

BEATS_GATHER_SECONDS = 0.15  # a beat can wait; a write for each of a thousand agents could not


@dataclass(frozen=True)
class Beat:
    """One agent's heartbeat: what it holds, as it says."""

    agent_id: UUID
    leases: Sequence[tuple[UUID, UUID]]  # task, lease token
    slots: int


@dataclass(frozen=True)
class Beaten:
    """What became of one lease: until when it lasts and what the agent is to do, or nothing of it (None)."""

    task_id: UUID
    lease_expires_at: datetime | None
    commands: list[str]


class Committing:
    """The groups of one event loop, each keyed by the tenant."""

    def __init__(self) -> None:
        self.results: Group[UUID, Handed, Finished] = Group(_finish, most=settings.BATCH_MAX)
        self.beats: Group[UUID, Beat, list[Beaten]] = Group(
            _beat, most=settings.BATCH_MAX, gather_seconds=BEATS_GATHER_SECONDS
        )
        self.progress: Group[UUID, Note, None] = Group(_note, most=settings.BATCH_MAX)


def _finish(tenant_id: UUID, handed: Sequence[Handed]) -> list[Finished | Exception]:
    settled = finish_many(tenant_id, handed)
    redis.nudge()
    return settled


def _beat(tenant_id: UUID, beats: Sequence[Beat]) -> list[list[Beaten]]:
    with tenancy.bound(tenant_id):
        found = tasks.read_all({task_id for beat in beats for task_id, _ in beat.leases})
        valid = {
            (task_id, token)
            for beat in beats
            for task_id, token in beat.leases
            if task_id in found and tasks.holds(found[task_id], token, agent_id=beat.agent_id)
        }
        kept = claims.renew_all(found[task_id] for task_id, _ in valid)
    liveness.beat_all({beat.agent_id: (len(beat.leases), beat.slots) for beat in beats})
    return [
        [
            _beaten(found.get(task_id), task_id, (task_id, token) in valid and task_id in kept)
            for task_id, token in beat.leases
        ]
        for beat in beats
    ]


def _beaten(task: Task | None, task_id: UUID, holds: bool) -> Beaten:
    if task is None or not holds:
        return Beaten(task_id, None, ["stop"])
    return Beaten(task_id, task.lease_expires_at, liveness.commands(task))


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
    return _by_loop.setdefault(asyncio.get_running_loop(), Committing())
