"""A set of memories, of questions with judgements, and of pairs of sentences; written for this, see docs/memory.md.

memories.tsv: key, age in days, category, importance, text. queries.tsv: kind, query, judgements (key:grade, 2 answers it, 1 helps), filters as
JSON. pairs.tsv: what two sentences are to each other. In queries and pairs, by kind, every other line is held out: nothing was tuned on it.
"""

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from chimera.kernel import clock, ids
from memory import search
from memory.actions import vectors
from memory.embedders import Vector, offline
from memory.likeness import compare
from memory.models import MemoryRecord
from memory.queries import Sought, Viewer
from memory.ranking import Mode
from memory.reading import read
from memory.search import Hit, Question

HERE = Path(__file__).parent
TOP = 10
Half = str  # "tuned" or "held out"


@dataclass(frozen=True)
class Query:
    kind: str
    half: Half
    text: str
    grades: dict[str, int]
    filters: dict[str, Any]


@dataclass(frozen=True)
class Figures:
    """Means over queries: nDCG@10 with gains 2^grade − 1 (Järvelin and Kekäläinen, 2002), recall@10, mean reciprocal rank of an answer."""

    ndcg: float
    recall: float
    mrr: float


def _lines(name: str, *, fields: int) -> Iterator[list[str]]:
    for line in (HERE / name).read_text().splitlines():
        found = line.split("\t")
        yield found + [""] * (fields - len(found))


def _halves(kinds: Sequence[str]) -> list[Half]:
    seen: dict[str, int] = defaultdict(int)
    halves = []
    for kind in kinds:
        halves.append("held out" if seen[kind] % 2 else "tuned")
        seen[kind] += 1
    return halves


def queries() -> list[Query]:
    rows = list(_lines("queries.tsv", fields=4))
    halves = _halves([kind for kind, *_ in rows])
    return [
        Query(kind, half, text, _grades(judged), json.loads(filters or "{}"))
        for (kind, text, judged, filters), half in zip(rows, halves, strict=True)
    ]


def _grades(judged: str) -> dict[str, int]:
    return {key: int(grade) for key, grade in (one.split(":") for one in judged.split())}


def keep(tenant_id: Any, *, at: datetime) -> dict[Any, str]:
    """Keep the memories in the bound tenant, embedded; answers their keys by their ids."""
    rows = list(_lines("memories.tsv", fields=5))
    made = [
        MemoryRecord(
            id=ids.uuid7(),
            tenant_id=tenant_id,
            content=text,
            category=category,
            importance_score=importance,
            created_at=at - timedelta(days=float(days), hours=1),
        )
        for _, days, category, importance, text in rows
    ]
    MemoryRecord.objects.bulk_create(made)
    embedded = offline().embed([text for *_, text in rows])
    vectors.keep({row.pk: vector for row, vector in zip(made, embedded, strict=True)}, model=offline().model)
    return {row.pk: key for row, (key, *_) in zip(made, rows, strict=True)}


def answers(
    asked: Sequence[Query], keys: dict[Any, str], *, mode: Mode, find: Callable[..., list[Hit]] = search.find
) -> Iterator[tuple[Query, list[str]]]:
    """Each query with the keys of what the product's search finds, best first."""
    for query in asked:
        meaning = (None, "") if mode == Mode.KEYWORD else (_meaning(query.text), offline().model)
        question = Question(query.text, mode, *meaning)
        hits = find(question, _sought(query.filters), limit=TOP)
        yield query, [keys[hit.memory.pk] for hit in hits]


@cache
def _meaning(text: str) -> Vector:
    """Each question is asked in several modes."""
    (vector,) = offline().embed([text])
    return vector


def _sought(filters: dict[str, Any]) -> Sought:
    now = clock.now()
    since, until = (filters.get(f"{name}_days") for name in ("since", "until"))
    return Sought(
        viewer=Viewer(),
        at=now,
        since=now - timedelta(days=since) if since else None,
        until=now - timedelta(days=until) if until else None,
    )


def figures(found: Sequence[tuple[Query, list[str]]]) -> Figures:
    measured = [_measured(query.grades, keys) for query, keys in found]
    return Figures(*(sum(column) / len(column) for column in zip(*measured, strict=True)))


def _measured(grades: dict[str, int], keys: Sequence[str]) -> tuple[float, float, float]:
    best = sorted(grades.values(), reverse=True)[:TOP]
    first = next((place for place, key in enumerate(keys, start=1) if grades.get(key) == 2), None)
    return (
        _gain([grades.get(key, 0) for key in keys]) / _gain(best),
        sum(key in grades for key in keys) / len(grades),
        1 / first if first else 0.0,
    )


def _gain(grades: Sequence[int]) -> float:
    return sum((2**grade - 1) / math.log2(place + 1) for place, grade in enumerate(grades, start=1))


def table(tenant_id: Any, *, half: Half | None = None) -> dict[Mode, dict[str, Figures]]:
    """For each mode the figures of each kind of query, and of `all`. In the transaction of the bound tenant."""
    keys = keep(tenant_id, at=clock.now())
    asked = [query for query in queries() if half in (None, query.half)]
    shown = {}
    for mode in Mode:
        found = list(answers(asked, keys, mode=mode))
        kinds = {
            kind: figures([f for f in found if f[0].kind == kind]) for kind in dict.fromkeys(q.kind for q in asked)
        }
        shown[mode] = {"all": figures(found), **kinds}
    return shown


def pairs(*, half: Half, similarity: Callable[[Sequence[float], Sequence[float]], float]) -> list[tuple[str, str, str]]:
    """(what they are, what they are taken for, the pair) of each pair of a half."""
    rows = list(_lines("pairs.tsv", fields=3))
    ones, others = (offline().embed([row[place] for row in rows]) for place in (1, 2))
    halves = _halves([label for label, *_ in rows])
    return [
        (label, _taken(one, other, similarity(a, b)), f"{one} | {other}")
        for (label, one, other), which, a, b in zip(rows, halves, ones, others, strict=True)
        if which == half
    ]


def _taken(one: str, other: str, similarity: float) -> str:
    found = compare(read(one), read(other), similarity)
    return "same" if found.same else "contradicts" if found.because else "other"
