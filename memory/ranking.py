"""How memories are ranked: a weighted sum of parts from 0 to 1, so that every score can be explained and recomputed.

    score      = vector * w.vector + keyword * w.keyword + recency * w.recency + importance * w.importance
    vector     = cosine / the best cosine found, or / 0.4 where that is less
    keyword    = share³, where share = weights of the query's words that it contains / weights of all the query's words
    recency    = 0.995 ^ hours
    importance = as it was given, and raised since

The sum of relevance, recency and importance, and recency's decay, follow Park et al., "Generative Agents: Interactive Simulacra of Human
Behavior" (UIST 2023), 4.1. There all three weigh the same; here relevance weighs nine tenths, because more of the others put what is new or
heavy before what answers the question.

Relevance is a relative score fusion. The vector part is relative to the best that was found, unless that is far from the question itself:
then nothing has it in full. The keyword part is relative to what a memory
with all of the query's words would have: relative to the best found, as is usual, a memory with one chance word of a question that is put
in other words would come first. A word weighs as in BM25 (Robertson and Zaragoza, 2009, 3.2, the variant that is never negative): the fewer
of the candidates have it, the more. Figures for all this and for reciprocal ranks are in docs/adr/0103-*.md.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

RECENCY_KEPT_PER_HOUR = 0.995  # after a week 0.43, after a month 0.03
SIMILARITY_NEAR = (
    0.4  # cosine below which the best found is not near; of the offline model, whose strangers have 0.0 to 0.3
)
HOURS_MAX = 100_000  # eleven years: there nothing is left, and far beyond it nothing that a float can tell
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


# Chosen on one half of tests/memory/retrieval, and measured on the other.
WEIGHTS = {
    Mode.HYBRID: Weights(vector=0.45, keyword=0.45, recency=0.05, importance=0.05),
    Mode.VECTOR: Weights(vector=0.90, keyword=0.0, recency=0.05, importance=0.05),
    Mode.KEYWORD: Weights(vector=0.0, keyword=0.90, recency=0.05, importance=0.05),
}


class Parts(NamedTuple):
    """`vector`: similarity beside the best one's. `keyword`: third power of the share of the query's words that the memory contains."""

    vector: float
    keyword: float
    recency: float
    importance: float


# As SQL, since PostgreSQL ranks what it has judged (memory.stores.judging). Of a candidate: `similarity`, its cosine to the query, NULL
# without a vector of the query's model; `share` of the query's words by weight; `hours`, its age. Of all: `best`, the nearest one's
# similarity, NULL without any; and how many they are, `among`, of which `having_it` have a word.
VECTOR = f"least(1, greatest(0, coalesce(similarity, 0)) / greatest({SIMILARITY_NEAR}, coalesce(best, 0)))"
KEYWORD = "least(1, share) ^ 3"
RECENCY = f"{RECENCY_KEPT_PER_HOUR}::float8 ^ least(greatest(0, hours), {HOURS_MAX})"
WORD_WEIGHT = "ln(1 + (among - having_it + 0.5::float8) / (having_it + 0.5::float8))"


def total(mode: Mode) -> str:
    """The score, of the columns `vector`, `keyword`, `recency` and `importance`."""
    return " + ".join(f"{part} * {weight}::float8" for part, weight in asdict(WEIGHTS[mode]).items())


def rounded(vector: float, keyword: float, recency: float, importance: Decimal | float) -> Parts:
    return Parts(*(round(float(part), PLACES) for part in (vector, keyword, recency, importance)))


def recency(hours: float) -> float:
    return float(RECENCY_KEPT_PER_HOUR ** min(max(0.0, hours), HOURS_MAX))


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
