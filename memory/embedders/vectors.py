"""What counts as a vector."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from memory.embedders.port import EmbedderRefuses, TextRefused, Vector
from memory.limits import DIMENSIONS


def read(raw: Any, *, dimensions: int, model: str) -> Vector:
    """What an endpoint answered for one text, as a unit vector padded to DIMENSIONS.

    Of unit length, so that no component is too large or all too small for the half floats that are stored; cosines do not
    change. EmbedderRefuses for the wrong number of dimensions, TextRefused for what has no direction.
    """
    if not isinstance(raw, list) or not all(type(x) is float or type(x) is int for x in raw):
        raise TextRefused(f"{model} answered something that is no list of numbers")
    if len(raw) != dimensions:
        raise EmbedderRefuses(
            f"{model} answers {len(raw)} dimensions, {dimensions} are expected: set CHIMERA_EMBEDDINGS_DIMENSIONS, "
            f"at most {DIMENSIONS}, to what it answers, or choose another model"
        )
    try:
        numbers = np.asarray(raw, dtype=np.float64)
    except OverflowError:
        raise TextRefused(f"{model} answered a number that is none") from None
    largest = float(np.max(np.abs(numbers)))
    if not math.isfinite(largest):
        raise TextRefused(f"{model} answered NaN or Infinity")
    if largest == 0.0:
        raise TextRefused(f"{model} answered the zero vector, which has no direction")
    numbers /= largest
    return padded((numbers / np.linalg.norm(numbers)).tolist())


def padded(vector: Sequence[float]) -> Vector:
    """To DIMENSIONS floats. Refuses longer vectors, what is no number, and the zero vector, which has no direction."""
    if not all(isinstance(x, int | float) and math.isfinite(x) for x in vector) or not any(vector):
        raise TextRefused("the model answered something that is no vector")
    if len(vector) > DIMENSIONS:
        raise EmbedderRefuses(
            f"the model answers {len(vector)} dimensions; at most {DIMENSIONS} can be stored: choose another model"
        )
    return [*vector, *[0.0] * (DIMENSIONS - len(vector))]
