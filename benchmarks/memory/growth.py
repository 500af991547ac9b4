"""How a search grows with what there is."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.memory import searching
from benchmarks.memory.filling import Filled
from benchmarks.memory.searching import Question, Timed, timed
from benchmarks.swarm.tables import table, whole

HEAD = (
    "memories",
    "nearest p50 ms",
    "p95 ms",
    "memory.search hybrid p50 ms",
    "p95 ms",
    "recall@10",
    "index built in s",
)


@dataclass(frozen=True)
class Level:
    memories: int
    nearest: Timed
    hybrid: Timed
    recall: float
    built_seconds: float

    def cells(self) -> list[str]:
        times = [f"{found.at(share):.1f}" for found in (self.nearest, self.hybrid) for share in (0.5, 0.95)]
        return [whole(self.memories), *times, f"{self.recall:.3f}", f"{self.built_seconds:.0f}"]


def level(filled: Filled, questions: Sequence[Question]) -> Level:
    right = searching.truth(filled, questions)
    searching.remember(questions)
    nearest, near = timed(questions, searching.nearest_rows)
    hybrid, _ = timed(questions, searching.search("hybrid"))
    return Level(filled.number, nearest, hybrid, searching.recall(near, right), filled.built_seconds)


def table_of(levels: Sequence[Level]) -> str:
    return table(HEAD, [found.cells() for found in levels])
