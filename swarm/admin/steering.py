"""The verbs with which operators steer what goes on for long: in the same words on every noun's page.

What a verb does, and when it is offered, the noun says. What cannot be undone asks for a reason, and is confirmed with its own
button; resuming asks for none, and gets an empty one.
"""

from collections.abc import Callable
from functools import partial
from typing import ParamSpec

from django.db import transaction

from chimera.kernel.console.verbs import Because, Verb, Why
from swarm.admin.looks import OPERATORS

P = ParamSpec("P")

pause = partial(Verb, name="pause", label="Pause", past="paused", roles=OPERATORS, form=Why)
resume = partial(Verb, name="resume", label="Resume", past="resumed", roles=OPERATORS, tone="primary")
complete = partial(Verb, name="complete", label="Complete", past="completed", roles=OPERATORS, form=Why)
stop = partial(
    Verb,
    name="stop",
    label="Stop",
    past="stopped",
    roles=OPERATORS,
    form=Because,
    tone="danger",
    confirm="Stop it for good",
)


def sweep_afterwards(sweep: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Once the mark is committed, take away at once what is open. What this leaves is swept through the event log."""
    transaction.on_commit(partial(sweep, *args, **kwargs), robust=True)
