"""How near sentences are to aims (a goal, topics): by meaning, and by the words they share.

A small embedder takes every sentence about the same town for related; rare shared words tell them apart, as in any
hybrid search.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from examples.agents import meaning

SHARED_WEIGHT = 0.35  # against 1 for meaning, whose useful range is about 0.1 to 0.6

_STOP_WORDS = """
    about above after again also because been before being between both could does down each from have here how into
    just keep like made make many more most much must near only other over same should some such than that their them
    then there these they this those through under until very what when where which while with without would your says
"""
_STOP = frozenset(_STOP_WORDS.split())


def nearness(texts: Sequence[str], vectors: meaning.Vectors, aims: Sequence[str]) -> meaning.Vectors:
    """One row per text, one column per aim; about 0 for unrelated, 0.5 and more for the heart of the matter."""
    by_meaning = vectors @ meaning.encode(aims).T
    stems = [frozenset(words(text)) for text in texts]
    rarity = _rarity(stems)
    shared = np.array([[_shared(stem, words(aim), rarity) for aim in aims] for stem in stems], dtype=np.float32)
    return (by_meaning + SHARED_WEIGHT * shared.reshape(by_meaning.shape)).astype(np.float32)


def words(text: str) -> list[str]:
    """Stems of the words that carry meaning."""
    return [_stem(word) for word in re.findall(r"[^\W\d_]{4,}", text.lower()) if word not in _STOP]


def _stem(word: str) -> str:
    for ending in ("ings", "ing", "ers", "er", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending)
            break
    return word[:-1] if len(word) > 3 and (word[-1] == word[-2] or word[-1] == "e") else word


def _rarity(texts: list[frozenset[str]]) -> dict[str, float]:
    counts = Counter(stem for stems in texts for stem in stems)
    return {stem: math.log(1 + len(texts) / count) for stem, count in counts.items()}


def _shared(stems: frozenset[str], aim: list[str], rarity: dict[str, float]) -> float:
    """The part of the aim's words, by rarity, that stand in the text. Words that stand nowhere do not count."""
    weights = {stem: rarity[stem] for stem in aim if stem in rarity}
    total = sum(weights.values())
    return sum(weight for stem, weight in weights.items() if stem in stems) / total if total else 0.0
