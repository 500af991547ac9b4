"""The same words in the same place are one memory; who repeats them from elsewhere raises what it weighs."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.kernel.eventlog import START, read
from memory import sameness
from memory.actions import keeping
from memory.limits import SIGHTINGS_OF_ONE_MAX, VOICES_MAX
from memory.models import MemoryRecord, MemorySighting
from tests.cast import Stage
from tests.memory.conftest import Remember

FERRY = "The ferry is late."


def facts(acme: Stage) -> list[str]:
    with acme.bound():
        events = read(START, limit=1000)
    return [event.type.split(".")[2] for event in events if event.type.startswith("memory.memory.")]


def memories(acme: Stage) -> int:
    with acme.bound():
        return MemoryRecord.objects.count()


def test_the_same_words_from_another_are_a_sighting_that_raises_the_importance(acme: Stage, remember: Remember) -> None:
    first = remember(acme.ada, FERRY, importance_score=0.5)
    again = acme.bob.post("memories", {"content": FERRY, "source": {"file": "log.txt", "span": [3, 21]}}).ok(200)
    assert (again["id"], again["sightings"], again["importance_score"]) == (first["id"], 1, 0.55)
    assert again["seen_at"] > first["seen_at"] == first["created_at"]
    assert facts(acme) == ["added", "seen"]
    with acme.bound():
        (kept,) = MemorySighting.objects.all()
    assert (str(kept.agent_id), kept.source) == (acme.bob.id, {"file": "log.txt", "span": [3, 21]})


def test_a_repeated_call_without_a_key_changes_nothing(acme: Stage, remember: Remember) -> None:
    task = acme.task(acme.session())
    said = {"content": FERRY, "task": task["id"], "source": {"file": "log.txt", "sentence": 4, "span": [3, 21]}}
    first = acme.ada.post("memories", said).ok(201)
    assert acme.ada.post("memories", said).ok(200).body == first.body
    seen = acme.bob.post("memories", said).ok(200)
    assert acme.bob.post("memories", said).ok(200).body == seen.body
    assert seen["sightings"] == 1
    assert facts(acme) == ["added", "seen"]


def test_spacing_and_composition_make_no_other_words_and_capitals_do(acme: Stage, remember: Remember) -> None:
    first = remember(acme.ada, "The café is open.")
    again = acme.bob.post("memories", {"content": " The  cafe\u0301\nis open. "}).ok(200)
    assert again["id"] == first["id"]
    assert again["content"] == "The café is open."
    assert remember(acme.bob, "the café is open.")["id"] != first["id"]


OTHER_PLACES: list[dict[str, Any]] = [
    {"category": "semantic"},
    {"persona": "mira"},
    {"subject": "customer-7"},
    {"visibility": "agent"},
    {"valid_from": "2026-01-01T00:00:00Z"},
    {"valid_until": "2030-01-01T00:00:00Z"},
]


@pytest.mark.parametrize("other", OTHER_PLACES, ids=str)
def test_the_same_words_in_another_place_are_another_memory(
    acme: Stage, remember: Remember, other: dict[str, Any]
) -> None:
    assert remember(acme.ada, FERRY)["id"] != remember(acme.ada, FERRY, **other)["id"]


def test_a_window_is_the_same_at_whatever_offset_it_is_written(acme: Stage, remember: Remember) -> None:
    first = remember(acme.ada, FERRY, valid_from="2026-01-01T00:00:00Z")
    said = {"content": FERRY, "valid_from": "2026-01-01T02:00:00+02:00"}
    assert acme.ada.post("memories", said).ok(200)["id"] == first["id"]


def test_what_is_private_to_two_agents_or_two_sessions_is_twice(acme: Stage, remember: Remember) -> None:
    assert remember(acme.ada, FERRY, visibility="agent")["id"] != remember(acme.bob, FERRY, visibility="agent")["id"]
    kept = {remember(acme.ada, FERRY, visibility="session", session=acme.session()["id"])["id"] for _ in range(2)}
    assert len(kept) == 2


@pytest.mark.parametrize("batch", [False, True])
def test_an_agent_elsewhere_learns_nothing_of_who_said_the_same_in_a_session(
    acme: Stage, remember: Remember, batch: bool
) -> None:
    session = acme.session()["id"]
    place = {"content": FERRY, "visibility": "session", "session": session}
    hers = remember(acme.ada, **place, source={"file": "secret.txt"}, importance_score=0.9)
    if batch:
        (outcome,) = acme.bob.post("memories/batch", {"memories": [place]}).ok()["outcomes"]
        assert outcome["came"] == "added"
        told = outcome["memory"]
    else:
        told = acme.bob.post("memories", place).ok(201).body
    assert (told["agent"], told["source"], told["importance_score"]) == (acme.bob.id, {}, 0.5)
    acme.bob.get(f"memories/{hers['id']}").refused(404, "not_found")
    with acme.bound():
        memory = MemoryRecord.objects.get()
        assert (memory.sightings, str(memory.agent_id)) == (1, acme.ada.id)


def test_an_agent_takes_no_memory_of_others_out_of_their_sight(acme: Stage, remember: Remember) -> None:
    memory = remember(acme.ada, FERRY)
    session = acme.session()["id"]
    for narrower in ({"visibility": "agent"}, {"visibility": "session", "session": session}):
        said = {"content": "It is on time."} | narrower
        acme.bob.post(f"memories/{memory['id']}/supersede", said).refused(403, "not_yours")
    assert acme.pia.get("memories").ok()["results"][0]["id"] == memory["id"]
    acme.bob.post(f"memories/{memory['id']}/supersede", {"content": "It is on time."}).ok(201)
    own = remember(acme.bob, "The quay is open.")
    acme.bob.post(f"memories/{own['id']}/supersede", {"content": "It is shut.", "visibility": "agent"}).ok(201)


def test_two_tenants_never_share_a_memory(acme: Stage, zenith: Stage, remember: Remember) -> None:
    assert remember(acme.ada, FERRY)["id"] != remember(zenith.ada, FERRY)["id"]


def test_what_was_forgotten_or_superseded_may_be_said_again(acme: Stage, remember: Remember) -> None:
    forgotten = remember(acme.ada, FERRY)
    acme.ada.post(f"memories/{forgotten['id']}/forget", {"reason": "wrong"}).ok()
    superseded = remember(acme.ada, FERRY)
    acme.ada.post(f"memories/{superseded['id']}/supersede", {"content": "It is on time."}).ok(201)
    assert len({forgotten["id"], superseded["id"], remember(acme.ada, FERRY)["id"]}) == 3


def test_a_correction_that_says_the_same_is_refused(acme: Stage, remember: Remember) -> None:
    said = {"content": FERRY, "valid_from": "2026-01-01T00:00:00Z"}
    old = remember(acme.ada, **said)
    acme.ada.post(f"memories/{old['id']}/supersede", said).refused(409, "same_memory")
    assert acme.ada.get(f"memories/{old['id']}").ok()["superseded_by"] is None


def test_a_correction_to_what_is_known_already_leads_there(acme: Stage, remember: Remember) -> None:
    known = remember(acme.ada, "It is on time.", valid_from="2026-01-01T00:00:00Z")
    old = remember(acme.ada, FERRY)
    said = {"content": "It is on time.", "valid_from": "2026-01-01T00:00:00Z"}
    assert acme.bob.post(f"memories/{old['id']}/supersede", said).ok(201)["id"] == known["id"]
    assert memories(acme) == 2


def test_a_sighting_leaves_the_version_that_evidence_is_compared_with(acme: Stage, remember: Remember) -> None:
    memory = remember(acme.ada, FERRY)
    acme.bob.post("memories", {"content": FERRY}).ok(200)
    with acme.bound():
        assert MemoryRecord.objects.get(pk=memory["id"]).version == 1


def test_one_voice_counts_once_whatever_it_names_as_its_source(acme: Stage, remember: Remember) -> None:
    """Neither the first writer nor a second one makes a memory weigh more by naming other files, sentences, sessions and tasks."""
    memory = remember(acme.ada, FERRY, importance_score=0.5, source={"file": "0.txt"})
    places: list[dict[str, Any]] = [
        {"source": {"file": "1.txt"}, "importance_score": 1.0},
        {"source": {"file": "0.txt", "sentence": 9}},
        {"session": acme.session()["id"]},
        {"task": acme.task(acme.session())["id"]},
    ]
    for who, weighs in ((acme.ada, 0.5), (acme.bob, 0.55), (acme.otto, 0.595)):
        who.post("memories", {"content": FERRY, "source": {"file": f"{who.id}.txt"}}).ok(200)
        for place in places:
            who.post("memories", {"content": FERRY} | place).ok(200)
        assert acme.ada.get(f"memories/{memory['id']}").ok()["importance_score"] == weighs
    assert (
        acme.ada.get(f"memories/{memory['id']}").ok()["sightings"] == 3 * (len(places) + 1) - 1
    )  # the first writing is one of ada's five


def test_the_first_of_a_voices_sayings_counts_and_no_later_one(acme: Stage, remember: Remember) -> None:
    memory = remember(acme.ada, FERRY, importance_score=0.2)
    said = [{"content": FERRY, "source": {"file": f"{n}.txt"}, "importance_score": n / 10} for n in (3, 9)]
    acme.bob.post("memories/batch", {"memories": said}).ok()
    assert acme.ada.get(f"memories/{memory['id']}").ok()["importance_score"] == 0.37


def test_a_voice_that_repeats_itself_shuts_nobody_out(acme: Stage, remember: Remember) -> None:
    memory = remember(acme.ada, FERRY, importance_score=0.5)
    said = [{"content": FERRY, "source": {"file": f"{n}.txt"}} for n in range(VOICES_MAX + 5)]
    for who in (acme.ada, acme.bob):
        outcomes = who.post("memories/batch", {"memories": said}).ok()["outcomes"]
        assert {each["memory"]["id"] for each in outcomes} == {memory["id"]}
    acme.otto.post("memories", {"content": FERRY}).ok(200)
    last = acme.ada.get(f"memories/{memory['id']}").ok()
    assert (last["sightings"], last["importance_score"]) == (2 * SIGHTINGS_OF_ONE_MAX, 0.595)
    with acme.bound():
        assert MemorySighting.objects.count() == 2 * SIGHTINGS_OF_ONE_MAX


def test_so_many_voices_are_kept(acme: Stage, remember: Remember, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "VOICES_MAX", 2)
    memory = remember(acme.ada, FERRY, importance_score=0.5)
    for who in (acme.bob, acme.otto, acme.pia):
        who.post("memories", {"content": FERRY}).ok(200)
    acme.bob.post("memories", {"content": FERRY, "source": {"file": "b.txt"}}).ok(200)
    last = acme.ada.get(f"memories/{memory['id']}").ok()
    assert (last["sightings"], last["importance_score"]) == (2, 0.55)


def test_a_subject_is_an_id_and_no_address(acme: Stage) -> None:
    said = {"content": FERRY, "subject": "ann@example.com"}
    acme.ada.post("memories", said).refused(422, "sensitive")
    assert acme.ada.post("memories", said | {"subject": "customer-7"}).ok(201)["subject"] == "customer-7"


scores = st.integers(0, 10_000).map(lambda number: Decimal(number) / 10_000)


@given(scores, st.lists(scores, max_size=30))
def test_the_importance_never_falls_and_never_passes_one(first: Decimal, later: list[Decimal]) -> None:
    weight = first
    for said in later:
        before, weight = weight, sameness.lifted(weight, said)
        assert max(before, said) <= weight <= 1


def test_voices_of_one_weight_count_as_the_formula_says() -> None:
    weight = Decimal("0.5")
    for _ in range(3):
        weight = sameness.lifted(weight, Decimal("0.5"))
    assert weight == pytest.approx(Decimal(1 - 0.5 * 0.9**3), abs=Decimal("0.0002"))
