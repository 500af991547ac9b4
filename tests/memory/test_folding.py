"""What says the same stands once; what contradicts says so; every hit says why, how old and whence."""

from typing import Any

import pytest

from memory.likeness import Because, compare
from memory.reading import read
from tests.cast import Stage
from tests.memory.conftest import Ask, Remember, texts


def test_what_says_the_same_is_folded_into_the_best_with_its_id(
    acme: Stage, remember: Remember, ask: Ask, settle: Any
) -> None:
    first = remember(acme.ada, "Ferry tickets cost four euros.", importance_score=0.9)["id"]
    again = remember(acme.bob, "A ferry ticket costs 4 euros.")["id"]
    other = remember(acme.ada, "Ferry bicycles cost two euros.")["id"]
    settle()
    for mode in ("hybrid", "vector", "keyword"):
        hits = ask(acme.bob, "ferry tickets cost", mode=mode)
        assert {h["memory"]["id"]: h["same"] for h in hits} == {first: [again], other: []}


def test_what_is_folded_makes_room_for_others(acme: Stage, remember: Remember, ask: Ask, settle: Any) -> None:
    remember(acme.ada, "Ferry tickets cost four euros.")
    remember(acme.bob, "A ferry ticket costs 4 euros.")
    remember(acme.ada, "The harbour has a ferry to the island.")
    settle()
    assert len(ask(acme.bob, "ferry tickets cost euros", limit=2)) == 2


def test_memories_that_contradict_each_other_say_so_and_which_is_newer(
    acme: Stage, remember: Remember, ask: Ask, settle: Any
) -> None:
    old = remember(acme.ada, "The harbour opens on the third of May.")["id"]
    new = remember(acme.bob, "The harbour opens on the fourth of May.")["id"]
    settle()
    notes = {h["memory"]["id"]: h["notes"] for h in ask(acme.ada, "When does the harbour open?")}
    assert [(n["code"], n["memory"], n["because"]) for n in notes[old]] == [("contradicted", new, "numbers")]
    assert [(n["code"], n["memory"], n["because"]) for n in notes[new]] == [("contradicted", old, "numbers")]
    assert "a newer memory" in notes[old][0]["detail"]
    assert "an older memory" in notes[new][0]["detail"]


def test_what_holds_one_after_the_other_is_no_contradiction(
    acme: Stage, remember: Remember, ask: Ask, settle: Any
) -> None:
    remember(acme.ada, "The harbour opens at six.", valid_until="2999-01-01T00:00:00Z")
    remember(acme.ada, "The harbour opens at seven.", valid_from="2999-01-01T00:00:00Z")
    settle()
    for as_of in ("2998-01-01T00:00:00Z", "2999-06-01T00:00:00Z"):
        (hit,) = ask(acme.ada, "harbour opens", as_of=as_of)
        assert hit["notes"] == []


def test_a_private_memory_is_not_named_to_others_by_what_contradicts_it(
    acme: Stage, remember: Remember, ask: Ask, settle: Any
) -> None:
    remember(acme.ada, "The harbour opens on the third of May.")
    secret = remember(acme.ada, "The harbour opens on the fourth of May.", visibility="agent")["id"]
    same = remember(acme.ada, "On the third of May the harbour opens.", visibility="agent")["id"]
    settle()
    (hit,) = ask(acme.bob, "When does the harbour open?")
    assert (hit["notes"], hit["same"]) == ([], [])
    assert secret not in str(hit)
    assert same not in str(hit)


def test_every_hit_says_why_how_old_and_whence(acme: Stage, remember: Remember, ask: Ask, settle: Any) -> None:
    remember(acme.ada, "Ferry tickets cost four euros.", source={"file": "a.txt", "sentence": 3})
    remember(acme.otto, "The ferry is blue.")
    settle()
    tickets, blue = ask(acme.bob, "ferry tickets")
    assert tickets["source"] == {"kind": "file", "detail": "a.txt, sentence 3"}
    assert blue["source"]["kind"] == "person"
    assert 0 <= tickets["age_seconds"] < 600
    assert "2 of the query's 2 words (ferri, ticket)" in tickets["explanation"]
    assert "from a.txt, sentence 3" in tickets["explanation"]
    assert texts([tickets, blue]) == ["Ferry tickets cost four euros.", "The ferry is blue."]


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("It costs 4.50 euros.", "It costs 4,5 euros.", (True, None)),
        ("Dogs are allowed.", "Dogs aren't allowed.", (False, Because.NEGATION)),
        ("Dogs are forbidden.", "Dogs are not allowed.", (True, None)),
        ("La piscine n'est pas ouverte.", "La piscine est ouverte.", (False, Because.NEGATION)),
        ("The train leaves at 21:52.", "The train leaves at 22:10.", (False, Because.NUMBERS)),
        ("Bus 12 is late.", "Bus 21 is late.", (False, None)),
        ("The bus is late.", "The tax is late.", (False, None)),
        ("Order A-12 left.", "Order A-21 left.", (False, None)),
        ("", "", (True, None)),
        ("🚢 ⚓", "🚢 ⚓", (True, None)),
    ],
)
def test_two_sentences(one: str, other: str, said: tuple[bool, Because | None]) -> None:
    for a, b in ((one, other), (other, one)):
        found = compare(read(a), read(b), 0.95)
        assert (found.same, found.because) == said


def test_a_number_in_words_is_the_number() -> None:
    assert read("one hundred and forty-two steps").values == read("142 steps").values == ("142",)
    assert read("zweitausend").values == ()
    assert read("the third of May").values == ("3", "month 5")


def test_a_contraction_is_read_as_its_words_and_nothing_else_is() -> None:
    assert read("The crane can't lift it.") == read("The crane can not lift it.")
    assert read("The crane doesn't lift it.") == read("The crane does not lift it.")
    assert "africa" in read("They reached Africa not before May.").all_words


@pytest.mark.parametrize("ends", ["The fee is 7 euros and Bob resigns as captain.", "Bob resigns as captain."])
def test_long_ones_that_begin_alike_are_read_to_their_ends(
    acme: Stage, remember: Remember, ask: Ask, settle: Any, ends: str
) -> None:
    begins = "Minutes of the ferry club. " * 50
    first = remember(acme.ada, f"{begins} The fee is 5 euros.")["id"]
    other = remember(acme.bob, f"{begins} {ends}")["id"]
    again = remember(acme.bob, f"{begins} So the fee is 5 euros.")["id"]
    settle()
    hits = ask(acme.bob, "minutes of the ferry club")
    assert {frozenset([h["memory"]["id"], *h["same"]]) for h in hits} == {frozenset([first, again]), frozenset([other])}


def test_what_is_said_of_two_subjects_is_neither_the_same_nor_a_contradiction(
    acme: Stage, remember: Remember, ask: Ask, settle: Any
) -> None:
    wished = [remember(acme.ada, "Prefers an aisle seat.", subject=whose)["id"] for whose in ("ann", "bob")]
    denied = [
        remember(acme.ada, f"Is {word}allergic to peanuts.", subject=whose)["id"]
        for word, whose in (("", "ann"), ("not ", "bob"))
    ]
    settle()
    hits = {h["memory"]["id"]: h for h in ask(acme.bob, "Who prefers an aisle seat, and is allergic to peanuts?")}
    assert hits.keys() == {*wished, *denied}
    assert all((h["same"], h["notes"]) == ([], []) for h in hits.values())


def test_what_is_said_of_a_subject_and_of_none_may_contradict_and_is_not_the_same(
    acme: Stage, remember: Remember, ask: Ask, settle: Any
) -> None:
    of_one = remember(acme.ada, "The ferry leaves at eight.", subject="ferry")["id"]
    of_none = remember(acme.ada, "The ferry leaves at nine.")["id"]
    again = remember(acme.ada, "The ferry leaves at eight.")["id"]
    settle()
    hits = {h["memory"]["id"]: h for h in ask(acme.bob, "When does the ferry leave?")}
    assert {key: h["same"] for key, h in hits.items()} == {of_one: [], of_none: [], again: []}
    assert of_none in [note["memory"] for note in hits[of_one]["notes"]]
