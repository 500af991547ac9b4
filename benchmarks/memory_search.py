"""Recall of sketches and of the vector index against an exact scan, on a model's own vectors of real texts; and what a search takes.

    python benchmarks/memory_search.py [--rows 10000] [--questions 300] [--write]

Two corpora (`benchmarks/memory/texts.py`): `--rows` sentences that were made to one pattern, and those that this repository's pages and the
judged memories of its tests consist of. Each is a tenant's own; a second tenant has the same memories in the same HNSW index, so that half
of what that finds is not to be had. As many are asked for as a search asks for. *Sketches* and *HNSW* are both asked, whichever the
product would take for a tenant of this size. Equally near memories are equally right. The embedder is the one that CHIMERA_EMBEDDINGS_*
name, or the offline model; a search's time includes embedding the question. Starts private servers (durable: fsync on), without Weaviate;
`--write` puts what it finds into docs/benchmarks.md.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psycopg

from benchmarks import frame
from benchmarks.memory import filling, texts
from benchmarks.memory.texts import Corpus
from benchmarks.swarm.tables import complain, met, percentile, table, whole

TOP = 10
BATCH = 200
WARM = 5  # questions that are asked before anything counts
TO_BE_REACHED = 0.95  # recall@10
APPROXIMATE = {
    "sketches": 10**9,
    "HNSW": 0,
}  # ways of PostgresStore, by the size of a tenant from which it takes the other
MOST = 40  # candidates by meaning that a search for TOP looks for


@dataclass
class Figures:
    corpus: Corpus
    model: str
    recalls: dict[tuple[str, int], float] = field(
        default_factory=dict
    )  # by way, and how many of the nearest are looked for
    spans_ms: dict[str, list[float]] = field(default_factory=dict)

    def timed(self, name: str, call: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        found = call()
        self.spans_ms.setdefault(name, []).append((time.perf_counter() - began) * 1_000)
        return found


def main() -> None:
    words = frame.words(__doc__)
    words.add_argument("--rows", type=int, default=10_000)
    words.add_argument("--questions", type=int, default=300)
    frame.run(words, _measured, of="memory_search")


def _measured(asked: frame.Asked, home: Path) -> frame.Found:
    with frame.servers(home) as servers:
        corpora = [texts.made(asked.rows, asked.questions), texts.written(asked.questions)]
        tenants = fill(servers.postgres.urls.superuser, corpora)
        found = [measure(corpus, tenant) for corpus, tenant in zip(corpora, tenants, strict=True)]
        yield "recall", recalls(found)
        yield "recall", times(found)


def fill(dsn: str, corpora: Sequence[Corpus]) -> list[UUID]:
    """The tenants that are asked, one for each corpus; the index over the vectors is built at the end, as after a restore."""
    with psycopg.connect(dsn, autocommit=True) as rows:
        rows.execute("DROP INDEX memory_nearest")
    tenants = [_keep(corpus) for corpus in corpora]
    filling.build(dsn)
    return tenants


def _keep(corpus: Corpus) -> UUID:
    """For two new tenants: whoever is nearest in one is in the other's way."""
    from chimera.kernel import ids, tenancy
    from memory.actions import vectors
    from memory.embedders import embedder
    from memory.models import MemoryRecord

    chosen, tenants = embedder(), (ids.uuid7(), ids.uuid7())
    for start in range(0, len(corpus.texts), BATCH):
        some = corpus.texts[start : start + BATCH]
        embedded = chosen.embed(some)
        for tenant in tenants:
            with tenancy.bound(tenant):
                rows = [MemoryRecord(tenant_id=tenant, content=text) for text in some]
                MemoryRecord.objects.bulk_create(rows)
                made = {row.pk: vector for row, vector in zip(rows, embedded, strict=True)}
                vectors.keep(made, model=chosen.model)
    complain(f"{whole(len(corpus.texts))} texts, {corpus.name}, are kept twice")
    return tenants[0]


# ---------------------------------------------------------------- figures


def measure(corpus: Corpus, tenant: UUID) -> Figures:
    from chimera.kernel import tenancy
    from memory import search
    from memory.embedders import embedder
    from memory.ranking import Mode

    figures = Figures(corpus, embedder().model)
    for text in corpus.questions[:WARM]:
        _search(tenant, text, Mode.HYBRID)
    for text in corpus.questions:
        question = figures.timed("embedding", lambda t=text: search.ask(text=t, mode=Mode.VECTOR, tenant_id=tenant))
        with tenancy.bound(tenant):
            _look_up(figures, question)
        for mode in Mode:
            figures.timed(f"memory.search, {mode}", lambda t=text, m=mode: _search(tenant, t, m))
    figures.recalls = {key: right / len(corpus.questions) for key, right in figures.recalls.items()}
    complain(f"{corpus.name}: {figures.recalls}")
    return figures


def _look_up(figures: Figures, question: Any) -> None:
    from memory.ranking import Mode
    from memory.stores import PostgresStore, Wanted, postgres

    wanted = Wanted(
        sought=_sought(), mode=Mode.VECTOR, most=MOST, best=MOST, vector=question.vector, model=question.model
    )
    exact = figures.timed("every vector compared", lambda: _exact(question))
    as_ever = postgres.SKETCHED_BELOW
    for name, below in APPROXIMATE.items():
        postgres.SKETCHED_BELOW = below
        near = figures.timed(f"{name} alone", lambda: PostgresStore().nearest(wanted))
        postgres.SKETCHED_BELOW = as_ever
        for number in (TOP, MOST):
            key = (name, number)
            right = _as_near(question.vector, near[:number], exact[:number])
            figures.recalls[key] = figures.recalls.get(key, 0.0) + right


def _exact(question: Any) -> list[Any]:
    """Without an index: the sum keeps the planner from it."""
    from django.db.models import ExpressionWrapper, FloatField
    from pgvector.django import CosineDistance

    from chimera.kernel import tenancy
    from memory.models import MemoryRecord

    distance = ExpressionWrapper(CosineDistance("vector__embedding", question.vector) + 0.0, output_field=FloatField())
    rows = MemoryRecord.objects.filter(tenant_id=tenancy.current(), embedding_model=question.model).sought(_sought())
    return list(rows.order_by(distance).values_list("pk", flat=True)[:MOST])


def _as_near(vector: Any, near: list[Any], exact: list[Any]) -> float:
    """The share of `near` that is as near as the last of `exact`."""
    from pgvector.django import CosineDistance

    from memory.models import MemoryRecord

    rows = MemoryRecord.objects.filter(pk__in=[*near, *exact]).annotate(
        distance=CosineDistance("vector__embedding", vector)
    )
    distance = dict(rows.values_list("pk", "distance"))
    return sum(distance[key] <= distance[exact[-1]] for key in near) / len(exact)


def _search(tenant: UUID, text: str, mode: Any) -> Any:
    """As the door does it: embed, then find in a transaction."""
    from chimera.kernel import tenancy
    from memory import search

    asked = search.ask(text=text, mode=mode, tenant_id=tenant)
    with tenancy.bound(tenant):
        return search.find(asked, _sought(), limit=TOP)


def _sought() -> Any:
    from chimera.kernel import clock
    from memory.queries import Sought, Viewer

    return Sought(viewer=Viewer(), at=clock.now())


# ---------------------------------------------------------------- as tables


def recalls(found: Sequence[Figures]) -> str:
    lines = []
    for figures in found:
        of = f"{whole(len(figures.corpus.texts))} texts, {figures.corpus.name}; {len(figures.corpus.questions)} questions; {figures.model}"
        for name in APPROXIMATE:
            top, *more = (value for (way, _), value in figures.recalls.items() if way == name)
            lines.append(
                [f"{of}: {name}", f"{top:.3f}", *(f"{value:.3f}" for value in more), met(top >= TO_BE_REACHED)]
            )
    numbers = dict.fromkeys(number for figures in found for _, number in figures.recalls)
    return table(["", *(f"recall@{number}" for number in numbers), f"recall@{TOP} at least {TO_BE_REACHED}"], lines)


def times(found: Sequence[Figures]) -> str:
    head = [f"{figures.corpus.name}, {share}" for figures in found for share in ("p50 ms", "p95 ms")]
    lines = [
        [name, *(f"{percentile(sorted(f.spans_ms[name]), share):.1f}" for f in found for share in (0.5, 0.95))]
        for name in found[0].spans_ms
    ]
    return table(["one after the other", *head], lines)


if __name__ == "__main__":
    main()
