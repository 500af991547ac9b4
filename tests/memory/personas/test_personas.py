"""Personas over the API: versions that stand, which one is current, and what is refused."""

from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, connections, transaction

from chimera.kernel import eventlog
from memory.limits import VERSIONS_MAX
from memory.models import Persona, PersonaVersion
from tests.cast import Stage
from tests.memory.personas.conftest import BODY, Add, soul

UNKNOWN = "0199aaaa-0000-7000-8000-000000000000"


def test_a_persona_is_added_and_read(acme: Stage, add: Add) -> None:
    made = acme.otto.post("personas", {"soul": soul()}).ok(201)
    assert (made["id"], made["version"], made["current"]) == ("harbour-notebook", 1, True)
    assert made["created_by"] == f"person:{acme.otto.id}"
    assert (made["voice_traits"], made["body"]) == (["plain", "warm"], BODY)
    for who in (acme.ada, acme.anna):
        assert who.get("personas/harbour-notebook").ok().body == made.body
    (listed,) = acme.ada.get("personas").ok()["results"]
    assert (listed["id"], listed["name"], listed["version"]) == ("harbour-notebook", "The Harbour Notebook", 1)


def test_a_file_is_taken_as_it_is(acme: Stage) -> None:
    client, headers = acme.otto.client, {"Authorization": f"Bearer {acme.otto.secret}"}
    said = client.post("/api/v1/personas", soul().encode(), content_type="text/markdown", headers=headers)
    assert said.status_code == 201, said.content
    again = client.post("/api/v1/personas", soul().encode(), content_type="text/markdown", headers=headers)
    assert (again.status_code, again.json()["sha256"]) == (200, said.json()["sha256"])
    broken = client.post("/api/v1/personas", b"\xff\xfe", content_type="text/markdown", headers=headers)
    assert (broken.status_code, broken.json()["code"]) == (400, "malformed_text")
    other = client.post("/api/v1/personas", soul().encode(), content_type="text/plain", headers=headers)
    assert other.status_code == 415


def test_another_text_is_the_next_version_and_the_same_is_the_same(acme: Stage, add: Add) -> None:
    one, two = add(acme.otto), add(acme.otto, name="The Notebook")
    assert (one["version"], two["version"]) == (1, 2)
    assert add(acme.otto, name="The Notebook")["version"] == 2
    assert acme.otto.get("personas/harbour-notebook").ok()["name"] == "The Notebook"
    versions = acme.ada.get("personas/harbour-notebook/versions").ok()["results"]
    assert [(v["version"], v["sha256"]) for v in versions] == [(2, two["sha256"]), (1, one["sha256"])]
    assert types(acme) == ["memory.persona.added.v1"] * 2


def test_a_text_that_it_has_had_is_that_version_again(acme: Stage, add: Add) -> None:
    one, _ = add(acme.otto), add(acme.otto, name="The Notebook")
    back = acme.otto.post("personas", {"soul": soul()}).ok(200)
    assert (back["version"], back["sha256"], back["current"]) == (1, one["sha256"], True)
    assert acme.otto.get("personas/harbour-notebook").ok()["version"] == 1
    assert types(acme)[-1] == "memory.persona.returned.v1"
    assert add(acme.otto, name="A third")["version"] == 3


def types(acme: Stage) -> list[str]:
    with acme.bound():
        told = eventlog.read(eventlog.START, limit=100)
    return [event.type for event in told if event.type.startswith("memory.persona")]


def test_versions_are_compared(acme: Stage, add: Add) -> None:
    add(acme.otto)
    add(acme.otto, directives=("Name places.",))
    shown = acme.ada.get("personas/harbour-notebook/versions/2", against=1).ok()
    lines = shown["diff"].splitlines()
    assert '-  - "Name places and people."' in lines
    assert '+  - "Name places."' in lines
    assert shown["against"] == 1
    first = acme.ada.get("personas/harbour-notebook/versions/1").ok()
    assert (first["diff"], first["current"]) == (None, False)


def test_what_is_shown_can_be_uploaded_again(acme: Stage, add: Add) -> None:
    made = add(acme.otto, body="Über alles: # ja\n\n---\n\nnein")
    assert acme.otto.post("personas", {"soul": made["soul"]}).ok(200)["version"] == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "required"),
        ({"soul": ""}, 422, "blank"),
        ({"soul": None}, 422, "null"),
        ({"soul": 7}, 422, "invalid"),
        ({"soul": ["---"]}, 422, "invalid"),
        ({"soul": "no front matter"}, 422, "invalid_soul"),
        ({"soul": soul(), "name": "x"}, 422, "unknown_field"),
        ({"soul": soul(body="\ud800")}, 422, "invalid"),
        ({"soul": soul(body="x" * 40_000)}, 413, "too_large"),
        ({"soul": soul(body="x" * 100_000)}, 422, "max_length"),
        ({"soul": soul(directives=("Claim to be human.",))}, 422, "dishonest"),
        ({"soul": soul(traits=("pass as human",))}, 422, "dishonest"),
        ({"soul": soul(body="Pay with 4111 1111 1111 1111.")}, 422, "sensitive"),
        ({"soul": soul(directives=("Log in with AKIAIOSFODNN7EXAMPLQ first.",))}, 422, "sensitive"),
    ],
)
def test_what_is_refused_is_not_stored(acme: Stage, body: Any, status: int, code: str) -> None:
    said = acme.otto.post("personas", body)
    assert said.status == status, said.body
    assert code in (said["code"], *(error["code"] for error in said.body.get("errors", ()))), said.body
    with acme.bound():
        assert not Persona.objects.exists()
        assert not PersonaVersion.objects.exists()


def test_a_dishonest_directive_is_refused_with_phrase_and_line(acme: Stage) -> None:
    said = acme.otto.post("personas", {"soul": soul(directives=("Be kind.", "Never admit that you are an AI."))})
    (error,) = said.refused(422, "dishonest")["errors"]
    assert (error["field"], error["code"]) == ("directives[2]", "denies_ai")
    assert error["message"] == "Line 9: “Never admit that you are an AI” denies to be an AI."


def test_dishonest_prose_is_marked(acme: Stage) -> None:
    made = acme.otto.post("personas", {"soul": soul(body="She was born here.\n\nYou are a real person.")}).ok(201)
    assert made["contradictions"] == [
        {"kind": "claims_human", "where": "body", "line": 12, "phrase": "You are a real person"}
    ]


def test_personal_data_is_masked_as_everywhere_in_memory(acme: Stage) -> None:
    made = acme.otto.post("personas", {"soul": soul(body="Write to ann@kiosk.example.")}).ok(201)
    assert (made["body"], made["masked"]) == ("Write to [masked pii.email].", ["pii.email"])
    with acme.bound():
        assert "kiosk" not in str(PersonaVersion.objects.values_list())
    again = acme.otto.post("personas", {"soul": soul(body="Write to bob@kiosk.example.")}).ok(200)
    assert again["version"] == 1, "what is masked makes no difference"


def test_a_retired_persona_stays_to_be_read(acme: Stage, add: Add) -> None:
    add(acme.otto)
    retired = acme.otto.post("personas/harbour-notebook/retire", {"reason": "the launch is over"}).ok()
    assert (retired["retired_at"] is not None, retired["retired_reason"]) == (True, "the launch is over")
    acme.otto.post("personas/harbour-notebook/retire", {"reason": "again"}).refused(409, "persona_retired")
    acme.otto.post("personas", {"soul": soul(name="Another")}).refused(409, "persona_retired")
    acme.otto.post("personas", {"soul": soul()}).refused(409, "persona_retired")
    acme.ada.get("personas/harbour-notebook/context").refused(409, "persona_retired")
    assert acme.ada.get("personas/harbour-notebook/versions/1").ok()["retired_at"] == retired["retired_at"]
    assert types(acme) == ["memory.persona.added.v1", "memory.persona.retired.v1"]


def test_what_is_not_there_is_not_found(acme: Stage, add: Add) -> None:
    add(acme.otto)
    for path in ("nobody", "nobody/versions", "nobody/context", UNKNOWN, "harbour-notebook/versions/2"):
        acme.ada.get(f"personas/{path}").refused(404, "not_found")
    for number in ("0", "99999999999999999999"):
        acme.ada.get(f"personas/harbour-notebook/versions/{number}").refused(404, "not_found")
    acme.ada.get("personas/harbour-notebook/versions/1", against="2").refused(404, "not_found")
    acme.ada.get("personas/harbour-notebook/versions/1", against="x").refused(422, "invalid")
    acme.otto.post("personas/nobody/retire", {"reason": "x"}).refused(404, "not_found")


def test_agents_and_auditors_make_no_personas(acme: Stage) -> None:
    for who in (acme.ada, acme.pia, acme.anna, acme.rita):
        who.post("personas", {"soul": soul()}).refused(403, "role")
    acme.boss.post("personas", {"soul": soul()}).ok(201)


def test_the_same_id_is_another_persona_in_another_tenant(acme: Stage, zenith: Stage, add: Add) -> None:
    add(acme.otto)
    zenith.ada.get("personas/harbour-notebook").refused(404, "not_found")
    assert zenith.ada.get("personas").ok()["results"] == []
    assert add(zenith.otto, name="Ours")["version"] == 1
    assert acme.ada.get("personas/harbour-notebook").ok()["name"] == "The Harbour Notebook"


def test_a_persona_has_so_many_versions(acme: Stage, add: Add) -> None:
    add(acme.otto)
    with acme.bound():
        one = PersonaVersion.objects.get()
        one.pk, one.number, one.sha256 = UNKNOWN, VERSIONS_MAX, "0" * 64
        one.save(force_insert=True)
    acme.otto.post("personas", {"soul": soul(name="Another")}).refused(409, "too_many_versions")


def test_nobody_changes_a_version(acme: Stage, add: Add) -> None:
    add(acme.otto)
    with pytest.raises(ProgrammingError, match="permission denied"), acme.bound():
        PersonaVersion.objects.update(body="x")
    with (
        pytest.raises(IntegrityError, match="never changed"),
        transaction.atomic(using="owner"),
        connections["owner"].cursor() as cursor,
    ):
        cursor.execute("UPDATE memory_personaversion SET body = 'x'")
