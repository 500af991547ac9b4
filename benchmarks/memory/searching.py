"""How long a search takes, and how much of what is nearest it finds."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from benchmarks.lifecycle import House
from benchmarks.memory.filling import MODEL, Filled, Tenant
from benchmarks.memory.space import Array, Space, nearest
from benchmarks.swarm.tables import percentile

TOP = 10
COMPARED = 30  # that a search for ten compares with one another (memory.search)
WARM = 20


@dataclass(frozen=True)
class Question:
    text: str
    vector: Array
    tenant: Tenant


def questions(space: Space, tenants: Sequence[Tenant], number: int) -> list[Question]:
    texts, vectors = space.draw(number, seed=10**9)
    short = [" ".join(text.split()[:6]) for text in texts]
    return [
        Question(f"{text} {n}", vector, tenants[n % len(tenants)])
        for n, (text, vector) in enumerate(zip(short, vectors, strict=True))
    ]


def truth(filled: Filled, asked: Sequence[Question]) -> list[list[object]]:
    """By looking at every row of the tenant, here."""
    found: list[list[object]] = [[] for _ in asked]
    for tenant_id, ids in filled.ids.items():
        rows = filled.rows(tenant_id)
        for n, question in enumerate(asked):
            if question.tenant.id == tenant_id:
                found[n] = nearest(rows, ids, question.vector, TOP)
    return found


def recall(found: Sequence[Sequence[object]], right: Sequence[Sequence[object]]) -> float:
    pairs = zip(found, right, strict=True)
    return sum(len(set(some[:TOP]) & set(best)) for some, best in pairs) / sum(map(len, right))


@dataclass(frozen=True)
class Timed:
    spans_ms: list[float]

    def at(self, share: float) -> float:
        return percentile(sorted(self.spans_ms), share)


def timed(asked: Sequence[Question], call: Callable[[Question], Any]) -> tuple[Timed, list[Any]]:
    """One after the other, the first ones twice."""
    for question in asked[:WARM]:
        call(question)
    spans, found = [], []
    for question in asked:
        began = time.perf_counter()
        found.append(call(question))
        spans.append((time.perf_counter() - began) * 1_000)
    return Timed(spans), found


def alternated(asked: Sequence[Question], ways: Mapping[str, Callable[[Question], Any]]) -> dict[str, Timed]:
    """Each question asked in every way before the next one, each time beginning with another way: what else the machine does is the same
    for all, and so is what the one before left in its caches."""
    names = list(ways)
    spans: dict[str, list[float]] = {name: [] for name in names}
    for number, question in enumerate([*asked[:WARM], *asked]):
        first = number % len(names)
        for name in [*names[first:], *names[:first]]:
            began = time.perf_counter()
            ways[name](question)
            spans[name].append((time.perf_counter() - began) * 1_000)
    return {name: Timed(found[WARM:]) for name, found in spans.items()}


# ---------------------------------------------------------------- Chimera's ways


def remember(asked: Sequence[Question]) -> None:
    """Each question's vector is in its tenant's cache from here on, for an hour at least."""
    from memory import search as ours
    from memory.ranking import Mode

    for question in asked:
        ours.ask(text=question.text, mode=Mode.VECTOR, tenant_id=question.tenant.id)


def nearest_rows(question: Question) -> list[Any]:
    """The index over the vectors alone, under row-level security."""
    from chimera.kernel import tenancy
    from memory.stores import PostgresStore

    with tenancy.bound(question.tenant.id):
        return list(PostgresStore().nearest(_nearest(question)))


def nearest_texts(question: Question) -> list[Any]:
    """What the bare client is asked for, of PostgreSQL: the nearest ten that may be found, and their rows."""
    from chimera.kernel import tenancy
    from memory.stores import PostgresStore

    with tenancy.bound(question.tenant.id):
        return [one.memory.content for one in PostgresStore().look_up(_nearest(question)).best]


def _nearest(question: Question) -> Any:
    from memory.ranking import Mode
    from memory.stores import Wanted

    vector = question.vector.tolist()
    return Wanted(sought=_sought(), mode=Mode.VECTOR, most=TOP, best=TOP, vector=vector, model=MODEL)


def search(mode: str) -> Callable[[Question], Any]:
    """As it is done over HTTP, without that: the query's vector, then the search in a transaction of its tenant, of which it is all."""
    from chimera.kernel import tenancy
    from memory import search as ours
    from memory.ranking import Mode

    def call(question: Question) -> Any:
        asked = ours.ask(text=question.text, mode=Mode(mode), tenant_id=question.tenant.id)
        with tenancy.bound(question.tenant.id):
            return ours.find(asked, _sought(), limit=TOP, last=True)

    return call


def over_http(house: House, mode: str) -> Callable[[Question], Any]:
    client_of = cache(house.client)  # to make one takes longer than a search

    def call(question: Question) -> Any:
        client = client_of(question.tenant.key)
        body = {"query": question.text, "mode": mode, "limit": TOP}
        answer = client.post("memories/search", json=body).raise_for_status().json()
        assert answer["mode"] == mode, answer
        return answer

    return call


def write_over_http(house: House, number: int, tenants: Sequence[Tenant], text: Callable[[int], str]) -> Timed:
    spans = []
    clients = [house.client(tenant.key) for tenant in tenants]
    for n in range(number + WARM):
        began = time.perf_counter()
        clients[n % len(clients)].post("memories", json={"content": text(n)}).raise_for_status()
        spans.append((time.perf_counter() - began) * 1_000)
    return Timed(spans[WARM:])


def _sought() -> Any:
    from chimera.kernel import clock
    from memory.queries import Sought, Viewer

    return Sought(viewer=Viewer(), at=clock.now())
