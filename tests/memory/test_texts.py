"""What an agent handed in becomes a text that can be read and kept."""

import json

from memory.limits import CONTENT_BYTES_MAX
from memory.texts import bounded, readable


def test_the_text_of_an_output_is_what_its_agent_had_to_say() -> None:
    assert readable({"score": 3, "text": "  The quay opens in May. "}) == "The quay opens in May."
    assert readable({"summary": "Short.", "detail": "long"}) == "Short."
    assert readable({"answer": "Yes."}) == "Yes."


def test_an_output_without_a_text_is_kept_as_compact_json() -> None:
    assert readable({"text": " ", "posts": ["Grüße", 2]}) == '{"text":" ","posts":["Grüße",2]}'


def test_an_empty_output_says_nothing() -> None:
    assert readable({}) == ""


def test_long_texts_are_cut_between_characters_and_say_so() -> None:
    cut = bounded("ß" * CONTENT_BYTES_MAX)
    assert len(cut.encode()) <= CONTENT_BYTES_MAX
    assert cut.endswith("ß…")


def test_a_text_of_exactly_the_limit_is_left_alone() -> None:
    exact = "x" * CONTENT_BYTES_MAX
    assert bounded(exact) == exact


def test_json_is_whole_until_it_was_screened() -> None:
    rows = {"rows": list(range(20_000))}
    assert json.loads(readable(rows)) == rows
