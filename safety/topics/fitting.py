"""Learning the weights from a corpus, and saying how good they are on the part that they have not seen.

A line of the corpus is {"text", "topics"}. The hash of its text says to which part it belongs, so that no one chooses. Ridge
regression of ±1 on unit vectors, the rarer side weighing more; thresholds are those with the best F-score, recall counting more, when
each tenth of the tuning part is judged by the other nine.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from safety.topics.classifier import recognise
from safety.topics.names import Topic
from safety.topics.phrases import surely

HELD_OUT_PERCENT = 40
RIDGE = 1.0
RECALL_COUNTS = 1.0  # as much as precision
FLOOR_BELOW = 0.35  # a doubtful phrase makes up for so much
FOLDS = 10


@dataclass(frozen=True, slots=True)
class Example:
    text: str
    topics: frozenset[Topic]

    @property
    def number(self) -> int:
        return int.from_bytes(hashlib.sha256(self.text.encode()).digest()[:4], "big")

    @property
    def is_held_out(self) -> bool:
        return self.number % 100 < HELD_OUT_PERCENT


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one topic, or of all together: touched or not."""

    name: str
    positives: int
    precision: float
    recall: float
    recall_by_phrases: float


def read(path: Path) -> list[Example]:
    rows = (json.loads(line) for line in path.read_text().splitlines())
    return [Example(row["text"], frozenset(Topic(name) for name in row["topics"])) for row in rows]


def fit(examples: Sequence[Example], vectors: Any, *, model: str, dimensions: int) -> dict[str, Any]:
    """What weights.json says; `examples` are those to learn from, with a row of `vectors` for each."""
    with threadpool_limits(1):  # several would spin and wait for one another
        return _fitted(examples, vectors, model, dimensions)


def _fitted(examples: Sequence[Example], vectors: Any, model: str, dimensions: int) -> dict[str, Any]:
    known = np.asarray(vectors, dtype=np.float64)[:, :dimensions]
    fold = np.array([example.number // 100 % FOLDS for example in examples])
    topics = {}
    for topic in Topic:
        truth = np.array([topic in example.topics for example in examples])
        judged = np.zeros(len(examples))
        for number in range(FOLDS):
            judged[fold == number] = _with_one(known[fold == number]) @ _learned(
                known[fold != number], truth[fold != number]
            )
        threshold = _threshold(judged, truth)
        column = _learned(known, truth)
        topics[str(topic)] = {
            "threshold": round(threshold, 3),
            "floor": round(threshold - FLOOR_BELOW, 3),
            "bias": round(float(column[-1]), 4),
            "weights": [round(float(weight), 4) for weight in column[:-1]],
        }
    return {"model": model, "dimensions": dimensions, "learned_from": name_of(examples), "topics": topics}


def name_of(examples: Sequence[Example]) -> str:
    """A hash of what was learned from, by which weights and corpus are known to belong together."""
    said = sorted([example.text, *sorted(example.topics)] for example in examples)
    return hashlib.sha256(json.dumps([said, RIDGE, RECALL_COUNTS, FLOOR_BELOW]).encode()).hexdigest()


def score(examples: Iterable[Example], vectors: Any) -> list[Figures]:
    """How the weights that are in use do; `vectors` makes vectors of texts."""
    judged = [
        (
            example.topics,
            {one.topic for one in recognise(example.text, vectors)},
            {one.topic for one in surely(example.text)},
        )
        for example in examples
    ]
    return [
        *(_figures(str(topic), [(topic in a, topic in b, topic in c) for a, b, c in judged]) for topic in Topic),
        _figures("any topic", [(bool(a), bool(b), bool(c)) for a, b, c in judged]),
    ]


def _figures(name: str, rows: Sequence[tuple[bool, bool, bool]]) -> Figures:
    positives = sum(truth for truth, _, _ in rows)
    found, right = sum(said for _, said, _ in rows), sum(truth and said for truth, said, _ in rows)
    by_phrases = sum(truth and phrase for truth, _, phrase in rows)
    return Figures(name, positives, right / max(1, found), right / max(1, positives), by_phrases / max(1, positives))


def _with_one(known: Any) -> Any:
    return np.hstack([known, np.ones((len(known), 1))])


def _learned(known: Any, truth: Any) -> Any:
    wide, target = _with_one(known), np.where(truth, 1.0, -1.0)
    weighed = np.where(truth, ((~truth).sum() / max(1, truth.sum())) ** 0.7, 1.0)
    ridge = RIDGE * np.eye(wide.shape[1])
    ridge[-1, -1] = 1e-6
    return np.linalg.solve(wide.T @ (wide * weighed[:, None]) + ridge, wide.T @ (weighed * target))


def _threshold(judged: Any, truth: Any) -> float:
    def good(at: float) -> float:
        said = judged >= at
        right = (said & truth).sum()
        precision, recall = right / max(1, said.sum()), right / max(1, truth.sum())
        weight = RECALL_COUNTS**2
        return float((1 + weight) * precision * recall / max(1e-9, weight * precision + recall))

    return float(max(_candidates(judged), key=good))


def _candidates(judged: Any) -> Iterator[float]:
    """Halfway between neighbours, so that rounding changes nothing."""
    marks = np.unique(judged)
    yield from (marks[1:] + marks[:-1]) / 2
