"""Where memories are looked up. `propose()` is the one place where it is decided which index is asked.

A store proposes ids; PostgreSQL, which holds every text and vector, judges them (memory.search): visibility, filters
and scores never depend on an index that may lag behind.
"""

from itertools import zip_longest
from uuid import UUID

from memory.stores.port import Index, Proposal, Store, Wanted
from memory.stores.postgres import PostgresStore
from memory.stores.weaviate import proposing
from memory.stores.weaviate.proposing import NotAsked
from memory.stores.weaviate.wire import is_configured

__all__ = ["Index", "PostgresStore", "Proposal", "Store", "Wanted", "instead", "load", "propose", "store"]

_postgres = PostgresStore()


def store() -> Store:
    return _postgres


def load() -> None:
    """What the index needs is loaded at the start of a process, and not while somebody searches: it takes a second."""
    if is_configured():
        import memory.stores.weaviate.protocol  # noqa: F401


def propose(wanted: Wanted) -> Proposal:
    """Inside the reader's transaction, bound to its tenant. Never raises because of an index that is away."""
    if not is_configured():
        return Proposal(ids=_beside_the_rows(wanted), index=Index.POSTGRESQL, asked=Index.POSTGRESQL)
    try:
        found, unheard = proposing.propose(wanted)
    except NotAsked as why:
        return instead(wanted, fallback=str(why))
    return Proposal(ids=(*found, *unheard), index=Index.WEAVIATE, asked=Index.WEAVIATE, vouched=frozenset(found))


def instead(wanted: Wanted, *, fallback: str) -> Proposal:
    """PostgreSQL's own, where the index did not answer, or not well."""
    return Proposal(ids=_beside_the_rows(wanted), index=Index.POSTGRESQL, asked=Index.WEAVIATE, fallback=fallback)


def _beside_the_rows(wanted: Wanted) -> tuple[UUID, ...]:
    near = (
        _postgres.nearest(wanted.sought, vector=wanted.vector, model=wanted.model, most=wanted.most)
        if wanted.vector
        else []
    )
    matching = _postgres.matching(wanted.sought, words=wanted.words, most=wanted.most)
    found = (key for pair in zip_longest(near, matching) for key in pair if key is not None)
    return tuple(dict.fromkeys(found))
