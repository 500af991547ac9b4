"""Texts that are longer than their model reads.

No tokenizer is asked: a model's tokens are never more than the bytes of UTF-8 that it reads, whichever model it is, so a passage of at
most `tokens_max` bytes always fits. A longer text is read in passages of that length, cut between words where there are any, and its
vector is the mean of theirs, weighted by their lengths, as OpenAI's cookbook does it ("Embedding texts that are longer than the model's
maximum context length"). After EMBEDDED_PASSAGES_MAX of them it is cut.
"""

from collections.abc import Sequence

import numpy as np

from memory.embedders.port import TextRefused, Vector
from memory.limits import EMBEDDED_PASSAGES_MAX


def passages(text: str, *, tokens_max: int) -> list[str]:
    """At least one; together the text, up to EMBEDDED_PASSAGES_MAX of them."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= tokens_max:
        return [raw.decode()]
    found: list[str] = []
    start = 0
    while start < len(raw) and len(found) < EMBEDDED_PASSAGES_MAX:
        end = _cut(raw, start, tokens_max)
        if said := raw[start:end].decode(errors="ignore").strip():
            found.append(said)
        start = end
    return found or [" "]


def _cut(raw: bytes, start: int, most: int) -> int:
    """Where a passage that begins at `start` ends: after a space in its second half, or between two characters."""
    end = start + most
    if end >= len(raw):
        return len(raw)
    space = raw.rfind(b" ", start + most // 2, end)
    if space > 0:
        return space + 1
    while raw[end] & 0xC0 == 0x80:  # inside a character
        end -= 1
    return end


def joined(vectors: Sequence[Vector], weights: Sequence[int]) -> Vector:
    """One unit vector for the passages of one text."""
    if len(vectors) == 1:
        return vectors[0]
    mean = np.average(np.asarray(vectors), axis=0, weights=np.asarray(weights, dtype=np.float64))
    length = float(np.linalg.norm(mean))
    if length == 0.0:
        raise TextRefused("the passages of this text point in opposite directions")
    direction: Vector = (mean / length).tolist()
    return direction
