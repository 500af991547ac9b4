"""Topics by meaning: a passage's vector, weighed for each topic, beside what phrases show.

The weights were learned from the tuning part of the corpus and stand in weights.json (docs/topics.md). Vectors come from the offline
model alone, whose name stands there too: another model's would be weighed wrongly.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from safety.topics.names import Topic, Touched
from safety.topics.passages import clauses, passages, sentences
from safety.topics.phrases import Phrase, found

Vectors = Callable[[Sequence[str]], Sequence[Sequence[float]]]
WEIGHTS = Path(__file__).with_name("weights.json")
EVIDENCE_MAX = 300  # characters of the passage that are kept
CLOSER_PASSAGES = 4  # that come nearest to each topic are looked at sentence by sentence, and clause by clause
CLOSER_MAX = 96  # of these
CLAUSE_SAYS_LESS = 0.1  # than a sentence: so much more it has to score


@dataclass(frozen=True)
class Weights:
    """`matrix` has a column for each topic, the last row is what is added. From `thresholds` on a passage touches the topic by its
    meaning alone, from `floors` on where a doubtful phrase says so too."""

    model: str
    dimensions: int
    matrix: Any
    thresholds: Any
    floors: Any

    def scores(self, vectors: Sequence[Sequence[float]]) -> Any:
        """One row for each vector, one column for each topic, in their order."""
        import numpy as np  # 90 ms of a process's start: only for whoever weighs

        taken = np.asarray([vector[: self.dimensions] for vector in vectors], dtype=np.float64)
        return taken @ self.matrix[:-1] + self.matrix[-1]


@cache
def weights() -> Weights:
    import numpy as np

    kept = json.loads(WEIGHTS.read_text())
    rows = [kept["topics"][topic] for topic in Topic]
    matrix = np.array([[*row["weights"], row["bias"]] for row in rows]).T
    thresholds, floors = (np.array([row[name] for row in rows]) for name in ("threshold", "floor"))
    return Weights(kept["model"], kept["dimensions"], matrix, thresholds, floors)


def recognise(text: str, vectors: Vectors) -> tuple[Touched, ...]:
    """Every topic that the text touches: by a phrase, by the meaning of a passage, or by both a little."""
    shown = found(text)
    touched = {phrase.topic: phrase.touched for phrase in shown if not phrase.doubtful}
    for topic, phrase in _by_meaning(text, shown, vectors).items():
        touched.setdefault(topic, phrase)
    return tuple(touched[topic] for topic in Topic if topic in touched)


def _by_meaning(text: str, shown: Sequence[Phrase], vectors: Vectors) -> dict[Topic, Touched]:
    doubtful = {phrase.topic: phrase.touched for phrase in shown if phrase.doubtful}
    parts = passages(text)
    if not parts:
        return doubtful  # too short to be weighed: asked rather than missed
    learned = weights()
    parts, scores = _closer(parts, learned.scores(vectors(_legible(parts))), vectors)
    best = scores.argmax(axis=0)
    by_meaning = {}
    for column, topic in enumerate(Topic):
        score, least = float(scores[best[column], column]), float(learned.thresholds[column])
        if score >= least:
            by_meaning[topic] = doubtful.get(topic) or Touched(topic, parts[best[column]][:EVIDENCE_MAX], score=score)
        elif topic in doubtful and score >= float(learned.floors[column]):
            by_meaning[topic] = doubtful[topic]
    return by_meaning


def _closer(parts: list[str], scores: Any, vectors: Vectors) -> tuple[list[str], Any]:
    """With the sentences and clauses of the passages that come nearest to each topic: among harmless ones, one that touches it hides
    in its passage."""
    import numpy as np

    nearest = dict.fromkeys(scores.argsort(axis=0)[::-1][:CLOSER_PASSAGES].flatten().tolist())
    whole = [one for place in nearest for one in sentences(parts[place])]
    long = whole + [parts[place] for place in nearest if not sentences(parts[place])]
    pieces = (whole + [clause for one in long for clause in clauses(one)])[:CLOSER_MAX]
    if not pieces:
        return parts, scores
    closer = weights().scores(vectors(_legible(pieces)))
    closer[len(whole) :] -= CLAUSE_SAYS_LESS
    return [*parts, *pieces], np.vstack([scores, closer])


def _legible(parts: Sequence[str]) -> list[str]:
    """The model was not made of what is all in capitals."""
    return [part.capitalize() if part.isupper() else part for part in parts]
