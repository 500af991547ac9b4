"""How well a search finds what answers a question, and how well pairs are told apart: figures, on what nothing was tuned on.

`pytest tests/memory/test_retrieval.py -s` prints them.
"""

import sys
from collections.abc import Sequence

import pytest

from memory.ranking import Mode
from tests.cast import Stage
from tests.memory import retrieval
from tests.memory.retrieval import Figures


@pytest.fixture
def held_out(acme: Stage) -> dict[Mode, dict[str, Figures]]:
    with acme.bound():
        return retrieval.table(acme.tenant_id, half="held out")


def test_hybrid_beats_vectors_alone_and_words_alone(held_out: dict[Mode, dict[str, Figures]]) -> None:
    for mode, kinds in held_out.items():
        for kind, f in kinds.items():
            sys.stdout.write(f"{mode:8} {kind:11} nDCG@10 {f.ndcg:.3f}  recall@10 {f.recall:.3f}  MRR {f.mrr:.3f}\n")
    hybrid, vector, keyword = (held_out[mode]["all"] for mode in (Mode.HYBRID, Mode.VECTOR, Mode.KEYWORD))
    assert hybrid.ndcg > vector.ndcg > keyword.ndcg
    assert hybrid.mrr > vector.mrr > keyword.mrr
    assert hybrid.recall >= vector.recall > keyword.recall
    assert hybrid.ndcg >= 0.88
    for exact in ("number", "words", "name"):
        assert held_out[Mode.HYBRID][exact].ndcg >= 0.95


def test_the_set_is_as_large_as_the_docs_say() -> None:
    asked = retrieval.queries()
    memories = (retrieval.HERE / "memories.tsv").read_text().splitlines()
    keys = {line.split("\t")[0] for line in memories}
    assert (len(keys), len(memories), len(asked)) == (145, 145, 98)
    assert {key for query in asked for key in query.grades} <= keys
    assert {query.half for query in asked} == {"tuned", "held out"}
    assert sum(query.half == "held out" for query in asked) == 49


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("half", ["tuned", "held out"])
def test_pairs_are_told_apart(half: str) -> None:
    found = retrieval.pairs(half=half, similarity=cosine)
    for label in ("same", "contradicts"):
        taken = [is_ for is_, as_, _ in found if as_ == label]
        meant = [as_ for is_, as_, _ in found if is_ == label]
        precision, recall = taken.count(label) / len(taken), meant.count(label) / len(meant)
        sys.stdout.write(
            f"{half:8} {label:11} precision {precision:.3f} recall {recall:.3f} ({len(meant)} of {len(found)} pairs)\n"
        )
        assert precision >= 0.9
        assert recall >= 0.85
