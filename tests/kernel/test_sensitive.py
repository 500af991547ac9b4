"""Personal data and secrets are found in texts: the figures that docs/memory.md states, and what spelling cannot hide."""

import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from chimera.kernel.sensitive import IN_WORDS, Pattern, masked, spot

CORPUS = Path(__file__).parent / "corpus/sensitive.jsonl"
DOCS = Path(__file__).parents[2] / "docs/memory.md"
FLOORS = {"tuning": (0.98, 0.98), "held_out": (0.97, 0.97)}  # precision, recall over all kinds
EVERYTHING = frozenset(Pattern)


@cache
def corpus() -> list[dict[str, Any]]:
    return [json.loads(line) for line in CORPUS.read_text().splitlines()]


@cache
def counted(part: str) -> dict[str, Counter[str]]:
    """Of each kind how many texts have it and it was found (`hit`), was missed, or was found where it is not (`alarm`).

    Found is what is wholly gone from the masked text.
    """
    counts: dict[str, Counter[str]] = {pattern: Counter() for pattern in Pattern}
    for example in corpus():
        if example["part"] != part:
            continue
        text, found = masked(example["text"], EVERYTHING)
        wanted = {kind for kind, _ in example["has"]}
        left = {kind for kind, value in example["has"] if value in text}
        for kind in wanted:
            counts[kind]["missed" if kind in left or kind not in found else "hit"] += 1
        for kind in set(found) - wanted:
            counts[kind]["alarm"] += 1
    return counts


def row(name: str, count: Counter[str]) -> str:
    precision = count["hit"] / (count["hit"] + count["alarm"])
    recall = count["hit"] / (count["hit"] + count["missed"])
    return f"| {name} | {count['hit'] + count['missed']} | {precision:.3f} | {recall:.3f} |"


@pytest.mark.parametrize("part", FLOORS)
def test_what_is_sensitive_is_found_and_what_is_not_is_left_alone(part: str) -> None:
    total: Counter[str] = sum(counted(part).values(), Counter())
    precision = total["hit"] / (total["hit"] + total["alarm"])
    recall = total["hit"] / (total["hit"] + total["missed"])
    assert (precision >= FLOORS[part][0], recall >= FLOORS[part][1]) == (True, True), (part, total)


def test_the_docs_state_the_figures_of_the_part_that_was_not_tuned_on() -> None:
    counts = counted("held_out")
    rows = [row(f"`{kind}`", count) for kind, count in counts.items()]
    assert "\n".join([*rows, row("all", sum(counts.values(), Counter()))]) in DOCS.read_text()


def test_the_corpus_is_large_and_half_of_it_is_held_out() -> None:
    assert len(corpus()) >= 300
    assert len({example["text"] for example in corpus()}) == len(corpus())
    for part in FLOORS:
        texts = [example for example in corpus() if example["part"] == part]
        assert len(texts) >= 150
        assert 0.4 < sum(not example["has"] for example in texts) / len(texts) < 0.6
        assert {kind for example in texts for kind, _ in example["has"]} == set(Pattern)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("card 4111 1111 1111 1111 123 ok", "card [masked pii.card] 123 ok"),
        ("card 4111\u20131111\u20131111\u20131111", "card [masked pii.card]"),
        ("card \uff14\uff11\uff11\uff11 1111 1111 1111", "card [masked pii.card]"),
        ("card 4111\u200b1111\u200b1111\u200b1111", "card [masked pii.card]"),
        ("DE89 3704 0044 0532 0130 00 THANKS", "[masked pii.iban] THANKS"),
        ("to postgres://app:tulip77x@db.example/app", "to postgres://app:[masked secret.password]/app"),
        ('{"pwd":["hunter2secret"],"card":4111111111111111}', '{"pwd":["[masked secret.password]"],"card":[masked pii.card]}'),
        ("[masked pii.email] wrote, password: [masked secret.password]", "[masked pii.email] wrote, password: [masked secret.password]"),
        ("café \ufb01ne", "café \ufb01ne"),
    ],
)  # fmt: skip
def test_masking_leaves_the_rest(text: str, left: str) -> None:
    assert masked(text, EVERYTHING)[0] == left


def test_only_what_is_asked_for_is_masked_and_parts_of_others_are_not_taken_for_it() -> None:
    text = "GB82 WEST 1234 5698 7654 32, ann@kiosk.example"
    assert masked(text, {Pattern.EMAIL}) == ("GB82 WEST 1234 5698 7654 32, [masked pii.email]", (Pattern.EMAIL,))
    assert masked(text, {Pattern.PHONE}) == (text, ())


def test_masking_again_changes_nothing() -> None:
    for example in corpus():
        once, _ = masked(example["text"], EVERYTHING)
        assert masked(once, EVERYTHING) == (once, ())


def test_what_is_spotted_is_shown_half_hidden_and_every_kind_has_words() -> None:
    found = spot("password: Tulip77!x", Pattern.PASSWORD)
    assert found is not None
    assert "Tulip77" not in found.evidence
    assert set(IN_WORDS) == set(Pattern)
