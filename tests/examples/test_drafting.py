import pytest

from examples.agents import drafting
from examples.agents.drafting import Order
from examples.agents.finding import Finding, of_memory

FERRY = Finding("The electric ferry Kittiwake crosses the harbour in nine minutes.", "ferry.md", 3, "The boat")
FARES = Finding("A single ferry crossing costs 2.40 pounds.", "ferry.md", 14, "Fares")
CHEESE = Finding("Cheese comes from Tollgate dairy and is sold by weight.", "market.md", 5, "What is sold")
LOUD = Finding("The ferry is a world-class experience for everybody in 2026.", "press.md", 2)
OWN = Finding("We rang the bell of the ferry when I was a child of six.", "oral-history.md", 7)
TOPIC = "the electric ferry and its fares"


def test_a_post_is_made_of_whole_sentences_about_the_topic():
    post = drafting.compose(Order(TOPIC, 280), [CHEESE, FARES, FERRY])
    assert post is not None
    assert post.text == f"{FERRY.quote} {FARES.quote}"
    assert post.used == [FERRY, FARES] or post.used == [FARES, FERRY]


@pytest.mark.parametrize("length", [80, 120, 200, 500, 900])
def test_a_post_never_exceeds_its_length(length):
    post = drafting.compose(Order(TOPIC, length, closing="See you there."), [FERRY, FARES, OWN, CHEESE])
    assert post is not None
    assert len(post.text) <= length
    assert post.text.rstrip(".").split("From:")[0].strip().endswith("See you there.") or "See you there." in post.text


def test_nothing_fits_and_nothing_is_written():
    assert drafting.compose(Order(TOPIC, 20), [FERRY, FARES]) is None
    assert drafting.compose(Order(TOPIC, 280), []) is None
    assert drafting.compose(Order("quantum chromodynamics of gluons", 280), [CHEESE]) is None


def test_a_finding_with_a_word_to_avoid_is_left_out_and_the_word_is_named():
    post = drafting.compose(Order(TOPIC, 280, avoid=("world-class",)), [LOUD, FERRY])
    assert post is not None
    assert "world-class" not in post.text
    assert post.left_out == ["world-class"]


def test_what_somebody_says_of_themselves_is_quoted_with_its_source():
    post = drafting.compose(Order("the bell of the ferry", 280), [OWN])
    assert post is not None
    assert post.text == f"“{OWN.quote}” (oral history)"


def test_another_turn_begins_with_another_sentence():
    first = drafting.compose(Order(TOPIC, 80), [FERRY, FARES])
    second = drafting.compose(Order(TOPIC, 80, turn=1), [FERRY, FARES])
    assert first is not None
    assert second is not None
    assert first.text != second.text


def test_long_platforms_name_their_sources_in_the_text():
    post = drafting.compose(Order(TOPIC, 700), [FERRY, FARES])
    assert post is not None
    assert post.text.endswith("From: ferry.")


def test_a_finding_survives_its_way_through_memory():
    read = of_memory({"id": "m1", "content": FERRY.content}, 0.5)
    assert read == Finding(FERRY.quote, "ferry.md", 3, "The boat", "m1", 0.5)
    plain = of_memory({"id": "m2", "content": OWN.content})
    assert plain is not None
    assert (plain.quote, plain.file, plain.section) == (OWN.quote, "oral-history.md", "")


def test_a_memory_without_a_source_is_not_cited():
    assert of_memory({"id": "m", "content": "A post about the ferry was published."}) is None
