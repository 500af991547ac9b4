"""What is found of questions whose answers are known: tests/memory/retrieval, by hybrid search, by vectors alone and by words alone.

The memories are a tenant's of its own and embedded by the offline model; both indexes are asked in turn, as `memory.search` is by the door.
Weights and limits of the ranking were chosen on one half of the questions, `tuned`; what counts is the other, `held out`.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from benchmarks.memory import filling, weaviate
from benchmarks.swarm.tables import met, table

MEASURES = {"ndcg": "nDCG@10", "mrr": "MRR", "recall": "recall@10"}
TITLES = {
    "held out": "held-out half, nothing was chosen on it",
    "tuned": "tuned half, weights and limits were chosen on it",
}
Row = tuple[str, str, str]  # half, index, mode


class Judged:
    """The set, kept, and the figures so far."""

    def __init__(self) -> None:
        from chimera.kernel import clock, tenancy
        from tests.memory import retrieval

        (self._tenant,) = filling.tenants(1, named="judged")
        self._asked = retrieval.queries()
        self._figures: dict[Row, Any] = {}
        self._not_tried = ""
        with tenancy.bound(self._tenant.id):
            self._keys = retrieval.keep(self._tenant.id, at=clock.now())
        self._measure("pgvector", "postgresql")

    def weaviate(self, running: Any) -> None:
        if running is None:
            self._not_tried = weaviate.NOT_TRIED
            return
        with weaviate.asked_first(running):
            self._measure("Weaviate", "weaviate")

    def _measure(self, name: str, index: str) -> None:
        """SystemExit where another index answered in its place."""
        from chimera.kernel import tenancy
        from memory import search
        from memory.ranking import Mode
        from tests.memory import retrieval

        answered: Counter[str] = Counter()

        def find(question: Any, sought: Any, *, limit: int) -> Any:
            found = search.look_up(question, sought, limit=limit)
            answered[found.index.index] += 1
            return found.hits

        for mode in Mode:
            with tenancy.bound(self._tenant.id):
                found = list(retrieval.answers(self._asked, self._keys, mode=mode, find=find))
            for half in TITLES:
                of_it = [(query, keys) for query, keys in found if query.half == half]
                self._figures[half, name, mode.value] = retrieval.figures(of_it)
        if set(answered) != {index}:
            raise SystemExit(f"judged questions that {name} was asked were answered by: {dict(answered)}")

    # ------------------------------------------------------------ as tables

    def texts(self) -> list[str]:
        size = f"{len(self._keys)} memories and {len(self._asked)} judged questions"
        about = f"{size}, of each kind every other one held out; offline model."
        return [targets(self._figures), *(self._half(half) for half in TITLES), *filter(None, [about, self._not_tried])]

    def _half(self, half: str) -> str:
        lines = [
            [f"{mode}, {index}", *(f"{getattr(found, measure):.3f}" for measure in MEASURES)]
            for (of, index, mode), found in self._figures.items()
            if of == half
        ]
        number = sum(query.half == half for query in self._asked)
        return table([f"{TITLES[half]} ({number} questions)", *MEASURES.values()], lines)


def targets(figures: dict[Row, Any]) -> str:
    """Hybrid above vectors alone and words alone, by each measure of the held-out half."""
    indexes = dict.fromkeys(index for _, index, _ in figures)
    return table(
        ["Target, held-out half", "hybrid", "vector", "keyword", ""],
        [_target(figures, index, measure) for index in indexes for measure in MEASURES],
    )


def _target(figures: dict[Row, Any], index: str, measure: str) -> Sequence[str]:
    hybrid, *others = (getattr(figures["held out", index, mode], measure) for mode in ("hybrid", "vector", "keyword"))
    said = f"{MEASURES[measure]}, {index}: hybrid beats vector alone and keyword alone"
    return [said, *(f"{value:.3f}" for value in (hybrid, *others)), met(hybrid > max(others))]
