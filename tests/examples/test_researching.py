import numpy as np

from examples.agents import meaning, researching

TEXT = """# Notice

## The boat

The electric ferry Kittiwake crosses between Gullside and the Old Basin in nine minutes. She carries 96 passengers.

## Lost things

At present the office has eleven umbrellas, two accordions and a wedding ring.
"""


def findings(topics: list[str], **more: int) -> list[researching.Finding]:
    return researching.findings(
        file="ferry.md", text=TEXT, goal="Bring people to the harbour by ferry.", topics=topics, **more
    )


def test_the_sentence_about_the_topic_comes_first_with_its_place():
    best = findings(["the electric ferry"])[0]
    assert best.quote.startswith("The electric ferry Kittiwake")
    assert (best.file, best.sentence, best.section) == ("ferry.md", 1, "The boat")
    assert 0 < best.score <= 1


def test_a_text_about_something_else_brings_nothing():
    other = researching.findings(
        file="x.md",
        text="Gluons carry colour charge between quarks in the nucleus.",
        goal="Open a bakery.",
        topics=["bread and cake"],
    )
    assert other == []


def test_empty_text_brings_nothing():
    assert researching.findings(file="x.md", text="", goal="g", topics=["t"]) == []
    assert researching.findings(file="x.md", text="# Only a heading", goal="g", topics=["t"]) == []


def test_no_more_than_asked_for():
    assert len(findings(["the electric ferry", "umbrellas that were lost"], most=1)) == 1


def test_choosing_prefers_what_is_new():
    vectors = np.array([[1, 0], [0.99, 0.14], [0, 1]], dtype=np.float32)
    relevance = np.array([0.9, 0.89, 0.7], dtype=np.float32)
    assert meaning.choose(vectors, relevance, 2, diversity=0.5) == [0, 2]
    assert meaning.choose(vectors, relevance, 2, diversity=0.0) == [0, 1]


def test_a_sentence_that_is_repeated_is_one_finding_at_its_first_place():
    found = researching.findings(
        file="ferry.md", text=f"{TEXT}\n{TEXT}", goal="Go by ferry.", topics=["the electric ferry"]
    )
    ferry = [f.sentence for f in found if f.quote.startswith("The electric ferry")]
    assert ferry == [1]
