"""An agent's memory check: search memory, and freeze what was found with the task that the agent runs.

Locks nothing. Dies anywhere: the search and its copy are there together, or neither is.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from chimera.kernel import clock
from chimera.kernel.errors import invalid
from chimera.kernel.identity import Principal
from memory import actions, search
from memory.actions import erasing
from memory.queries import Sought, Viewer
from memory.search import Found, Question
from swarm import queries
from swarm.actions import tasks
from swarm.models import AgentProfile, SwarmSession, Task


@dataclass(frozen=True, slots=True)
class Checked:
    found: Found
    task_id: UUID | None  # the task that it is frozen with


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
    agent: UUID | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    as_of: datetime | None = None,
    last: bool = False,
) -> Checked:
    """Find memories for a caller, inside its transaction, and freeze them with the task that it names.

    Evidence is a worker's write: it shows the lease token of the task, else 422; 409 stale_lease when that lease is not
    the agent's own, now. Without a task nothing is frozen. 404 for a session or an agent that the tenant does not have; 422 for a
    span of time in which nothing can have been remembered. With `last` the caller asks nothing else in its transaction.
    """
    if task_id is not None:
        erasing.share()  # before the first row is read: what is frozen must not outlive an erasure of it
    task = _task_of_check(principal, task_id, lease_token)
    _check_exist(session, agent)
    check_span(since, until)
    sought = Sought(
        viewer=viewer_of(principal, session=session, agent=agent),
        at=as_of or clock.now(),
        category=category,
        session_id=session,
        agent_role=agent_role,
        persona=persona,
        agent_id=agent,
        since=since,
        until=until,
    )
    found = search.look_up(question, sought, limit=limit, last=last and task is None)
    if task is None or task.lease_token is None:
        return Checked(found, None)
    actions.freeze(
        task_id=task.pk,
        lease_token=task.lease_token,
        attempt=task.attempt_count,
        agent_id=principal.agent_id,
        session_id=task.session_id,
        question=question,
        hits=found.hits,
        index=found.index,
        by=principal.actor,
    )
    return Checked(found, task.pk)


def viewer_of(principal: Principal, *, session: UUID | None = None, agent: UUID | None = None) -> Viewer:
    """What the caller may see in a search or a list: an agent its own, and what is kept for the sessions in which it holds a lease now.

    All sessions and agents are open to people, who say whose: of `session` they see what is kept for it, of `agent` what it keeps for
    itself. To an agent both are filters.
    """
    if not principal.is_agent:
        return Viewer(agent_id=agent, any_session=session is not None)
    working_in = queries.working_in(principal.agent_id, clock.now()) if principal.agent_id else frozenset()
    return Viewer(principal.agent_id, working_in)


def reader_of(principal: Principal) -> Viewer:
    """What the caller may see of memories that it names by their ids: people all."""
    return viewer_of(principal) if principal.is_agent else Viewer(any_session=True, any_agent=True)


def check_span(since: datetime | None, until: datetime | None) -> None:
    """Refuse a span that lies ahead, or ends before it begins: an empty answer would look like a memory that knows nothing."""
    now = clock.now()
    if since and since > now:
        raise invalid(
            f"`since` is {since.isoformat()}, and it is {now.isoformat()}: nothing was remembered after now. Name a moment in the past; "
            "for what will be valid then use `as_of`.",
            field_name="since",
            code="in_the_future",
        )
    if since and until and until <= since:
        raise invalid("`until` must be later than `since`.", field_name="until")


def _check_exist(session: UUID | None, agent: UUID | None) -> None:
    named: tuple[tuple[Any, UUID | None], ...] = ((SwarmSession, session), (AgentProfile, agent))
    for model, key in named:
        if key is not None:
            model.objects.only("pk").get_or_refuse(key)


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
