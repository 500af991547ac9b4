"""Personas of the cast."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.cast import Caller

Add = Callable[..., dict[str, Any]]
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
