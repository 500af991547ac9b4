"""Heartbeats of one tenant's agents, each for one lease."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count

from chimera.kernel import tenancy
from chimera.kernel.errors import StaleLease
from swarm import liveness
from swarm.actions import claims, progress, tasks
from swarm.actions.progress import Note
from swarm.models import Task
from swarm.states import TaskStatus


@dataclass(frozen=True, eq=False)
class Beat:
    task_id: UUID
    lease_token: UUID
    agent_id: UUID
    progress: Mapping[str, Any] | None


@dataclass(frozen=True)
class Beaten:
    lease_expires_at: datetime
    commands: list[str]


def beat(tenant_id: UUID, beats: Sequence[Beat]) -> list[Beaten | Exception]:
    """StaleLease for a lease that is another's, over or unknown."""
    with tenancy.bound(tenant_id):
        found = tasks.read_all({one.task_id for one in beats})
        valid = [one for one in beats if one.task_id in found and _holds(found[one.task_id], one)]
        kept = claims.renew_all([found[one.task_id] for one in valid])
        held = _held({one.agent_id for one in valid})
    holding = [one for one in valid if one.task_id in kept]
    agents = {one.agent_id: found[one.task_id].agent for one in holding}
    liveness.beat_all({pk: (held.get(pk, 0), agent.max_slots) for pk, agent in agents.items() if agent})
    _note(tenant_id, holding)
    theirs = set(holding)
    return [_beaten(found.get(one.task_id)) if one in theirs else StaleLease() for one in beats]


def _holds(task: Task, one: Beat) -> bool:
    return tasks.holds(task, one.lease_token, agent_id=one.agent_id)


def _beaten(task: Task | None) -> Beaten:
    assert task is not None  # it was held a moment ago
    assert task.lease_expires_at is not None
    return Beaten(task.lease_expires_at, liveness.commands(task))


def _held(agent_ids: set[UUID]) -> dict[UUID, int]:
    """How many leases each of them holds; who handed its last one in a moment ago is left out."""
    running = Task.objects.so_far().filter(agent_id__in=agent_ids, status=TaskStatus.RUNNING)
    return dict(running.values_list("agent_id").annotate(Count("pk")))


def _note(tenant_id: UUID, beats: Sequence[Beat]) -> None:
    """Into Redis; while that is away into PostgreSQL at once, the newest of each task."""
    said = {one.task_id: (one.agent_id, one.progress) for one in beats if one.progress is not None}
    notes = [Note(task_id, tenant_id, str(agent_id), noted) for task_id, (agent_id, noted) in said.items()]
    if notes and not progress.note_all(notes):
        with tenancy.bound(tenant_id):
            progress.write(rows={note.task_id: note.progress for note in notes})
