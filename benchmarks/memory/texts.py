"""Texts to be remembered, and questions about them, for measurements with a model's own vectors.

`made`: sentences of one pattern about a few hundred things, many of which differ by a number alone: the nearest lie close together, which
is what many memories of one swarm are like. `written`: sentences of this repository's pages, each once, with the memories of
tests/memory/retrieval; asked are its questions, the first of each of its pairs of sentences (the second is remembered), and the pages'
headings.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.lifecycle import ROOT

SEED = 20260501
WORDS_MIN, WORDS_MAX = 5, 60  # of a sentence of a page
# fmt: off
PLACES = ("harbour", "quay", "lighthouse", "market", "ferry", "museum", "theatre", "library", "station", "bakery",
          "garden", "tower", "bridge", "square", "beach")
SUBJECTS = ("opening", "ticket", "concert", "tour", "workshop", "film", "sale", "race", "lecture", "dinner",
            "exhibition", "regatta", "parade", "picnic", "fair")
# fmt: on
FACTS = (
    "starts at {n} o'clock on {day}",
    "costs {n} euros for adults",
    "drew {n} visitors last {season}",
    "was moved to {day} because of the weather",
    "needs {n} volunteers before {day}",
    "was praised by {n} readers on {day}",
    "will be streamed live in {season}",
    "is closed for repairs until {season}",
)
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
SEASONS = ["spring", "summer", "autumn", "winter"]
QUESTIONS = (
    "When does the {subject} at the {place} start?",
    "How much is the {subject} at the {place}?",
    "How many people came to the {place} for the {subject}?",
    "Is the {place} open for the {subject}?",
    "What do readers say about the {subject} at the {place}?",
)


@dataclass(frozen=True)
class Corpus:
    name: str
    texts: list[str]
    questions: list[str]


def made(rows: int, questions: int) -> Corpus:
    dice = random.Random(SEED)
    return Corpus("made", [_sentence(dice) for _ in range(rows)], [_question(dice) for _ in range(questions)])


def _sentence(dice: random.Random) -> str:
    fact = dice.choice(FACTS).format(n=dice.randint(2, 900), day=dice.choice(DAYS), season=dice.choice(SEASONS))
    return f"The {dice.choice(SUBJECTS)} at the {dice.choice(PLACES)} number {dice.randint(1, 40)} {fact}."


def _question(dice: random.Random) -> str:
    return dice.choice(QUESTIONS).format(subject=dice.choice(SUBJECTS), place=dice.choice(PLACES))


def written(questions: int) -> Corpus:
    """At most so many questions, drawn by seeded dice."""
    from tests.memory import retrieval

    lines = [line.split("\t") for line in (retrieval.HERE / "memories.tsv").read_text().splitlines()]
    pairs = [line.split("\t") for line in (retrieval.HERE / "pairs.tsv").read_text().splitlines()]
    pages = sorted(page for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
    texts = [line[4] for line in lines] + [pair[2] for pair in pairs]
    asked = [query.text for query in retrieval.queries()] + [pair[1] for pair in pairs]
    for page in pages:
        texts += _sentences(page)
        asked += _headings(page)
    texts, asked = list(dict.fromkeys(texts)), sorted({*asked} - {*texts})
    random.Random(SEED).shuffle(asked)
    return Corpus("written", texts, asked[:questions])


def _sentences(page: Path) -> Iterator[str]:
    """Without code, tables, headings and what marks words."""
    said = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    lines = [line.strip() for line in said.splitlines()]
    lines = ["" if line[:1] in {"|", "#", "<"} else re.sub(r"^(?:[*-]|\d+\.) ", "\n\n", line) for line in lines]
    for paragraph in re.split(r"\n\s*\n", "\n".join(lines)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)|[*`]", r"\1", " ".join(paragraph.split()))
        for sentence in re.split(r"(?<=[.;:?!])\s+", plain):
            if WORDS_MIN <= len(sentence.split()) <= WORDS_MAX:
                yield sentence


def _headings(page: Path) -> Iterator[str]:
    for line in page.read_text().splitlines():
        found = re.match(r"#+ (?:\d+\. )?(.*)", line)
        if found and len(found[1].split()) >= 3:
            yield found[1]
