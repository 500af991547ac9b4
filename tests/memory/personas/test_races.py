"""Two upload the same persona at the same moment: both are kept, one after the other."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections

from chimera.kernel import advisory
from memory.models import Persona, PersonaVersion
from tests.cast import Caller, Said, Stage
from tests.memory.personas.conftest import soul

RACERS = 4


def all_at_once(acme: Stage, texts: list[str]) -> list[Said]:
    barrier = Barrier(len(texts))

    def go(text: str) -> Said:
        caller = Caller(acme.otto.secret)
        try:
            barrier.wait(10)
            return caller.post("personas", {"soul": text})
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(texts)) as pool:
        return list(pool.map(go, texts))


def numbers(acme: Stage) -> list[int]:
    with acme.bound():
        return sorted(PersonaVersion.objects.values_list("number", flat=True))


@pytest.mark.parametrize("guarded", [False, True])
def test_no_upload_of_many_at_once_is_lost(acme: Stage, guarded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not guarded:  # The control: without the lock somebody is refused by the constraint.
        monkeypatch.setattr(advisory, "hold", lambda name: None)
        tries = ([soul(name=f"Number {n} of {again}") for n in range(RACERS)] for again in range(20))
        assert any(each.status != 201 for texts in tries for each in all_at_once(acme, texts))
        return
    said = all_at_once(acme, [soul(name=f"Number {n}") for n in range(RACERS)])
    statuses = sorted(each.status for each in said)
    assert statuses == [201] * RACERS
    assert numbers(acme) == [1, 2, 3, 4]
    assert sorted(each["version"] for each in said) == [1, 2, 3, 4]
    with acme.bound():
        persona = Persona.objects.get()
    (last,) = [each for each in said if each["version"] == 4]
    assert (persona.current, persona.name) == (4, last["name"])


def test_the_same_text_at_once_is_one_version(acme: Stage) -> None:
    said = all_at_once(acme, [soul()] * RACERS)
    assert sorted(each.status for each in said) == [200] * (RACERS - 1) + [201]
    assert numbers(acme) == [1]
