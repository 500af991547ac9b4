"""What a search asks of an index, and what it is told."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from memory.embedders import Vector
from memory.limits import CANDIDATES
from memory.queries import Sought


class Index(StrEnum):
    POSTGRESQL = "postgresql"
    WEAVIATE = "weaviate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is looked up: what lies near `vector` (of `model`), what contains any of `words`, or both."""

    sought: Sought
    vector: Vector | None = None
    model: str = ""
    words: tuple[str, ...] = ()
    most: int = CANDIDATES  # of each of the two


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Ids to be judged by PostgreSQL: any of them may be forgotten, invisible or nobody's. Each once, in no order that counts.

    `fallback` says in a sentence why another index answered than the one that is asked first; '' where that one did. `vouched` are those
    that an index beside PostgreSQL holds to be as they are: where they are not, it is wrong.
    """

    ids: tuple[UUID, ...]
    index: Index
    asked: Index
    fallback: str = ""
    vouched: frozenset[UUID] = frozenset()


class Store(Protocol):
    """Both calls are made inside the reader's transaction, bound to its tenant, and answer ids, the best first."""

    def nearest(self, sought: Sought, *, vector: Vector, model: str, most: int) -> list[UUID]: ...

    def matching(self, sought: Sought, *, words: tuple[str, ...], most: int) -> list[UUID]: ...
