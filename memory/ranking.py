"""How memories are ranked: a weighted sum of parts from 0 to 1, so that every score can be explained and recomputed.

    score = vector * w.vector + keyword * w.keyword + recency * w.recency + importance * w.importance

The sum of relevance, recency and importance, and recency's decay by 0.995 an hour, follow Park et al., "Generative
Agents: Interactive Simulacra of Human Behavior" (UIST 2023), 4.1. There all three weigh the same, after scaling each to
the candidates at hand; here relevance weighs most, and the parts are absolute, so that a score does not depend on what
else was found. Reciprocal-rank fusion was not taken for that reason: its scores say nothing about one memory alone.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

RECENCY_KEPT_PER_HOUR = 0.995  # after a week 0.43, after a month 0.03
PLACES = 6  # digits of scores and parts; floats beyond them are noise of halfvec and text


class Mode(StrEnum):
    HYBRID = "hybrid"
    VECTOR = "vector"
    KEYWORD = "keyword"


@dataclass(frozen=True, slots=True)
class Weights:
    vector: float
    keyword: float
    recency: float
    importance: float


WEIGHTS = {
    Mode.HYBRID: Weights(vector=0.55, keyword=0.25, recency=0.10, importance=0.10),
    Mode.VECTOR: Weights(vector=0.80, keyword=0.0, recency=0.10, importance=0.10),
    Mode.KEYWORD: Weights(vector=0.0, keyword=0.80, recency=0.10, importance=0.10),
}


@dataclass(frozen=True, slots=True)
class Parts:
    """`vector`: cosine similarity, none below 0. `keyword`: share of the query's words that the memory contains."""

    vector: float
    keyword: float
    recency: float
    importance: float


def parts(*, similarity: float | None, coverage: float, age: timedelta, importance: Decimal) -> Parts:
    """A memory without a vector yet has similarity None, which counts 0."""
    return Parts(
        vector=round(min(1.0, max(0.0, similarity or 0.0)), PLACES),
        keyword=round(min(1.0, max(0.0, coverage)), PLACES),
        recency=round(recency(age), PLACES),
        importance=round(float(importance), PLACES),
    )


def recency(age: timedelta) -> float:
    hours = max(0.0, age / timedelta(hours=1))
    return float(RECENCY_KEPT_PER_HOUR**hours)


def score(found: Parts, mode: Mode) -> float:
    w = WEIGHTS[mode]
    total = (
        found.vector * w.vector
        + found.keyword * w.keyword
        + found.recency * w.recency
        + found.importance * w.importance
    )
    return round(total, PLACES)


def age(*, created_at: datetime, at: datetime) -> timedelta:
    """How old a memory is at `at`; one made later is new."""
    return max(timedelta(0), at - created_at)
