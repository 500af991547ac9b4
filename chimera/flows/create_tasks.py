"""Create tasks; a manual one is BLOCKED with a card before anybody can claim it.

Locks: campaign's and session's rows through the session (FOR SHARE), then nothing: the tasks are new. For budgets that are
carved for them: the windows of what is above them, by id (carve_budgets).
Dies anywhere: all of it or nothing; the client repeats with the same Idempotency-Key.
"""

from collections.abc import Sequence
from typing import Any

from chimera.flows import headlines
from chimera.flows.carve_budgets import carve_budgets
from chimera.kernel import prepared
from chimera.kernel.actors import SYSTEM, Actor
from safety import actions as safety
from safety.models import CardKind
from swarm import shapes
from swarm.actions import creating, references, sessions, tasks
from swarm.actions.creating import NewTask
from swarm.models import Task
from swarm.models.task import ExecutionMode


def create_tasks(*, new: Sequence[NewTask], by: Actor) -> list[Task]:
    """All or none. Tasks of several sessions are locked in the order of the sessions' ids."""
    references.check_depth({n.parent_task_id for n in new if n.parent_task_id})
    created: dict[int, Task] = {}
    for session_id in sorted({n.session_id for n in new}):
        session = sessions.lock_for_tasks(session_id, by=by)
        mine = [(number, n) for number, n in enumerate(new) if n.session_id == session_id]
        made = creating.create(session=session, tasks=[n for _, n in mine], by=by)
        created |= {number: task for (number, _), task in zip(mine, made, strict=True)}
    for task in created.values():
        if task.execution_mode == ExecutionMode.MANUAL:
            wait_for_a_person(task)
    carve_budgets(list(created.values()), by=by)
    return [created[number] for number in range(len(new))]


def create_and_show(*, new: Sequence[NewTask], by: Actor) -> list[dict[str, Any]]:
    """The same, answered as the API shows new tasks: plain ones without a look at what they cannot have yet."""
    if not all(n.is_plain for n in new):
        return shapes.tasks(create_tasks(new=new, by=by), with_results=False)
    for session_id in sorted({n.session_id for n in new}):
        sessions.lock_for_tasks(session_id, by=by)
    rows = [creating.row(n, by) for n in new]
    prepared.ask(*creating.inserting(rows))
    return shapes.fresh(rows, waited=())


def wait_for_a_person(task: Task) -> None:
    """A manual task is BLOCKED with a card of its own until somebody starts it."""
    reason = {"code": "manual", "detail": "It is to run only when a person starts it."}
    tasks.block(task=task, reason="manual: waits for a person to start it", by=SYSTEM)
    safety.open_card(
        task_id=task.pk,
        session_id=task.session_id,
        kind=CardKind.MANUAL,
        reasons=[reason],
        **headlines.of_start(task),
        by=SYSTEM,
    )
