"""What a search asks of an index."""

from dataclasses import dataclass
from enum import StrEnum

from memory.embedders import Vector
from memory.queries import Sought


class Index(StrEnum):
    POSTGRESQL = "postgresql"
    WEAVIATE = "weaviate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is looked up: what lies near `vector` (of `model`), what contains any of `words`, or both."""

    sought: Sought
    most: int  # of each of the two
    vector: Vector | None = None
    model: str = ""
    words: tuple[str, ...] = ()
