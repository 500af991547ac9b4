from examples.agents import scoring

GOAL = "Bring people to the reopening of the harbour with true things about the electric ferry."
QUOTE = "The electric ferry Kittiwake crosses the harbour in nine minutes and carries 96 passengers."
ORDER = {
    "topic": "the electric ferry across the harbour",
    "length": 160,
    "persona": {"avoid": ["iconic"], "closing": "Come!"},
}


def score(text: str, *, quotes: tuple[str, ...] = (QUOTE,), **order: object) -> scoring.Scored:
    sources = [{"file": "ferry.md", "sentence": 3, "section": "The boat", "quote": quote} for quote in quotes]
    return scoring.score({"text": text, "sources": sources}, ORDER | order, goal=GOAL)


def test_a_plain_post_with_its_source_passes():
    found = score(f"{QUOTE} Come!")
    assert found.score >= scoring.PASS
    assert found.verdict == "pass"


def test_too_long_is_a_fault_whatever_the_rest():
    found = score(QUOTE, length=40)
    assert found.score <= scoring.FAILED_AT_MOST
    assert found.verdict == "fail"
    assert any("Longer than the 40 characters" in reason for reason in found.reasons)


def test_a_word_to_avoid_is_a_fault():
    found = score(f"{QUOTE} An iconic ferry crosses the harbour.")
    assert found.verdict == "fail"
    assert "Uses words to avoid: iconic." in found.reasons


def test_no_source_is_a_fault():
    found = score(QUOTE, quotes=())
    assert found.verdict == "fail"
    assert "Names no source." in found.reasons


def test_a_claim_that_no_source_makes_costs_score_and_is_named():
    honest = score(QUOTE)
    loose = score(f"{QUOTE} The bakery in Long Lane opens at six.")
    assert loose.score < honest.score
    assert any(reason.startswith("No source says: The bakery") for reason in loose.reasons)


def test_a_sentence_beside_the_topic_costs_score():
    cheese = "Cheese comes from Tollgate dairy and is sold by weight."
    assert score(f"{QUOTE} {cheese}", quotes=(QUOTE, cheese)).score < score(QUOTE).score


def test_an_empty_post_fails_without_a_crash():
    assert score("").verdict == "fail"
    assert scoring.score({}, {}, goal="").score == 0


def test_the_bands_are_chimeras():
    assert [scoring.verdict_of(value) for value in (0.9, 0.8999, 0.7, 0.6999)] == [
        "pass",
        "uncertain",
        "uncertain",
        "fail",
    ]
