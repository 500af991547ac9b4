"""What a completed task's result says becomes a memory, once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connections

from chimera.flows.remember_result import remember_result
from chimera.kernel.eventlog import START, Recorded, read
from memory.actions import vectors
from memory.models import MemoryRecord
from tests.cast import Stage
from tests.memory.conftest import Ask, texts


def finish(acme: Stage, settle: Any, output: Any = None, **more: Any) -> tuple[dict[str, Any], Any]:
    """A task of Ada's, finished; its claim and what she was answered."""
    acme.task(acme.session())
    settle()
    (claim,) = acme.ada.claim()
    return claim, acme.ada.finish(claim, output=output or {"text": "The quay opens in May."}, **more).ok()


def completed(acme: Stage) -> Recorded:
    with acme.bound():
        (event,) = [e for e in read(START, limit=1000) if e.type == "swarm.task.completed.v1"]
    return event


def memories(acme: Stage) -> list[MemoryRecord]:
    with acme.bound():
        return list(MemoryRecord.objects.order_by("pk"))


def test_a_result_becomes_a_memory_that_is_found(acme: Stage, settle: Any, ask: Ask) -> None:
    claim, finished = finish(acme, settle)
    settle()
    (hit,) = ask(acme.bob, "When does the quay open?")
    result = finished["task"]["results"][0]["id"]
    assert hit["memory"] | {"id": ..., "created_at": ..., "seen_at": ...} == {
        "id": ...,
        "content": "The quay opens in May.",
        "category": "episodic",
        "importance_score": 0.5,
        "session": claim["task"]["session"],
        "task": claim["task"]["id"],
        "agent": acme.ada.id,
        "agent_role": "worker",
        "persona": None,
        "subject": None,
        "sightings": 0,
        "seen_at": ...,
        "source": {"result": result},
        "visibility": "tenant",
        "masked": [],
        "valid_from": None,
        "valid_until": None,
        "superseded_by": None,
        "superseded_at": None,
        "forgotten_at": None,
        "created_at": ...,
    }
    assert hit["parts"]["vector"] > 0.3


def test_a_repeated_event_makes_no_second_memory(acme: Stage, settle: Any) -> None:
    finish(acme, settle)
    settle()
    remember_result(completed(acme))
    assert len(memories(acme)) == 1


def test_a_result_that_says_what_is_known_is_a_sighting_however_often_it_is_read(acme: Stage, settle: Any) -> None:
    known = acme.otto.post("memories", {"content": "The quay opens in May."}).ok(201)
    finish(acme, settle)
    settle()
    remember_result(completed(acme))
    (memory,) = memories(acme)
    assert (str(memory.pk), memory.sightings) == (known["id"], 1)
    acme.otto.post(f"memories/{memory.pk}/forget", {"reason": "wrong"}).ok()
    remember_result(completed(acme))
    assert len(memories(acme)) == 1, "what was forgotten does not come back with the same result"


def test_readers_of_the_same_event_at_the_same_moment_make_one_memory(acme: Stage, settle: Any) -> None:
    finish(acme, settle)
    event, barrier = completed(acme), Barrier(6)

    def race(_: int) -> None:
        try:
            barrier.wait(10)
            remember_result(event)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(race, range(6)))
    assert len(memories(acme)) == 1
    with acme.bound():
        assert [e.type for e in read(START, limit=1000)].count("memory.memory.added.v1") == 1


def test_after_a_death_between_keeping_and_embedding_the_lane_embeds_it(acme: Stage, settle: Any) -> None:
    finish(acme, settle)
    remember_result(completed(acme))
    assert [m.embedding_model for m in memories(acme)] == [""]
    settle()
    assert [m.embedding_model for m in memories(acme)] == ["usem3"]


def test_after_a_death_between_embedding_and_writing_it_is_embedded_again(
    acme: Stage, settle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(acme, settle)
    remember_result(completed(acme))
    (memory,) = memories(acme)

    def die(*args: Any, **named: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(vectors, "keep", die)
        with pytest.raises(KeyboardInterrupt):
            vectors.embed_one(tenant_id=acme.tenant_id, memory_id=memory.pk)
    assert vectors.embed_one(tenant_id=acme.tenant_id, memory_id=memory.pk)
    assert not vectors.embed_one(tenant_id=acme.tenant_id, memory_id=memory.pk)


def test_a_memory_that_is_forgotten_while_it_is_embedded_gets_no_vector(acme: Stage, settle: Any) -> None:
    memory = acme.ada.post("memories", {"content": "x"}).ok(201)
    acme.ada.post(f"memories/{memory['id']}/forget", {"reason": "wrong"}).ok()
    settle()
    assert [m.embedding_model for m in memories(acme)] == [""]


def test_embedding_inside_a_transaction_is_refused(acme: Stage) -> None:
    memory = acme.ada.post("memories", {"content": "x"}).ok(201)
    with acme.bound(), pytest.raises(RuntimeError, match="outside transactions"):
        vectors.embed_one(tenant_id=acme.tenant_id, memory_id=memory["id"])


def test_what_a_reviewer_approved_is_remembered_and_not_before(acme: Stage, settle: Any) -> None:
    _, finished = finish(acme, settle, confidence=0.8)
    settle()
    assert memories(acme) == []
    decision = {"decision": "approve", "edited_payload": {"text": "The quay opens on 3 May."}}
    acme.rita.post(f"reviews/{finished['review']}/decision", decision).ok()
    settle()
    assert [m.content for m in memories(acme)] == ["The quay opens on 3 May."]


def test_what_failed_is_not_remembered(acme: Stage, settle: Any) -> None:
    error = {"code": "oops", "message": "no", "retryable": False}
    finish(acme, settle, confidence=None, status="failed", output_payload=None, error=error)
    settle()
    assert memories(acme) == []


def test_an_output_without_a_text_is_remembered_as_json_and_an_empty_one_by_its_reasoning(
    acme: Stage, settle: Any, ask: Ask
) -> None:
    finish(acme, settle, output={"posts": ["Hello"]})
    finish(acme, settle, output_payload={}, reasoning="Nothing to post today.")
    finish(acme, settle, output_payload={})
    settle()
    assert [m.content for m in memories(acme)] == ['{"posts":["Hello"]}', "Nothing to post today."]


def test_an_agent_finds_what_another_learnt_in_the_task_before(acme: Stage, settle: Any, ask: Ask) -> None:
    finish(acme, settle, output={"text": "Posts about ferries do well on Fridays."})
    settle()
    assert texts(ask(acme.bob, "When do ferry posts do well?")) == ["Posts about ferries do well on Fridays."]
