"""Where memories are looked up. `look_up()` is the one place where it is decided which index is asked.

Weaviate proposes ids; PostgreSQL, which holds every text and vector, judges them (memory.stores.judging): visibility, filters and scores
never depend on an index that may lag behind. Without Weaviate, or in its place, PostgreSQL proposes and judges in one statement.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from memory.stores.judging import Judged, Near, Verdict, judge, record
from memory.stores.port import Index, Wanted
from memory.stores.postgres import PostgresStore
from memory.stores.weaviate import proposing
from memory.stores.weaviate.proposing import NotAsked
from memory.stores.weaviate.wire import is_configured

__all__ = ["Answer", "Index", "Judged", "Near", "PostgresStore", "Verdict", "Wanted", "load", "look_up", "record"]

TRUSTED_FROM = (
    0.5  # share of what an index vouches for that must stand; a few it loses between its answer and PostgreSQL's
)
_postgres = PostgresStore()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The best of what may be found and has something of the query. `fallback` says in a sentence why another index answered than the one
    that is asked first; '' where that one did."""

    verdict: Verdict
    index: Index
    asked: Index
    fallback: str = ""

    @property
    def ids(self) -> tuple[UUID, ...]:
        return tuple(one.memory.id for one in self.verdict.best)


def load() -> None:
    """What the index needs is loaded at the start of a process, and not while somebody searches: it takes a second."""
    if is_configured():
        import memory.stores.weaviate.protocol  # noqa: F401


def look_up(wanted: Wanted) -> Answer:
    """Inside the reader's transaction, bound to its tenant. Never raises because of an index that is away."""
    if not is_configured():
        return Answer(verdict=_postgres.look_up(wanted), index=Index.POSTGRESQL, asked=Index.POSTGRESQL)
    try:
        found, unheard = proposing.propose(wanted)
    except NotAsked as why:
        return _instead(wanted, fallback=str(why))
    if not found:
        return _where_nothing_was_found(wanted, unheard)
    verdict = judge((*found, *unheard), wanted, vouched=found)
    stand = verdict.came[0]
    if stand < len(found) * TRUSTED_FROM:  # it is wrong
        said = f"Of {len(found)} memories that the index found, {stand} may be found; run `manage.py memory status`."
        return _instead(wanted, fallback=said)
    return Answer(verdict=verdict, index=Index.WEAVIATE, asked=Index.WEAVIATE)


def _where_nothing_was_found(wanted: Wanted, unheard: Sequence[UUID]) -> Answer:
    """Perhaps there is nothing; perhaps the index has lost it."""
    verdict = _postgres.look_up(wanted)
    if {one.memory.id for one in verdict.best} <= {*unheard}:
        return Answer(verdict=verdict, index=Index.WEAVIATE, asked=Index.WEAVIATE)
    said = "The index found nothing where there is something; run `manage.py memory status`."
    return Answer(verdict=verdict, index=Index.POSTGRESQL, asked=Index.WEAVIATE, fallback=said)


def _instead(wanted: Wanted, *, fallback: str) -> Answer:
    """PostgreSQL's own, where the index did not answer, or not well."""
    return Answer(verdict=_postgres.look_up(wanted), index=Index.POSTGRESQL, asked=Index.WEAVIATE, fallback=fallback)
