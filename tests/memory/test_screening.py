"""Personal data and secrets reach no table, no event, no log and no stored answer, whichever way a text comes in."""

import json
from typing import Any

import pytest
import structlog
from django.db import connections

from chimera.kernel.eventlog import START, read
from chimera.kernel.sensitive import Pattern
from memory.models import MemoryCheck, MemoryRecord
from memory.screening import USUAL, Deed
from tests.cast import Stage
from tests.memory.conftest import Remember

CARD, MAIL, KEY = "4111 1111 1111 1111", "ann.lee@kiosk.example", "sk-Zp3vT8qLw2NcX7yRb5KdM4hJ"
EVERYTHING = {str(pattern): "keep" for pattern in Pattern}


def tables() -> list[str]:
    """All tables of memory, and those of the kernel, where events and answers are."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND (relname LIKE 'memory\\_%' OR relname LIKE 'kernel\\_%')"
        )
        return [name for (name,) in cursor.fetchall()]


def kept(text: str) -> list[str]:
    """Where it stands in the database, whatever the column."""
    ways = f"%{text}%"
    with connections["owner"].cursor() as cursor:
        found = []
        for table in tables():
            cursor.execute(f"SELECT count(*) FROM {table} t WHERE t::text LIKE %s", [ways])
            found += [table] * cursor.fetchone()[0]
    return found


def finish(acme: Stage, settle: Any, output: Any) -> None:
    acme.task(acme.session())
    settle()
    (claim,) = acme.ada.claim()
    acme.ada.finish(claim, output=output).ok()
    settle()


@pytest.mark.parametrize("field", ["content", "persona", "file", "sentence"])
def test_what_is_refused_is_kept_nowhere_and_its_value_is_not_repeated(acme: Stage, field: str) -> None:
    said = {"content": "x", "source": {}}
    if field in said or field == "persona":
        said |= {field: f"pay with {CARD}"}
    else:
        said["source"] = {field: f"pay with {CARD}"}
    with structlog.testing.capture_logs() as logs:
        refusal = acme.ada.post("memories", said, Idempotency_Key="one").refused(422, "sensitive")
    (error,) = refusal["errors"]
    assert (error["field"].split(".")[-1], error["code"]) == (field, "pii.card")
    assert "1111" not in json.dumps(refusal.body) + json.dumps(logs, default=str)
    assert kept("1111 1111") == []
    with acme.bound():
        assert not MemoryRecord.objects.exists()


def test_what_is_masked_is_kept_without_it_and_the_answer_says_so(acme: Stage) -> None:
    body = {
        "content": f"Write to {MAIL}.",
        "persona": MAIL,
        "source": {"file": f"{MAIL}.txt", "sentence": f"by {MAIL}"},
    }
    memory = acme.ada.post("memories", body, Idempotency_Key="one").ok(201)
    assert (memory["content"], memory["masked"]) == ("Write to [masked pii.email].", ["pii.email"])
    assert (memory["persona"], memory["source"]["sentence"]) == ("[masked pii.email]", "by [masked pii.email]")
    assert acme.ada.post("memories", body, Idempotency_Key="one").ok(201).body == memory.body
    assert kept(MAIL) == []


def test_every_kind_has_its_usual_deed(acme: Stage) -> None:
    for text, kind in (
        (f"pay with {CARD}", "pii.card"),
        (f"use {KEY}", "secret.key"),
        ("password: Tulip77!x", "secret.password"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\n", "secret.private_key"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLXNpZ25hdHVyZQ", "secret.token"),
    ):
        errors = acme.ada.post("memories", {"content": text}).refused(422, "sensitive")["errors"]
        assert [error["code"] for error in errors] == [kind]
    for text, kind in (
        ("call +44 20 7946 0958", "pii.phone"),
        ("to DE89 3704 0044 0532 0130 00", "pii.iban"),
        ("her SSN is 536-22-8726", "pii.ssn"),
    ):
        assert acme.ada.post("memories", {"content": text}).ok(201)["masked"] == [kind]


def test_a_correction_is_screened(acme: Stage, remember: Remember) -> None:
    old = remember(acme.ada, "Ann is our contact.")
    acme.ada.post(f"memories/{old['id']}/supersede", {"content": f"Her card is {CARD}."}).refused(422, "sensitive")
    new = acme.ada.post(f"memories/{old['id']}/supersede", {"content": f"Her mail is {MAIL}."}).ok(201)
    assert new["content"] == "Her mail is [masked pii.email]."
    assert kept(MAIL) == kept(CARD) == []


def test_the_reason_of_a_forgetting_is_screened(acme: Stage, remember: Remember) -> None:
    memory = remember(acme.ada, "one")
    acme.ada.post(f"memories/{memory['id']}/forget", {"reason": f"it said {KEY}"}).refused(422, "sensitive")
    acme.ada.post(f"memories/{memory['id']}/forget", {"reason": f"{MAIL} asked for it"}).ok()
    assert kept(MAIL) == kept(KEY) == []


def test_a_result_that_has_a_secret_is_not_remembered_and_that_is_told(acme: Stage, settle: Any) -> None:
    finish(acme, settle, {"text": f"The key is {KEY}."})
    with acme.bound():
        assert not MemoryRecord.objects.exists()
        (event,) = [e for e in read(START, limit=1000) if e.type == "memory.memory.refused.v1"]
    assert event.payload["patterns"] == ["secret.key"]
    assert not [table for table in kept(KEY) if table.startswith("memory_")]


def test_a_result_is_remembered_masked_also_where_its_length_would_cut_through_it(acme: Stage, settle: Any) -> None:
    finish(acme, settle, {"text": f"{'x' * 16_370} {MAIL}"})
    with acme.bound():
        memory = MemoryRecord.objects.get()
    assert memory.masked == ["pii.email"]
    assert "ann.lee" not in memory.content


def test_a_question_is_frozen_without_what_it_should_not_say(acme: Stage, settle: Any) -> None:
    acme.task(acme.session())
    settle()
    (claim,) = acme.ada.claim()
    asked = {"query": f"who is {MAIL} with {KEY}", "task": claim["task"]["id"], "lease_token": claim["lease_token"]}
    acme.ada.post("memories/search", asked).ok()
    with acme.bound():
        assert MemoryCheck.objects.get().query == "who is [masked pii.email] with [masked secret.key]"


# ------------------------------------------------------------------ the policy


def test_without_a_word_of_an_admin_the_policy_is_the_usual_one(acme: Stage) -> None:
    said = acme.ada.get("memories/policy").ok()
    assert said["screening"] == {str(p): str(d) for p, d in USUAL.items()}
    assert (said["version"], said["updated_at"]) == (0, None)
    assert {p for p, d in USUAL.items() if d is Deed.REFUSE} == {p for p in Pattern if "secret" in p} | {Pattern.CARD}


def test_an_admin_says_what_becomes_of_what(acme: Stage, zenith: Stage, remember: Remember) -> None:
    said = acme.boss.put("memories/policy", {"screening": {"pii.email": "refuse", "pii.card": "mask"}}).ok()
    assert (said["version"], said["screening"]["pii.email"], said["screening"]["pii.phone"]) == (1, "refuse", "mask")
    acme.ada.post("memories", {"content": f"to {MAIL}"}).refused(422, "sensitive")
    assert remember(acme.ada, f"pays with {CARD}")["content"] == "pays with [masked pii.card]"
    assert remember(zenith.ada, f"to {MAIL}")["masked"] == ["pii.email"]
    acme.boss.put("memories/policy", {"screening": EVERYTHING, "version": 1}).ok()
    assert remember(acme.ada, f"{MAIL} {CARD} {KEY}")["content"] == f"{MAIL} {CARD} {KEY}"
    with acme.bound():
        told = [e.payload["screening"] for e in read(START, limit=1000) if e.type == "memory.policy.changed.v1"]
    assert told == [{"pii.email": "refuse", "pii.card": "mask"}, EVERYTHING]


def test_a_policy_that_has_changed_meanwhile_is_not_written_over(acme: Stage) -> None:
    acme.boss.put("memories/policy", {"screening": {}, "version": 0}).ok()
    acme.boss.put("memories/policy", {"screening": {"pii.email": "keep"}, "version": 0}).refused(409, "stale")
    assert acme.boss.get("memories/policy").ok()["version"] == 1


def test_only_admins_change_it_and_only_to_what_can_be(acme: Stage) -> None:
    for who in ("ada", "pia", "jude", "rita", "otto", "fay", "anna"):
        getattr(acme, who).put("memories/policy", {"screening": {}}).refused(403, "role")
    for wrong in ([], {"pii.mail": "mask"}, {"pii.email": "eat"}, {"pii.email": ["mask"]}, {"pii.email": None}, "x"):
        assert acme.boss.put("memories/policy", {"screening": wrong}).status == 422
    acme.boss.put("memories/policy", {}).refused(422, "invalid")
