"""A text is read for topics before the transaction that decides about it, whatever its score is."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from chimera.flows import recognise_topics
from tests.cast import Stage
from tests.commerce.books import at_work
from tests.safety.acts import propose
from tests.safety.test_policy_doors import claimed, made

Settle = Callable[[], None]
SECURITY = {"name": "secrets", "when": {"topics": ["security"]}, "then": "deny"}


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether a transaction was open, each time that a text was read that nobody had read before."""
    seen: list[bool] = []
    recognise = recognise_topics.topics.recognise

    def noted(*args: Any) -> Any:
        seen.append(connection.in_atomic_block)
        return recognise(*args)

    monkeypatch.setattr(recognise_topics.topics, "recognise", noted)
    return seen


@pytest.mark.parametrize(
    ("score", "outcome"), [(0.95, "completed"), (0.8, "blocked"), (0.1, "retrying"), (None, "blocked")]
)
def test_a_result_is_read_before_its_transaction(
    acme: Stage, settle: Settle, inside: list[bool], score: float | None, outcome: str
) -> None:
    made(acme, SECURITY)
    text = f"The baths opened at {score} past nine, and nobody minded."
    assert acme.ada.finish(claimed(acme, settle), score, output={"text": text}).ok()["outcome"] == outcome
    assert inside
    assert not any(inside)


def test_an_action_is_read_before_its_transaction(acme: Stage, inside: list[bool]) -> None:
    propose(acme, at_work(acme), {"text": "The baths open at half past ten, says the keeper."}).ok(201)
    assert inside == [False]
