"""Searches and writes among very many, as they are measured and as they are shown."""

from typing import Any

from benchmarks.lifecycle import House
from benchmarks.memory import filling, searching, weaviate
from benchmarks.memory.searching import Timed, timed
from benchmarks.memory.space import Space
from benchmarks.memory.weaviate import ANSWER, QUESTION, TEXTS
from benchmarks.swarm.tables import complain, met, table, whole

TO_BE_REACHED = {"write": 50.0, "search": 20.0, "ratio": 1.3, "recall": 0.95}
MODES = ("vector", "hybrid", "keyword")
BESIDE = MODES[:2]  # in which the bare client is asked
ASKED = (TEXTS, QUESTION, ANSWER)
NEAREST_TEXTS = "pgvector, the nearest ten with their texts"


class Figures:
    def __init__(self, house: House, filled: filling.Filled, questions: list[searching.Question]) -> None:
        self._house, self._filled, self._questions = house, filled, questions
        self._right = searching.truth(filled, questions)
        searching.remember(questions)
        self.times: dict[str, Timed] = {}
        self.recalls: dict[str, float] = {}
        self.beside: list[tuple[list[Timed], dict[str, Timed], str]] = []
        self.not_tried = ""

    def _time(self, name: str, call: Any) -> list[Any]:
        self.times[name], found = timed(self._questions, call)
        complain(f"{name}: p50 {self.times[name].at(0.5):.1f} ms, p95 {self.times[name].at(0.95):.1f} ms")
        return found

    def postgresql(self) -> None:
        near = self._time("pgvector, the nearest alone", searching.nearest_rows)
        self.recalls["pgvector"] = searching.recall(near, self._right)
        self._time(NEAREST_TEXTS, searching.nearest_texts)
        for mode in MODES:
            self._time(f"memory.search, pgvector, {mode}", searching.search(mode))
        for mode in MODES:
            self._time(f"HTTP, pgvector, {mode}", searching.over_http(self._house, mode))

    def writes(self, number: int, tenants: list[filling.Tenant], space: Space) -> None:
        texts, _ = space.draw(number + 100, seed=2 * 10**9)
        self.times["HTTP, write"] = searching.write_over_http(
            self._house, number, tenants, lambda n: f"{texts[n]} note {n}"
        )
        complain(f"HTTP, write: p95 {self.times['HTTP, write'].at(0.95):.1f} ms")

    def weaviate(self, running: Any) -> None:
        if running is None:
            self.not_tried = weaviate.NOT_TRIED
            return
        with weaviate.asked_first(running), weaviate.bare(running.address, self._questions) as ways:
            near = [ways[TEXTS, "vector"](question) for question in self._questions]
            self.recalls["Weaviate"] = searching.recall(near, self._right)
            for mode in BESIDE:
                self._alternate(mode, {what: ways[what, mode] for what in ASKED})
            for mode in MODES:
                self._time(f"memory.search, Weaviate, {mode}", searching.search(mode))

    def _alternate(self, mode: str, bare: dict[str, Any]) -> None:
        """Ours beside the bare client's."""
        search = searching.search(mode)
        ours = {
            f"memory.search, pgvector, {mode}": weaviate.by_postgresql(search),
            f"memory.search, Weaviate, {mode}": search,
        }
        if mode == "vector":
            ours |= {NEAREST_TEXTS: searching.nearest_texts}
        named = {f"bare Weaviate client, {mode}, {what}": way for what, way in bare.items()}
        found = searching.alternated(self._questions, named | ours)
        complain(
            " · ".join(f"{name}: p50 {timed.at(0.5):.1f}, p95 {timed.at(0.95):.1f}" for name, timed in found.items())
        )
        self.beside.append(([found[name] for name in named], {name: found[name] for name in ours}, mode))

    # ------------------------------------------------------------ as tables

    def targets(self) -> str:
        lines = [
            self._at_most("write acknowledged over HTTP, p95", "HTTP, write", "write"),
            self._at_most("memory.search, pgvector, hybrid, p95", "memory.search, pgvector, hybrid", "search"),
            self._at_most("memory.search, pgvector, vector, p95", "memory.search, pgvector, vector", "search"),
            self._at_most("the same over HTTP, hybrid, p95", "HTTP, pgvector, hybrid", "search"),
        ]
        for name, value in self.recalls.items():
            aim = TO_BE_REACHED["recall"]
            lines.append([f"recall@10, {name}, tenant's own, at least {aim}", f"{value:.3f}", met(value >= aim)])
        return "\n\n".join(filter(None, [table(["Target", "measured", ""], lines), self._ratios(), self.not_tried]))

    def _ratios(self) -> str:
        """Beside the bare client, by what it is asked for: p50 and p95. Ten texts are judged by ten texts, a whole search by the same
        question and by what its answer needs."""
        if not self.beside:
            return ""
        lines = []
        for bare, ours, mode in self.beside:
            lines.append([f"bare Weaviate client, {mode}, ms", *map(_both, bare), "", ""])
            for name, found in ours.items():
                ratios = [(found.at(0.5) / one.at(0.5), found.at(0.95) / one.at(0.95)) for one in bare]
                shown = [f"{ratio[0]:.2f} · {ratio[1]:.2f}" for ratio in ratios]
                likes = [TEXTS] if name == NEAREST_TEXTS else [QUESTION, ANSWER]
                verdicts = [f"{like}: {met(ratios[ASKED.index(like)][1] <= TO_BE_REACHED['ratio'])}" for like in likes]
                lines.append([name, *shown, _both(found), "; ".join(verdicts)])
        heads = [f"÷ {what}" for what in ASKED]
        aim = f"p95 at most {TO_BE_REACHED['ratio']}"
        return table(["asked alternately, p50 · p95", *heads, "ms", aim], lines)

    def _at_most(self, name: str, of: str, aim: str) -> list[str]:
        value = self.times[of].at(0.95)
        return [f"{name}, at most {TO_BE_REACHED[aim]:.0f} ms", f"{value:.1f} ms", met(value <= TO_BE_REACHED[aim])]

    def searches(self) -> str:
        lines = [
            [name, *(f"{found.at(share):.1f}" for share in (0.5, 0.95, 0.99)), f"{max(found.spans_ms):.0f}"]
            for name, found in self.times.items()
        ]
        return table(
            [f"among {whole(self._filled.number)}, one after the other", "p50 ms", "p95 ms", "p99 ms", "most ms"], lines
        )


def _both(found: Timed) -> str:
    return f"{found.at(0.5):.1f} · {found.at(0.95):.1f}"
