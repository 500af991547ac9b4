"""Text to vectors. `embedder()` is the one place where it is decided who does it.

A vector is 1536 floats; models with fewer dimensions are padded with zeros, which leaves cosines as they are. Vectors
of different models are never compared: the model's name is stored with each, and every search filters by it.
"""

from memory.embedders.choice import embedder, embedder_of
from memory.embedders.endpoint import EndpointEmbedder
from memory.embedders.offline import OfflineEmbedder, offline
from memory.embedders.port import Embedder, EmbedderAway, EmbedderRefuses, TextRefused, Vector
from memory.embedders.vectors import padded

__all__ = [
    "Embedder",
    "EmbedderAway",
    "EmbedderRefuses",
    "EndpointEmbedder",
    "OfflineEmbedder",
    "TextRefused",
    "Vector",
    "embedder",
    "embedder_of",
    "offline",
    "padded",
]
