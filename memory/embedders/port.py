"""What an embedder does, and how it says no."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

Vector = list[float]


class EmbedderAway(Exception):
    """No vectors right now. The sentence is for operators and has no word of any text in it."""

    def __init__(self, reason: str, *, retry_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.retry_seconds = retry_seconds  # as the endpoint asked; None when it did not


class EmbedderFails(EmbedderAway):
    """It answered that it broke down: as a whole, or at one of the texts."""


class EmbedderRefuses(EmbedderAway):
    """It will refuse the next call as well until somebody changes a setting: a wrong key, model or dimension."""


class TextRefused(EmbedderAway):
    """This text has no vector; others may have theirs."""


Each = list[Vector | TextRefused]


class Embedder(Protocol):
    """Nothing here is called inside a transaction: it may take seconds. Every vector has DIMENSIONS floats."""

    @property
    def model(self) -> str:
        """Stored with each vector; another name is another space."""

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """A vector for each text, in their order. Raises EmbedderAway, TextRefused for the first that has none."""

    def embed_each(self, texts: Sequence[str], *, tenant_id: UUID) -> Each:
        """A vector or a refusal for each text, in their order, for work that nobody waits for. Raises EmbedderAway."""

    def query(self, text: str, *, tenant_id: UUID) -> Vector:
        """For somebody who waits: no second try, and an answer or EmbedderAway within QUERY_SECONDS."""
