"""Memories of the cast."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.cast import Caller

Remember = Callable[..., dict[str, Any]]
Ask = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def remember() -> Remember:
    """`remember(ada, "text", …)` posts a memory and answers it."""

    def post(who: Caller, content: str, **more: Any) -> dict[str, Any]:
        made: dict[str, Any] = who.post("memories", {"content": content, **more}).ok(201).body
        return made

    return post


@pytest.fixture
def ask() -> Ask:
    """`ask(ada, "query", …)` searches and answers the hits."""

    def search(who: Caller, query: str, **more: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = who.post("memories/search", {"query": query, **more}).ok()["results"]
        return found

    return search


def texts(hits: list[dict[str, Any]]) -> list[str]:
    return [hit["memory"]["content"] for hit in hits]
