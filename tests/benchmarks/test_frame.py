"""What the frame of a benchmark makes of what is found, and what is said of the quality of searches."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import frame
from benchmarks.memory import figures, quality
from benchmarks.memory.searching import Timed, alternated
from benchmarks.swarm import writing


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    page = tmp_path / "page.md"
    parts = [f"<!-- ferry {part} -->\nas it was\n<!-- end of ferry {part} -->" for part in ("quay", "mole")]
    page.write_text("\n".join(["before", *parts, "behind"]))
    monkeypatch.setattr(frame, "write", lambda *words, of: writing.write(*words, page, of=of))
    monkeypatch.setattr(sys, "argv", [str(frame.ROOT / "benchmarks" / "ferry.py"), "--write"])
    return page


def test_each_part_goes_between_its_own_marks(page: Path) -> None:
    homes = []

    def measure(asked: Any, home: Path) -> Iterator[tuple[str, str]]:
        homes.append(home)
        assert home.is_dir()
        yield "quay", "one figure"
        yield "quay", "another"

    frame.run(frame.words("A ferry."), measure, of="ferry")
    said = page.read_text()
    quay, _, mole = said.partition("<!-- end of ferry quay -->")
    assert "`python benchmarks/ferry.py --write`" in quay
    assert "one figure\n\nanother\n\nLoad at the end" in quay
    assert "as it was" not in quay
    assert mole.strip() == "<!-- ferry mole -->\nas it was\n<!-- end of ferry mole -->\nbehind"
    assert not homes[0].exists()


def test_a_benchmark_that_breaks_off_ends_its_servers_and_writes_nothing(page: Path) -> None:
    ended, as_it_was = [], page.read_text()

    def measure(asked: Any, home: Path) -> Iterator[tuple[str, str]]:
        try:
            yield "quay", "one figure"
            raise SystemExit("no more")
        finally:
            ended.append(home.exists())

    with pytest.raises(SystemExit, match="no more"):
        frame.run(frame.words("A ferry."), measure, of="ferry")
    assert page.read_text() == as_it_was
    assert ended == [True]


def test_hybrid_has_to_be_better_than_either_by_each_measure() -> None:
    figures = {
        ("held out", "pgvector", "hybrid"): SimpleNamespace(ndcg=0.9, mrr=0.9, recall=0.9),
        ("held out", "pgvector", "vector"): SimpleNamespace(ndcg=0.8, mrr=0.8, recall=0.9),
        ("held out", "pgvector", "keyword"): SimpleNamespace(ndcg=0.5, mrr=0.95, recall=0.5),
        ("tuned", "pgvector", "hybrid"): SimpleNamespace(ndcg=0.1, mrr=0.1, recall=0.1),
    }
    ndcg, mrr, recall = quality.targets(figures).splitlines()[2:]
    assert ndcg.startswith("| nDCG@10, pgvector") and ndcg.endswith("| 0.900 | 0.800 | 0.500 | met |")  # noqa: PT018
    assert mrr.endswith("| 0.900 | 0.800 | 0.950 | **missed** |")
    assert recall.endswith("| 0.900 | 0.900 | 0.500 | **missed** |")


def test_each_search_is_judged_by_what_is_asked_as_it_is() -> None:
    """Ten texts by the bare client's ten texts, and whole searches by the same question and by what their answer needs."""
    made = figures.Figures.__new__(figures.Figures)
    bare = [Timed([span]) for span in (10.0, 20.0, 40.0)]
    ours = {name: Timed([30.0]) for name in (figures.NEAREST_TEXTS, "memory.search, pgvector, vector")}
    made.beside = [(bare, ours, "vector")]
    texts, whole = made._ratios().splitlines()[-2:]
    assert "3.00 · 3.00 | 1.50 · 1.50 |" in texts
    assert texts.endswith("| ten texts: **missed** |")
    assert whole.endswith("| the same question: **missed**; what the answer needs: met |")


def test_in_turns_each_way_is_asked_everything_and_first_as_often_as_the_others() -> None:
    said: list[tuple[str, int]] = []
    ways = {name: lambda question, name=name: said.append((name, question)) for name in "abc"}
    found = alternated(list(range(30)), ways)  # type: ignore[arg-type]
    assert {name: len(timed.spans_ms) for name, timed in found.items()} == dict.fromkeys("abc", 30)
    assert [name for name, _ in said[:9]] == list("abcbcacab")
    assert [question for _, question in said[-3:]] == [29] * 3
