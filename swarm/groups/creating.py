"""New tasks of one tenant, each by a call of its own with an Idempotency-Key."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from rest_framework.renderers import JSONRenderer

from chimera.kernel import idempotency, prepared, redis, tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.idempotency import Once
from swarm import shapes
from swarm.actions import creating, sessions
from swarm.actions.creating import NewTask

CREATED = 201
_renderer = JSONRenderer()


@dataclass(frozen=True, eq=False)
class Creation:
    """Of a plain task."""

    new: NewTask
    by: Actor
    once: Once


def create(tenant_id: UUID, asked: Sequence[Creation]) -> list[bytes | None]:
    """The task of each as the API shows it, kept for its key; None for one that the door is to do.

    That is one whose key was used before, or with which somebody else is at work; or whose session has not begun, takes no
    tasks, is not there, or is held by somebody: nobody waits here.
    """
    with tenancy.bound(tenant_id):
        answers = _created(asked)
    if any(answers):
        redis.nudge()
    return answers


def _created(asked: Sequence[Creation]) -> list[bytes | None]:
    calls = [one.once for one in asked]
    taking = sessions.taking_tasks({one.new.session_id for one in asked})
    free, answered, held = prepared.ask_all([*idempotency.beginning(calls), taking])
    open_sessions = {session_id for (session_id,) in held}
    ours = [
        one
        for one, is_ours in zip(asked, idempotency.unanswered(calls, free, answered), strict=True)
        if is_ours and one.new.session_id in open_sessions
    ]
    if not ours:
        return [None] * len(asked)
    rows = [creating.row(one.new, one.by) for one in ours]
    shown = [_renderer.render(task) for task in shapes.fresh(rows, waited=())]
    kept = [(one.once, CREATED, answer) for one, answer in zip(ours, shown, strict=True)]
    prepared.ask_all([creating.inserting(rows), idempotency.keeping(kept)], commit=True)
    by_call = dict(zip(ours, shown, strict=True))
    return [by_call.get(one) for one in asked]
