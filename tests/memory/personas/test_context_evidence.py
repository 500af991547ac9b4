"""A context that an agent was shown under its lease is kept with its task."""

import hashlib
import json
from typing import Any
from uuid import UUID

from chimera.kernel import eventlog
from memory.models import ContextShown, MemoryCheck
from memory.queries import frozen_for
from tests.cast import Said, Stage
from tests.memory.personas.conftest import PATH, keep, task_of


def test_what_was_shown_is_kept_with_the_task(acme: Stage, claim: dict[str, Any]) -> None:
    context = keep(acme, claim).ok(201)
    with acme.bound():
        row = ContextShown.objects.get()
        shown = frozen_for(UUID(task_of(claim)))
        told = [each for each in eventlog.read(eventlog.START, limit=200) if each.type == "memory.context.shown.v1"]
    assert str(row.pk) == context["evidence"]
    assert row.sha256 == hashlib.sha256(context["text"].encode()).hexdigest()
    assert (row.used_tokens, row.attempt, row.agent_id) == (context["used_tokens"], 1, UUID(acme.ada.id))
    items = [(each["section"], item["id"]) for each in context["sections"] for item in each["items"]]
    assert [(each["section"], each["id"]) for each in row.shown] == items
    in_words = {item["id"] for name, item in _items(context) if name in ("last_hour", "memories")}
    assert {each["id"] for each in shown} == in_words
    assert {each["query"] for each in shown} == {context["query"]}
    (fact,) = told
    assert (fact.task_id, fact.payload["number"], fact.payload["memories"]) == (UUID(task_of(claim)), 1, len(in_words))
    assert claim["lease_token"] not in json.dumps(fact.payload)


def _items(context: Said) -> list[tuple[str, dict[str, Any]]]:
    return [(each["section"], item) for each in context["sections"] for item in each["items"]]


def test_a_card_shows_what_a_context_had(acme: Stage, claim: dict[str, Any]) -> None:
    context = keep(acme, claim).ok(201)
    card = acme.ada.finish(claim, confidence=0.8).ok()["review"]
    memories = {m["content"] for m in acme.rita.get(f"reviews/{card}").ok()["memories"]}
    assert "Ferry tickets cost four euros." in memories
    assert "The ferry answer is half done." in memories
    assert len(memories) == len([1 for name, _ in _items(context) if name in ("last_hour", "memories")])


def test_a_repeated_call_is_one_piece_of_evidence(acme: Stage, claim: dict[str, Any]) -> None:
    body = {"task": task_of(claim), "lease_token": claim["lease_token"]}
    first = acme.ada.post(PATH, body, Idempotency_Key="k").ok(201)
    assert acme.ada.post(PATH, body, Idempotency_Key="k").ok(201).body == first.body
    with acme.bound():
        assert (ContextShown.objects.count(), MemoryCheck.objects.count()) == (1, 1)


def test_reading_a_context_keeps_nothing(acme: Stage, claim: dict[str, Any]) -> None:
    acme.ada.get(PATH, task=task_of(claim)).ok()
    with acme.bound():
        assert (ContextShown.objects.count(), MemoryCheck.objects.count()) == (0, 0)
