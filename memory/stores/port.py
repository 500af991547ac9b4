"""What a search asks of an index."""

from typing import Protocol
from uuid import UUID

from memory.embedders import Vector
from memory.queries import Sought


class Store(Protocol):
    """Both calls are made inside the reader's transaction, bound to its tenant, and answer ids, the best first."""

    def nearest(self, sought: Sought, *, vector: Vector, model: str, most: int) -> list[UUID]: ...

    def matching(self, sought: Sought, *, words: tuple[str, ...], most: int) -> list[UUID]: ...
