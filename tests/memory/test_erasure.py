"""Memory of a tenant, session, agent, person or subject is erased everywhere, and a receipt says so."""

import hashlib
import json
from typing import Any
from uuid import UUID

import pytest
from django.db import ProgrammingError, connection

from chimera.flows import check_memory
from chimera.flows.remember_result import remember_result
from chimera.housekeeping import erase_memories
from chimera.kernel import redis
from chimera.kernel.eventlog import START, read
from chimera.kernel.idempotency import Answer
from memory import receipts
from memory.actions.erasing import outside
from memory.models import MemoryCheck, MemoryErasure, MemoryRecord, MemorySighting
from tests.cast import Stage
from tests.memory.beside import erasing_after
from tests.memory.conftest import Remember


def ask_for(acme: Stage, scope: str, whose: str = "") -> dict[str, Any]:
    said = {"scope": scope, "whose": whose, "reason": "They asked for it."}
    made: dict[str, Any] = acme.boss.post("memories/erasures", said).ok(202).body
    return made


def erased(acme: Stage, scope: str, whose: str = "") -> dict[str, Any]:
    made = ask_for(acme, scope, whose)
    erase_memories()
    found: dict[str, Any] = acme.anna.get(f"memories/erasures/{made['id']}").ok().body
    assert found["status"] == "confirmed", found
    return found


def contents(acme: Stage) -> set[str]:
    with acme.bound():
        return set(MemoryRecord.objects.values_list("content", flat=True))


@pytest.fixture
def cast(acme: Stage, remember: Remember) -> dict[str, str]:
    """Memories of each scope, and whose they are."""
    session = acme.session()["id"]
    remember(acme.ada, "of ada")
    remember(acme.bob, "of bob in the session", session=session)
    remember(acme.otto, "of otto")
    remember(acme.pia, "of pia about seven", subject="customer-7")
    return {"agent": acme.ada.id, "session": session, "person": acme.otto.id, "subject": "customer-7", "tenant": ""}


GONE = {
    "agent": {"of ada"},
    "session": {"of bob in the session"},
    "person": {"of otto"},
    "subject": {"of pia about seven"},
}


@pytest.mark.parametrize("scope", sorted(GONE))
def test_what_is_in_the_scope_is_gone_and_all_else_stays(acme: Stage, cast: dict[str, str], scope: str) -> None:
    before = contents(acme)
    receipt = erased(acme, scope, cast[scope])
    assert before - contents(acme) == GONE[scope]
    assert (receipt["counts"]["memories"], receipt["requested_by"]) == (1, f"person:{acme.boss.id}")


def test_a_tenant_is_erased_and_another_is_not(
    acme: Stage, zenith: Stage, cast: dict[str, str], remember: Remember
) -> None:
    remember(zenith.ada, "of zenith")
    assert erased(acme, "tenant")["counts"]["memories"] == 4
    assert (contents(acme), contents(zenith)) == (set(), {"of zenith"})


def test_a_receipt_can_be_checked(acme: Stage, cast: dict[str, str]) -> None:
    with acme.bound():
        (gone,) = MemoryRecord.objects.filter(subject="customer-7").values_list("pk", flat=True)
    receipt = erased(acme, "subject", "customer-7")
    assert receipt["ids_digest"] == hashlib.sha256(gone.bytes).hexdigest()
    assert receipt["seal"] == receipts.seal(json.loads(json.dumps(receipt)))
    assert receipt["seal"] != receipts.seal(receipt | {"counts": {}})
    assert receipt["pending"] == {}
    with acme.bound():
        told = [event for event in read(START, limit=1000) if event.type.startswith("memory.erasure.")]
    assert [event.type.split(".")[2] for event in told] == ["requested", "erased", "confirmed"]
    assert "customer-7" not in str([event.payload for event in told])


def test_a_receipt_stands(acme: Stage, cast: dict[str, str]) -> None:
    receipt = erased(acme, "tenant")
    for sql in ("UPDATE memory_memoryerasure SET reason = 'none'", "DELETE FROM memory_memoryerasure"):
        with pytest.raises(ProgrammingError), acme.bound(), connection.cursor() as cursor:
            cursor.execute(sql)
    assert acme.boss.get("memories/erasures").ok()["results"] == [receipt]


def test_sightings_go_with_their_scope_and_the_words_of_others_stay(acme: Stage, remember: Remember) -> None:
    memory = remember(acme.ada, "known to both")
    acme.bob.post("memories", {"content": "known to both"}).ok(200)
    receipt = erased(acme, "agent", acme.bob.id)
    assert (receipt["counts"]["sightings"], receipt["counts"].get("memories", 0)) == (1, 0)
    assert acme.ada.get(f"memories/{memory['id']}").ok()["sightings"] == 0
    with acme.bound():
        assert not MemorySighting.objects.exists()


def test_what_the_erased_had_superseded_does_not_come_back(acme: Stage, remember: Remember) -> None:
    old = remember(acme.ada, "The ferry costs four euros.")
    acme.otto.post(f"memories/{old['id']}/supersede", {"content": "The ferry costs five euros."}).ok(201)
    erased(acme, "person", acme.otto.id)
    found = acme.ada.get(f"memories/{old['id']}").ok()
    assert (found["superseded_by"], found["superseded_at"] is None) == (None, False)
    assert acme.ada.get("memories").ok()["results"] == []
    acme.ada.post(f"memories/{old['id']}/supersede", {"content": "six"}).refused(409, "memory_superseded")


def test_frozen_copies_and_questions_are_blank(acme: Stage, remember: Remember, settle: Any) -> None:
    """A question that found nothing of it by its words stays, until the session is erased in which it was asked."""
    remember(acme.otto, "The tide gate opens at six.", source={"file": "tides.txt"})
    kept = remember(acme.bob, "The tide is high at noon.")
    acme.task(acme.session())
    settle()
    (claim,) = acme.ada.claim()
    lease = {"task": claim["task"]["id"], "lease_token": claim["lease_token"]}
    acme.ada.post("memories/search", {"query": "how high is the water", "mode": "vector"} | lease).ok()
    assert erased(acme, "person", acme.otto.id)["counts"]["copies"] == 1
    with acme.bound():
        check = MemoryCheck.objects.get()
    copies = {copy["id"]: copy for copy in check.memories}
    (blank,) = [copy for copy in copies.values() if copy["id"] != kept["id"]]
    assert (blank["content"], blank["source"], blank["erased"]) == ("[erased]", {}, True)
    assert copies[kept["id"]]["content"] == "The tide is high at noon."
    assert check.query == "how high is the water"
    assert erased(acme, "session", claim["task"]["session"])["counts"]["questions"] == 1
    with acme.bound():
        assert MemoryCheck.objects.get().query == "[erased]"


def test_a_copy_on_a_page_that_was_walked_before_its_memory_came_is_blank(
    acme: Stage, remember: Remember, settle: Any
) -> None:
    """Who wrote it read the clock before the request, and committed after the walk had begun."""
    remember(acme.otto, "The tide gate opens at six.")
    acme.task(acme.session())
    settle()
    (claim,) = acme.ada.claim()
    lease = {"task": claim["task"]["id"], "lease_token": claim["lease_token"]}
    acme.ada.post("memories/search", {"query": "tide gate", "mode": "keyword"} | lease).ok()
    made = ask_for(acme, "person", acme.otto.id)
    with acme.bound():
        MemoryErasure.objects.filter(pk=made["id"]).update(walked_to=MemoryCheck.objects.get().pk)
    erase_memories()
    with acme.bound():
        assert MemoryCheck.objects.get().memories[0]["content"] == "[erased]"


def test_a_receipt_from_before_says_what_was_beyond_it_then(acme: Stage) -> None:
    made = ask_for(acme, "tenant")
    with acme.bound():
        MemoryErasure.objects.update(beyond="")
    erase_memories()
    found = acme.boss.get(f"memories/erasures/{made['id']}").ok().body
    assert found["beyond"] == receipts.BEYOND_FIRST
    assert found["seal"] == receipts.seal(found)


def test_a_search_that_read_before_the_rows_were_gone_keeps_no_copy(
    acme: Stage, remember: Remember, settle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finds, an erasure is carried out beside it, and then it freezes: the erasure waits for it, and blanks its copy."""
    remember(acme.otto, "The tide gate opens at six.")
    acme.task(acme.session())
    settle()
    (claim,) = acme.ada.claim()
    body = {"query": "tide", "mode": "keyword", "task": claim["task"]["id"], "lease_token": claim["lease_token"]}
    made = ask_for(acme, "person", acme.otto.id)
    with erasing_after(check_memory.search, "look_up", monkeypatch):
        assert acme.ada.post("memories/search", body).ok()["results"]
    assert acme.boss.get(f"memories/erasures/{made['id']}").ok()["status"] == "confirmed"
    with acme.bound():
        (check,) = MemoryCheck.objects.all()
    assert [copy["content"] for copy in check.memories] == ["[erased]"]


def test_reasons_in_the_log_and_stored_answers_are_gone(acme: Stage, remember: Remember) -> None:
    memory = acme.ada.post("memories", {"content": "The ferry is late."}, Idempotency_Key="k").ok(201)
    acme.ada.post(f"memories/{memory['id']}/forget", {"reason": "Ann said so."}).ok()
    receipt = erased(acme, "agent", acme.ada.id)
    assert (receipt["counts"]["reasons"], receipt["counts"]["answers"]) == (1, 1)
    with acme.bound():
        assert not Answer.objects.exists()
        (told,) = [event for event in read(START, limit=1000) if event.type == "memory.memory.forgotten.v1"]
    assert told.payload["reason"] == "[erased]"


def test_answers_about_money_are_kept(acme: Stage) -> None:
    body = {"name": "mine", "goal": "none"}
    first = acme.otto.post("campaigns", body, Idempotency_Key="one").ok(201)
    erased(acme, "tenant")
    assert acme.otto.post("campaigns", body, Idempotency_Key="one").ok(201)["id"] == first["id"]


def test_a_result_from_before_is_not_remembered_by_an_event_that_is_read_late(acme: Stage, settle: Any) -> None:
    acme.task(acme.session())
    settle()
    (claim,) = acme.ada.claim()
    acme.ada.finish(claim, output={"text": "The quay opens in May."}).ok()
    settle()
    assert contents(acme) == {"The quay opens in May."}
    erased(acme, "session", claim["task"]["session"])
    with acme.bound():
        (event,) = [e for e in read(START, limit=1000) if e.type == "swarm.task.completed.v1"]
    remember_result(event)
    assert contents(acme) == set()


def test_while_redis_is_away_the_receipt_says_so_and_is_confirmed_later(
    acme: Stage, cast: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ask_for(acme, "tenant")
    with monkeypatch.context() as patched:
        patched.setattr(outside, "_redis", lambda step: {"redis": "away"})
        erase_memories()
    found = acme.boss.get(f"memories/erasures/{made['id']}").ok()
    assert (found["status"], found["pending"], found["seal"]) == ("erased", {"redis": "away"}, None)
    assert contents(acme) == set()
    erase_memories()
    assert acme.boss.get(f"memories/erasures/{made['id']}").ok()["status"] == "confirmed"


def test_the_last_hours_conversation_of_a_session_is_gone(acme: Stage) -> None:
    session = acme.session()["id"]
    key = redis.conversation(UUID(session))
    redis.client().rpush(key, "what they said")
    erased(acme, "session", session)
    assert not redis.client().exists(key)


def test_only_an_admin_asks_and_only_admins_and_auditors_read(acme: Stage, cast: dict[str, str]) -> None:
    said = {"scope": "tenant", "reason": "They asked."}
    for who in (acme.ada, acme.otto, acme.rita, acme.fay, acme.anna):
        who.post("memories/erasures", said).refused(403, "role")
    for who in (acme.ada, acme.otto, acme.rita):
        who.get("memories/erasures").refused(403, "role")
    assert acme.anna.get("memories/erasures").ok()["results"] == []
    erase_memories()
    assert len(contents(acme)) == 4


UNKNOWN = "0199aaaa-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"scope": "tenant"}, 422, "required"),
        ({"scope": "tenant", "reason": ""}, 422, "invalid"),
        ({"scope": "tenant", "reason": "x", "whose": UNKNOWN}, 422, "invalid"),
        ({"scope": "world", "reason": "x"}, 422, "invalid"),
        ({"scope": "session", "reason": "x"}, 422, "invalid"),
        ({"scope": "session", "reason": "x", "whose": "launch"}, 422, "invalid"),
        ({"scope": "session", "reason": "x", "whose": UNKNOWN}, 404, "not_found"),
        ({"scope": "agent", "reason": "x", "whose": UNKNOWN}, 404, "not_found"),
        ({"scope": "person", "reason": "x", "whose": "ann"}, 422, "invalid"),
        ({"scope": "subject", "reason": "x", "whose": " "}, 422, "invalid"),
        ({"scope": "subject", "reason": "x", "whose": "a\x00"}, 422, "invalid"),
        ({"scope": "tenant", "reason": "x", "now": True}, 422, "unknown_field"),
    ],
    ids=str,
)
def test_an_erasure_that_names_nothing_is_refused(acme: Stage, said: dict[str, Any], status: int, code: str) -> None:
    refusal = acme.boss.post("memories/erasures", said)
    assert refusal.status == status, refusal.body
    assert code in (refusal["code"], "required"), refusal.body
    with acme.bound():
        assert not MemoryErasure.objects.exists()


def test_another_tenants_session_is_not_erased(acme: Stage, zenith: Stage, cast: dict[str, str]) -> None:
    said = {"scope": "session", "whose": cast["session"], "reason": "theirs"}
    zenith.boss.post("memories/erasures", said).refused(404, "not_found")
    assert erased(zenith, "person", cast["person"])["counts"].get("memories", 0) == 0
    assert len(contents(acme)) == 4


def test_nobody_blanks_evidence_without_an_erasure(acme: Stage, zenith: Stage, cast: dict[str, str]) -> None:
    """Neither with none, nor with another tenant's, nor with one that is over."""
    over = erased(acme, "subject", "nobody")["id"]
    theirs = ask_for(zenith, "tenant")["id"]
    for erasure in (UNKNOWN, over, theirs):
        for sql in (f"chimera_erase_frozen('{erasure}', NULL, 9)", f"chimera_erase_reasons('{erasure}', '{{}}')"):
            with pytest.raises(ProgrammingError, match="under way"), acme.bound(), connection.cursor() as cursor:
                cursor.execute(f"SELECT {sql}")
