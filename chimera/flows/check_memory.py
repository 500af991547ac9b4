"""An agent's memory check: search memory, and freeze what was found with the task that the agent runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chimera.kernel import clock
from chimera.kernel.errors import StaleLease, invalid
from chimera.kernel.identity import Principal
from memory import actions, search
from memory.queries import Sought, Viewer
from memory.search import Hit, Question
from swarm.actions import tasks
from swarm.models import Task
from swarm.states import TaskStatus


@dataclass(frozen=True, slots=True)
class Checked:
    hits: list[Hit]
    task_id: UUID | None  # the task that the hits are frozen with


def check_memory(
    *,
    principal: Principal,
    question: Question,
    limit: int,
    task_id: UUID | None = None,
    lease_token: UUID | None = None,
    category: str | None = None,
    session: UUID | None = None,
    agent_role: str | None = None,
    persona: str | None = None,
    since: datetime | None = None,
    as_of: datetime | None = None,
) -> Checked:
    """Find memories for a caller, inside its transaction.

    An agent that names a task must hold its lease, else 409 stale_lease. One that names none and runs just one task
    checks for that; with several running, nothing is frozen, because nobody could say for which.
    """
    held = _held(principal)
    task = _task_of_check(principal, held, task_id, lease_token)
    viewer = Viewer.of(principal, session, *(t.session_id for t in held))
    sought = Sought(
        viewer=viewer,
        at=as_of or clock.now(),
        category=category,
        session_id=session,
        agent_role=agent_role,
        persona=persona,
        since=since,
    )
    hits = search.find(question, sought, limit=limit)
    if task is None or task.lease_token is None:
        return Checked(hits, None)
    actions.freeze(
        task_id=task.pk,
        lease_token=task.lease_token,
        attempt=task.attempt_count,
        agent_id=principal.agent_id,
        question=question,
        hits=hits,
    )
    return Checked(hits, task.pk)


def _held(principal: Principal) -> list[Task]:
    """The tasks whose lease the agent holds now: at most its slots."""
    if not principal.is_agent:
        return []
    running = Task.objects.filter(
        agent_id=principal.agent_id, status=TaskStatus.RUNNING, lease_expires_at__gt=clock.now()
    )
    return list(running.only("id", "session_id", "lease_token", "attempt_count"))


def _task_of_check(
    principal: Principal, held: Sequence[Task], task_id: UUID | None, lease_token: UUID | None
) -> Task | None:
    if task_id is None:
        if lease_token is not None:
            raise invalid("`lease_token` needs the `task` that it is for.", field_name="task")
        return held[0] if len(held) == 1 else None
    if not principal.is_agent:
        raise invalid("Only the agent that runs a task checks memory for it; leave `task` out.", field_name="task")
    task = tasks.read(task_id)
    token = lease_token or task.lease_token
    if token is None:
        raise StaleLease
    # No lock: a check under a lease that ends this very moment is evidence of that lease, and of no other.
    tasks.check_lease(task, token, agent_id=principal.agent_id)
    return task
