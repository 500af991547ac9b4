"""An agent's memory check: search memory, and freeze what was found with the task that the agent runs.

Locks nothing. Dies anywhere: the search and its copy are there together, or neither is.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chimera.kernel import clock
from chimera.kernel.errors import invalid
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
    """Find memories for a caller, inside its transaction, and freeze them with the task that it names.

    Evidence is a worker's write: it shows the lease token of the task, else 422; 409 stale_lease when that lease is not
    the agent's own, now. Without a task nothing is frozen.
    """
    task = _task_of_check(principal, task_id, lease_token)
    sought = Sought(
        viewer=viewer_of(principal, people_see_sessions=session is not None),
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


def viewer_of(principal: Principal, *, people_see_sessions: bool) -> Viewer:
    """What the caller may see: an agent what is kept for the sessions in which it holds a lease now.

    All sessions are open to people; whether theirs are meant is the caller's to say.
    """
    if not principal.is_agent:
        return Viewer(any_session=people_see_sessions)
    held = Task.objects.filter(agent_id=principal.agent_id, status=TaskStatus.RUNNING, lease_expires_at__gt=clock.now())
    return Viewer(principal.agent_id, frozenset(held.values_list("session_id", flat=True)))


def _task_of_check(principal: Principal, task_id: UUID | None, lease_token: UUID | None) -> Task | None:
    if task_id is None:
        if lease_token is not None:
            raise invalid("`lease_token` needs the `task` that it is for.", field_name="task")
        return None
    if not principal.is_agent:
        raise invalid("Only the agent that runs a task checks memory for it; leave `task` out.", field_name="task")
    if lease_token is None:
        raise invalid(
            "`task` needs the `lease_token` under which it runs; leave both out for a search that is not kept.",
            field_name="lease_token",
        )
    task = tasks.read(task_id)
    # No lock: a check under a lease that ends this very moment is evidence of that lease, and of no other.
    tasks.check_lease(task, lease_token, agent_id=principal.agent_id)
    return task
