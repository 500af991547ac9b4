"""Who embeds, by the settings."""

from functools import lru_cache

from django.conf import settings

from memory.embedders.endpoint import EndpointEmbedder
from memory.embedders.offline import OFFLINE_MODEL, offline
from memory.embedders.port import Embedder

OPENAI_URL = "https://api.openai.com/v1"


def embedder() -> Embedder:
    """The endpoint when CHIMERA_EMBEDDINGS_URL or CHIMERA_EMBEDDINGS_KEY is set, else the offline model."""
    if settings.EMBEDDINGS_URL or settings.EMBEDDINGS_KEY:
        return _endpoint(settings.EMBEDDINGS_MODEL, settings.EMBEDDINGS_DIMENSIONS)
    return offline()


def embedder_of(model: str) -> Embedder | None:
    """Who makes vectors of the model of this name: the present one, the one before it, or the offline one; else nobody.

    While memories are embedded again, a search may still ask for the model that most of them have.
    """
    present = embedder()
    if model == present.model:
        return present
    if model == OFFLINE_MODEL:
        return offline()
    if settings.EMBEDDINGS_MODEL_BEFORE and isinstance(present, EndpointEmbedder):
        before = _endpoint(settings.EMBEDDINGS_MODEL_BEFORE, settings.EMBEDDINGS_DIMENSIONS_BEFORE)
        return before if before.model == model else None
    return None


def _endpoint(model: str, dimensions: int) -> EndpointEmbedder:
    return _made(
        settings.EMBEDDINGS_URL or OPENAI_URL,
        settings.EMBEDDINGS_KEY,
        model,
        dimensions,
        settings.EMBEDDINGS_SHORTEN,
        settings.EMBEDDINGS_TOKENS_MAX,
    )


@lru_cache(maxsize=8)
def _made(url: str, key: str, model: str, dimensions: int, shorten: bool, tokens_max: int) -> EndpointEmbedder:
    return EndpointEmbedder(
        base_url=url, key=key, model=model, dimensions=dimensions, shorten=shorten, tokens_max=tokens_max
    )
