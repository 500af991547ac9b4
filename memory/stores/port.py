"""What a search asks of an index."""

from dataclasses import dataclass
from enum import StrEnum

from memory.embedders import Vector
from memory.queries import Sought
from memory.ranking import Mode


class Index(StrEnum):
    POSTGRESQL = "postgresql"
    WEAVIATE = "weaviate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is looked up: what lies near `vector` (of `model`), what contains any word of `text`, or both, as the mode says."""

    sought: Sought
    mode: Mode
    most: int  # candidates of each of the two
    best: int  # of all candidates, that are answered
    text: str = ""
    vector: Vector | None = None
    model: str = ""
    last: bool = False  # nothing else is asked in the reader's transaction, which may end with this

    @property
    def by_words(self) -> bool:
        return self.mode != Mode.VECTOR

    @property
    def by_vector(self) -> bool:
        return self.mode != Mode.KEYWORD
