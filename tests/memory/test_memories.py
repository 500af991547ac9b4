"""Memories are added, read, listed, superseded and forgotten."""

from typing import Any

import pytest

from chimera.kernel.eventlog import START, Recorded, read
from memory.limits import CONTENT_BYTES_MAX
from memory.models import MemoryRecord, MemoryVector
from tests.cast import Stage
from tests.memory.conftest import Ask, Remember, texts

UNKNOWN = "0199aaaa-0000-7000-8000-000000000000"


def told(acme: Stage) -> list[Recorded]:
    with acme.bound():
        return [event for event in read(START, limit=1000) if event.type.startswith("memory.")]


def test_a_memory_has_the_promised_shape(acme: Stage) -> None:
    session = acme.session()
    memory = acme.ada.post(
        "memories",
        {
            "content": "The quay opens on 3 May.",
            "category": "semantic",
            "importance_score": 0.9,
            "session": session["id"],
            "persona": "harbour-master",
            "source": {"file": "notice.txt", "sentence": 4},
            "valid_from": "2026-05-01T00:00:00Z",
            "valid_until": "2026-06-01T00:00:00+02:00",
        },
    ).ok(201)
    assert memory.body == acme.ada.get(f"memories/{memory['id']}").ok().body
    assert memory["seen_at"] == memory["created_at"]
    assert memory.body | {"id": ..., "created_at": ..., "seen_at": ...} == {
        "id": ...,
        "content": "The quay opens on 3 May.",
        "category": "semantic",
        "importance_score": 0.9,
        "session": session["id"],
        "task": None,
        "agent": acme.ada.id,
        "agent_role": "worker",
        "persona": "harbour-master",
        "subject": None,
        "sightings": 0,
        "seen_at": ...,
        "source": {"file": "notice.txt", "sentence": 4},
        "visibility": "tenant",
        "masked": [],
        "valid_from": "2026-05-01T00:00:00Z",
        "valid_until": "2026-05-31T22:00:00Z",
        "superseded_by": None,
        "superseded_at": None,
        "forgotten_at": None,
        "created_at": ...,
    }


def test_what_is_not_said_has_its_default(acme: Stage) -> None:
    memory = acme.otto.post("memories", {"content": "Boats float."}).ok(201)
    assert [memory[k] for k in ("category", "importance_score", "visibility")] == ["episodic", 0.5, "tenant"]
    assert [memory[k] for k in ("session", "task", "agent", "agent_role", "persona", "source")] == [None] * 5 + [{}]


def test_a_task_brings_its_session(acme: Stage) -> None:
    session = acme.session()
    task = acme.task(session)
    memory = acme.ada.post("memories", {"content": "x", "task": task["id"]}).ok(201)
    assert (memory["task"], memory["session"]) == (task["id"], session["id"])


def test_a_task_of_another_session_is_refused(acme: Stage) -> None:
    task = acme.task(acme.session())
    body = {"content": "x", "task": task["id"], "session": acme.session()["id"]}
    acme.ada.post("memories", body).refused(422, "other_session")


def test_adding_is_told_without_the_text(acme: Stage, remember: Remember) -> None:
    memory = remember(acme.ada, "a secret of mine", visibility="agent")
    (event,) = told(acme)
    assert event.type == "memory.memory.added.v1"
    assert event.payload["aggregate_id"] == memory["id"]
    assert "secret" not in str(event.payload)


def test_the_same_key_adds_one_memory(acme: Stage) -> None:
    first = acme.ada.post("memories", {"content": "once"}, Idempotency_Key="k1").ok(201)
    again = acme.ada.post("memories", {"content": "once"}, Idempotency_Key="k1").ok(201)
    assert first["id"] == again["id"]
    with acme.bound():
        assert MemoryRecord.objects.count() == 1


@pytest.mark.parametrize("who", ["rita", "fay", "anna"])
def test_who_neither_works_nor_operates_may_read_but_not_write(
    acme: Stage, remember: Remember, ask: Ask, who: str
) -> None:
    memory = remember(acme.ada, "The ferry is late.")
    reader = getattr(acme, who)
    assert reader.get(f"memories/{memory['id']}").ok()
    assert reader.get("memories").ok()["results"]
    assert ask(reader, "ferry")
    reader.post("memories", {"content": "x"}).refused(403, "role")
    reader.post(f"memories/{memory['id']}/forget", {"reason": "x"}).refused(403, "role")
    reader.post(f"memories/{memory['id']}/supersede", {"content": "x"}).refused(403, "role")


@pytest.mark.parametrize("who", ["ada", "pia", "jude", "otto", "boss"])
def test_agents_and_operators_may_write(acme: Stage, remember: Remember, who: str) -> None:
    assert remember(getattr(acme, who), "x")["id"]


def test_the_largest_memory_is_kept_whole(acme: Stage, remember: Remember) -> None:
    text = "é" * (CONTENT_BYTES_MAX // 2)
    assert remember(acme.ada, text)["content"] == text


def test_only_an_agent_keeps_things_for_itself(acme: Stage) -> None:
    acme.otto.post("memories", {"content": "x", "visibility": "agent"}).refused(422, "invalid")


@pytest.mark.parametrize("reference", ["session", "task"])
def test_references_that_do_not_exist_are_refused(acme: Stage, reference: str) -> None:
    acme.ada.post("memories", {"content": "x", reference: UNKNOWN}).refused(404, "not_found")


def test_another_tenants_things_do_not_exist(acme: Stage, zenith: Stage, remember: Remember, ask: Ask) -> None:
    session = acme.session()
    task = acme.task(session)
    memory = remember(acme.ada, "Acme's ferry is late.", session=session["id"])
    for stranger in (zenith.ada, zenith.boss):
        stranger.get(f"memories/{memory['id']}").refused(404, "not_found")
        stranger.post(f"memories/{memory['id']}/forget", {"reason": "x"}).refused(404, "not_found")
        stranger.post(f"memories/{memory['id']}/supersede", {"content": "x"}).refused(404, "not_found")
        stranger.post("memories", {"content": "x", "session": session["id"]}).refused(404, "not_found")
        stranger.post("memories", {"content": "x", "task": task["id"]}).refused(404, "not_found")
        assert stranger.get("memories").ok()["results"] == []
        assert stranger.get("memories", session=session["id"]).ok()["results"] == []
        for mode in ("hybrid", "vector", "keyword"):
            assert ask(stranger, "ferry", mode=mode) == []
            there = {"query": "ferry", "mode": mode, "session": session["id"]}
            stranger.post("memories/search", there).refused(404, "not_found")


# ------------------------------------------------------------------ lists


def test_the_list_is_newest_first_and_goes_on_with_its_cursor(acme: Stage, remember: Remember) -> None:
    made = [remember(acme.ada, f"memory {n}")["id"] for n in range(5)]
    first = acme.bob.get("memories", limit=3).ok()
    rest = acme.bob.get("memories", limit=3, cursor=first["next"]).ok()
    assert [m["id"] for m in first["results"] + rest["results"]] == made[::-1]
    assert rest["next"] is None


def test_the_list_is_filtered_by_what_a_memory_is(acme: Stage, remember: Remember) -> None:
    session = acme.session()
    task = acme.task(session)
    remember(acme.ada, "one", category="soul", persona="mira")
    remember(acme.pia, "two", session=session["id"])
    remember(acme.pia, "three", task=task["id"])

    def listed(**filters: str) -> list[str]:
        return [m["content"] for m in acme.otto.get("memories", **filters).ok()["results"]]

    assert listed(category="soul") == listed(persona="mira") == ["one"]
    assert (
        listed(agent_role="planner") == listed(agent=acme.pia.id) == listed(session=session["id"]) == ["three", "two"]
    )
    assert listed(task=task["id"]) == ["three"]
    assert listed(category="soul", agent_role="planner") == []


def test_a_filter_that_cannot_be_is_refused(acme: Stage) -> None:
    for wrong in (
        {"category": "x"},
        {"session": "x"},
        {"agent_role": "king"},
        {"persona": "a\x00"},
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "x"},
    ):
        acme.ada.get("memories", **wrong).refused(422, "invalid")
    acme.ada.get("memories", cursor="?").refused(422, "invalid_cursor")


# ------------------------------------------------------------------ supersede


def test_a_superseded_memory_names_its_successor_and_is_found_no_more(
    acme: Stage, remember: Remember, ask: Ask
) -> None:
    old = remember(acme.ada, "The ferry costs four euros.", category="semantic", importance_score=0.8, persona="mira")
    new = acme.bob.post(f"memories/{old['id']}/supersede", {"content": "The ferry costs five euros."}).ok(201)
    assert [new[k] for k in ("category", "importance_score", "persona", "agent")] == [
        "semantic",
        0.8,
        "mira",
        acme.bob.id,
    ]
    assert texts(ask(acme.ada, "ferry", mode="keyword")) == ["The ferry costs five euros."]
    assert [m["id"] for m in acme.ada.get("memories").ok()["results"]] == [new["id"]]
    assert acme.ada.get(f"memories/{old['id']}").ok()["superseded_by"] == new["id"]
    assert [e.type for e in told(acme)] == [
        "memory.memory.added.v1",
        "memory.memory.added.v1",
        "memory.memory.superseded.v1",
    ]


def test_a_search_as_of_an_earlier_time_finds_what_was_known_then(acme: Stage, remember: Remember, ask: Ask) -> None:
    old = remember(acme.ada, "The ferry costs four euros.", valid_from="2025-01-01T00:00:00Z")
    body = {"content": "The ferry costs five euros.", "valid_from": "2026-01-01T00:00:00Z"}
    acme.ada.post(f"memories/{old['id']}/supersede", body).ok(201)
    for as_of, known in (
        ("2025-06-01T00:00:00Z", ["The ferry costs four euros."]),
        ("2026-01-01T00:00:00Z", ["The ferry costs five euros."]),
        ("2024-12-31T23:59:59Z", []),
    ):
        assert texts(ask(acme.ada, "ferry", mode="keyword", as_of=as_of)) == known


def test_the_old_memory_holds_until_the_new_one_begins(acme: Stage, remember: Remember, ask: Ask) -> None:
    old = remember(acme.ada, "The ferry costs four euros.")
    body = {"content": "The ferry costs five euros.", "valid_from": "2999-01-01T00:00:00Z"}
    acme.ada.post(f"memories/{old['id']}/supersede", body).ok(201)
    assert texts(ask(acme.ada, "ferry", mode="keyword")) == ["The ferry costs four euros."]
    assert texts(ask(acme.ada, "ferry", mode="keyword", as_of="2999-01-01T00:00:00Z")) == [
        "The ferry costs five euros."
    ]


def test_a_memory_is_superseded_once(acme: Stage, remember: Remember) -> None:
    old = remember(acme.ada, "one")
    new = acme.ada.post(f"memories/{old['id']}/supersede", {"content": "two"}).ok(201)
    refusal = acme.bob.post(f"memories/{old['id']}/supersede", {"content": "three"}).refused(409, "memory_superseded")
    assert refusal["superseded_by"] == new["id"]
    with acme.bound():
        assert MemoryRecord.objects.count() == 2


def test_a_forgotten_memory_cannot_be_superseded(acme: Stage, remember: Remember) -> None:
    old = remember(acme.ada, "one")
    acme.ada.post(f"memories/{old['id']}/forget", {"reason": "wrong"}).ok()
    acme.ada.post(f"memories/{old['id']}/supersede", {"content": "two"}).refused(404, "not_found")
    acme.otto.post(f"memories/{old['id']}/supersede", {"content": "two"}).refused(409, "memory_forgotten")


def test_a_memory_of_a_task_that_is_gone_can_still_be_superseded(acme: Stage, remember: Remember) -> None:
    task = acme.task(acme.session())
    old = remember(acme.ada, "one", task=task["id"])
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("DELETE FROM swarm_task WHERE id = %s", [task["id"]])
    new = acme.ada.post(f"memories/{old['id']}/supersede", {"content": "two"}).ok(201)
    assert acme.ada.get(f"memories/{old['id']}").ok()["superseded_by"] == new["id"]


# ------------------------------------------------------------------ forget


def test_a_forgotten_memory_is_found_by_nobody_and_shown_to_people_alone(
    acme: Stage, remember: Remember, ask: Ask, settle: Any
) -> None:
    memory = remember(acme.ada, "The ferry is late.")
    settle()
    forgotten = acme.ada.post(f"memories/{memory['id']}/forget", {"reason": "It was on time."}).ok()
    assert forgotten["forgotten_at"]
    for mode in ("hybrid", "vector", "keyword"):
        assert ask(acme.ada, "ferry", mode=mode) == ask(acme.otto, "ferry", mode=mode) == []
    assert acme.ada.get("memories").ok()["results"] == []
    acme.ada.get(f"memories/{memory['id']}").refused(404, "not_found")
    assert acme.anna.get(f"memories/{memory['id']}").ok()["content"] == "The ferry is late."
    with acme.bound():
        row = MemoryRecord.objects.get()
        assert (row.embedding_model, row.forgotten_reason) == ("", "It was on time.")
        assert not MemoryVector.objects.filter(pk=row.pk).exists()
    assert told(acme)[-1].payload["reason"] == "It was on time."


def test_an_agent_forgets_its_own_memories_only_and_an_operator_any(acme: Stage, remember: Remember) -> None:
    memory = remember(acme.ada, "one")
    acme.bob.post(f"memories/{memory['id']}/forget", {"reason": "x"}).refused(403, "not_yours")
    acme.otto.post(f"memories/{memory['id']}/forget", {"reason": "x"}).ok()


def test_a_memory_is_forgotten_once(acme: Stage, remember: Remember) -> None:
    memory = remember(acme.ada, "one")
    acme.otto.post(f"memories/{memory['id']}/forget", {"reason": "first"}).ok()
    acme.otto.post(f"memories/{memory['id']}/forget", {"reason": "second"}).refused(409, "memory_forgotten")


def test_forgetting_needs_a_reason(acme: Stage, remember: Remember) -> None:
    memory = remember(acme.ada, "one")
    for reason in ("", "r" * 501, "a\x00", None, 3):
        acme.ada.post(f"memories/{memory['id']}/forget", {"reason": reason}).refused(422, "invalid")
