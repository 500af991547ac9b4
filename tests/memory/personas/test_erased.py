"""An erasure of the tenant reaches its personas; they are blank, retired, and may be made anew."""

from typing import Any
from uuid import UUID

import pytest
from django.db import ProgrammingError, connection, transaction

from chimera.housekeeping import erase_memories
from chimera.kernel import redis
from memory.models import ContextShown, Persona, PersonaVersion
from tests.cast import Stage
from tests.memory.personas.conftest import BODY, PATH, Add, keep


def ask_for(acme: Stage, scope: str, whose: str = "") -> str:
    said = {"scope": scope, "whose": whose, "reason": "They asked for it."}
    made: str = acme.boss.post("memories/erasures", said).ok(202)["id"]
    return made


def test_the_words_of_all_versions_are_gone_everywhere(acme: Stage, zenith: Stage, add: Add, claim: Any) -> None:
    version = add(acme.otto, body="Another body.")
    add(zenith.otto)
    keep(acme, claim)
    with acme.bound():
        ids = list(PersonaVersion.objects.values_list("pk", flat=True))
    assert any(redis.client().exists(redis.persona(each)) for each in ids)

    erasure = ask_for(acme, "tenant")
    erase_memories()

    receipt = acme.anna.get(f"memories/erasures/{erasure}").ok().body
    assert (receipt["status"], receipt["counts"]["personas"]) == ("confirmed", len(ids))
    assert not any(redis.client().exists(redis.persona(each)) for each in ids)
    with acme.bound():
        for row in PersonaVersion.objects.all():
            assert (row.name, row.voice_traits, row.directives, row.body) == ("[erased]", [], [], "")
            assert row.sha256 != version["sha256"]
        assert ContextShown.objects.get().persona_version_id in ids  # what was shown to whom can still be told
        assert Persona.objects.get().retired_at is not None
    acme.ada.get(PATH).refused(404, "not_found")
    with zenith.bound():
        assert PersonaVersion.objects.get().body == BODY


def test_the_same_text_may_be_uploaded_again(acme: Stage, add: Add) -> None:
    first = add(acme.otto)
    ask_for(acme, "tenant")
    erase_memories()
    again = add(acme.otto)
    assert (again["version"], again["sha256"]) == (1, first["sha256"])
    assert acme.ada.get(PATH).status == 200


def test_what_comes_after_the_request_stays(acme: Stage, add: Add) -> None:
    ask_for(acme, "tenant")
    add(acme.otto)
    erase_memories()
    assert acme.ada.get(PATH).status == 200


def test_an_erasure_of_anything_less_leaves_personas_alone(acme: Stage, add: Add) -> None:
    add(acme.otto)
    ask_for(acme, "person", acme.otto.id)
    erase_memories()
    assert acme.ada.get(PATH).status == 200


def test_nothing_is_blanked_without_an_erasure(acme: Stage, add: Add) -> None:
    add(acme.otto)
    erasure = ask_for(acme, "person", acme.otto.id)
    with acme.bound(), pytest.raises(ProgrammingError, match="no erasure"), transaction.atomic():
        connection.cursor().execute("SELECT chimera_erase_personas(%s)", [UUID(erasure)])
