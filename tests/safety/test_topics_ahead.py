"""A text is read for topics before the transaction that decides about it, whatever its score is."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, connection

from chimera.flows import recognise_topics
from safety.policies import subject
from swarm.models import Task
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


def is_free(acme: Stage, task_id: UUID) -> bool:
    """Whether somebody else could lock the task just now."""
    try:
        with acme.bound():
            return bool(Task.objects.select_for_update(nowait=True).get(pk=task_id))
    except DatabaseError:
        return False
    finally:
        connection.close()


@pytest.mark.parametrize("edited", [{}, {"edited_payload": {"text": "The baths open late in the winter months."}}])
def test_what_is_approved_is_read_before_its_task_is_locked(
    acme: Stage, monkeypatch: pytest.MonkeyPatch, edited: dict[str, Any]
) -> None:
    """By a process that has not seen it, or as a reviewer writes it."""
    claim = at_work(acme)
    review = acme.ada.finish(claim, 0.8, output={"text": "The baths open at eleven, says the keeper's aunt."}).ok()[
        "review"
    ]
    made(acme, SECURITY)
    recognise_topics._kept.clear()
    free: list[bool] = []
    recognise = recognise_topics.topics.recognise

    def noted(*args: Any) -> Any:
        with ThreadPoolExecutor(1) as elsewhere:
            free.append(elsewhere.submit(is_free, acme, UUID(claim["task"]["id"])).result())
        return recognise(*args)

    monkeypatch.setattr(recognise_topics.topics, "recognise", noted)
    acme.rita.post(f"reviews/{review}/decision", {"decision": "approve", **edited}).ok()
    assert free == [True]


def test_an_approval_reads_nothing_that_no_rule_denies(acme: Stage, inside: list[bool]) -> None:
    made(acme, SECURITY | {"then": "review"})
    review = acme.ada.finish(
        at_work(acme), 0.8, output={"text": "The baths open at one, says the keeper's niece."}
    ).ok()["review"]
    recognise_topics._kept.clear()
    inside.clear()
    acme.rita.post(f"reviews/{review}/decision", {"decision": "approve"}).ok()
    assert inside == []


def test_a_pattern_is_looked_for_once_however_many_rules_ask(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [{"name": f"r{n}", "when": {"patterns": ["pii.email"]}, "then": "deny"} for n in range(5)]
    made(acme, *rules)
    claim, asked, spot = at_work(acme), [], subject.spot
    monkeypatch.setattr(subject, "spot", lambda *args: asked.append(args[1]) or spot(*args))
    acme.ada.finish(claim, 0.95, output={"text": "The ferry leaves at nine."}).ok()
    assert [str(one) for one in asked] == ["pii.email"]
