"""Personas of the cast."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chimera.kernel import clock
from memory.models import MemoryRecord
from tests.cast import Caller, Said, Stage
from tests.memory.conftest import Remember

Add = Callable[..., dict[str, Any]]
PATH = "personas/harbour-notebook/context"
BODY = "A neighbour who knows the harbour well.\n\nShe walks the quay at six."


def soul(
    *,
    id: str = "harbour-notebook",
    name: str = "The Harbour Notebook",
    traits: tuple[str, ...] = ("plain", "warm"),
    directives: tuple[str, ...] = ("Name places and people.",),
    body: str = BODY,
) -> str:
    """A SOUL.md."""
    lines = [f"id: {id}", f"name: {name}"]
    for key, texts in (("voice_traits", traits), ("directives", directives)):
        lines += [f"{key}:", *(f"  - {text}" for text in texts)]
    return "\n".join(["---", *lines, "---", body, ""])


@pytest.fixture
def add() -> Add:
    """`add(otto, …)` uploads a SOUL.md and answers the version."""

    def post(who: Caller, **parts: Any) -> dict[str, Any]:
        said = who.post("personas", {"soul": soul(**parts)})
        assert said.status in (200, 201), said.body
        made: dict[str, Any] = said.body
        return made

    return post


@pytest.fixture
def claim(acme: Stage, remember: Remember, add: Add, settle: Callable[[], None]) -> dict[str, Any]:
    """Ada's task about the ferry; an old memory that fits, one of another persona, two of the session's last hour, her own and Bob's."""
    add(acme.otto)
    session = acme.session()
    old = remember(acme.pia, "Ferry tickets cost four euros.", category="semantic", source={"file": "fares.txt"})
    other = remember(acme.pia, "The ferry is a pirate ship.", category="semantic", persona="pirate")
    ours = remember(acme.pia, "The ferry is our pride.", category="soul", persona="harbour-notebook")
    remember(acme.pia, "The ferry question was asked.", session=session["id"])
    remember(acme.pia, "The ferry answer is half done.", session=session["id"], visibility="session")
    remember(acme.ada, "I think the ferry is late.", session=session["id"], visibility="agent")
    remember(acme.bob, "Bob's own ferry thought.", session=session["id"], visibility="agent")
    remember(acme.pia, "The ferry of another session.", session=acme.session()["id"], visibility="session")
    with acme.bound():
        rows = MemoryRecord.objects.filter(pk__in=[each["id"] for each in (old, other, ours)])
        rows.update(created_at=clock.now() - timedelta(days=3))
    acme.task(session, description="Write about the ferry and its fares.", input_payload={"length": 280})
    settle()
    (claimed,) = acme.ada.claim()
    return dict(claimed)


def task_of(claim: dict[str, Any]) -> str:
    found: str = claim["task"]["id"]
    return found


def keep(stage: Stage, claim: dict[str, Any], **more: Any) -> Said:
    return stage.ada.post(PATH, {"task": task_of(claim), "lease_token": claim["lease_token"], **more})
