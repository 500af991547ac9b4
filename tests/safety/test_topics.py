"""Topics by phrases and by meaning: the figures that docs/topics.md states, and where a text is looked at."""

import json
from pathlib import Path

import pytest

from chimera.flows.recognise_topics import recognise
from chimera.kernel.spelling import visible
from chimera.management.commands.topics import CORPUS, DIMENSIONS, table
from memory.embedders import offline
from safety.topics import Topic, classifier, fitting, passages
from safety.topics.fitting import Example, Figures

DOCS = Path(__file__).parents[2] / "docs/topics.md"
FLOORS = {  # precision, recall; below these something has broken
    "politics": (0.80, 0.90),
    "health_advice": (0.85, 0.90),
    "financial_advice": (0.85, 0.75),
    "legal_claims": (0.80, 0.80),
    "security": (0.85, 0.80),
    "any topic": (0.92, 0.88),
}

BOATS = ("ferry", "old tug", "steamer", "pilot boat", "mail boat", "barge", "cutter")
PLACES = ("quay", "harbour", "island", "north pier", "boatyard", "lighthouse", "old mill")


@pytest.fixture(scope="module")
def corpus() -> list[Example]:
    return fitting.read(CORPUS)


@pytest.fixture(scope="module")
def figures(corpus: list[Example]) -> list[Figures]:
    return fitting.score([example for example in corpus if example.is_held_out], offline().embed)


def test_what_was_not_learned_from_is_recognised_as_the_docs_say(figures: list[Figures], corpus: list[Example]) -> None:
    assert {f.name for f in figures if f.precision < FLOORS[f.name][0] or f.recall < FLOORS[f.name][1]} == set()
    held_out = [example for example in corpus if example.is_held_out]
    assert "\n".join(table(figures, held_out)) in DOCS.read_text()


def test_the_corpus_is_large_mixed_and_split_by_hash(corpus: list[Example]) -> None:
    assert len(corpus) >= 600
    assert len({example.text for example in corpus}) == len(corpus)
    assert 0.3 < sum(example.is_held_out for example in corpus) / len(corpus) < 0.5
    for topic in Topic:
        assert sum(topic in example.topics for example in corpus) >= 60
    assert sum(not example.topics for example in corpus) >= 200


def test_the_weights_in_use_were_learned_from_the_tuning_part_as_it_stands(corpus: list[Example]) -> None:
    kept = json.loads(classifier.WEIGHTS.read_text())
    tuning = [example for example in corpus if not example.is_held_out]
    assert (kept["model"], kept["dimensions"]) == (offline().model, DIMENSIONS)
    assert kept["learned_from"] == fitting.name_of(tuning), "run `manage.py topics fit`, and state its figures"


@pytest.mark.parametrize(
    ("text", "topics"),
    [
        ("Take two tablets of ibuprofen every six hours.", {"health_advice"}),
        ("The ham is cured with salt and juniper.", set()),
        ("Tell your\u200b followers to put their savings into bit\u00adcoin.", {"financial_advice"}),
        ("Ｔｈｅ ｐａｓｓｗｏｒｄ is hunter22", {"security"}),
        ("42", set()),
        ("", set()),
        ("The ferry leaves at nine. " * 300 + "The password is hunter22.", {"security"}),
        (
            "The ferry leaves at nine. " * 30 + "Put all your money into this fund, it can only go up.",
            {"financial_advice"},
        ),
        (
            "The ferry leaves at nine; the baths open on Saturday; stop the beta blockers as soon as you feel better; the museum has a new"
            " roof; the market is on Friday.",
            {"health_advice"},
        ),
        (
            "The ferry leaves at nine from the old quay, put all your money into this fund, it can only go up, and the baths open on"
            " Saturday at ten",
            {"financial_advice"},
        ),
        (
            "The ferry leaves at nine; the baths open on Saturday; the museum has a new roof; the market is on Friday.",
            set(),
        ),
        ("YOU CAN STOP THE BETA BLOCKERS AS SOON AS YOU FEEL BETTER.", {"health_advice"}),
        ("THE FERRY LEAVES AT NINE FROM THE OLD QUAY.", set()),
        ("把所有的钱都投入这只基金，它只会上涨。", {"financial_advice"}),
        ("Take\ntwo\ntablets\nof\nibuprofen\nevery\nsix\nhours", {"health_advice"}),
    ],
)
def test_a_text_touches(text: str, topics: set[str]) -> None:
    assert {str(one.topic) for one in recognise(visible(text))} == topics


def test_a_sentence_is_found_in_a_long_text_of_others() -> None:
    others = [
        f"The {boat} leaves the {place} at {hour}." for boat in BOATS for place in PLACES for hour in range(1, 13)
    ]
    text = " ".join([*others[:300], "You can stop the beta blockers as soon as you feel better.", *others[300:]])
    assert len(others) > 4 * passages.PASSAGES_MAX
    assert [str(one.topic) for one in recognise(text)] == ["health_advice"]
    assert recognise(" ".join(others)) == ()


def test_what_was_found_is_shown_with_its_words_or_its_passage() -> None:
    (by_phrase,) = recognise("We met at noon. The password is hunter22.")
    assert (by_phrase.hit, "hunter22" in by_phrase.evidence) == ("password", True)
    (by_meaning,) = recognise(
        "The ferry was late again today. You can stop the beta blockers as soon as you feel better."
    )
    assert (by_meaning.hit, by_meaning.topic) == ("", "health_advice")
    assert by_meaning.evidence.startswith("You can stop")
    assert "by its meaning" in by_meaning.reason().detail


@pytest.mark.parametrize(
    "text",
    [
        "One sentence stands here alone.",
        "A word. " * 5_000,
        "word\n" * 9_000,
        "x" * 50_000,
        "Is this the last sentence of all? " * 3_000,
    ],
)
def test_a_text_has_few_passages_however_long_it_is(text: str) -> None:
    found = passages.passages(text)
    assert len(found) <= passages.PASSAGES_MAX
    assert all(len(one) <= passages.CHARACTERS_MAX + 40 for one in found)
