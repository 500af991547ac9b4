"""Memories that are made by dice: vectors with structure, and words.

Embeddings of real texts lie in clusters, and vary in far fewer directions than they have numbers; on independent random numbers every
index looks bad. So each vector is a topic, of TOPICS that all tenants share, and a deviation from it of about 0.7 of the topics' own
spread, both in INNER directions, which one fixed random matrix turns into 1536; with a little noise in all of them, and unit length. The
nearest in one tenant have their like in every other. Questions are drawn from the same space, and are none of the memories.
"""

from collections.abc import Iterator

import numpy as np

DIMENSIONS = 1536
TOPICS = 400
INNER = 48
SEED = 20261122
SYLLABLES = [consonant + vowel for consonant in "bdfglmnprstk" for vowel in "aeiou"][:40]
WORDS = [a + b + c for a in SYLLABLES[:20] for b in SYLLABLES[20:] for c in SYLLABLES[:10]]  # 4 000
OF_A_TOPIC = 8
TEXT_WORDS = 20
# As in texts without their stop words: the most frequent stands in every sixth, the rarest in one of a few thousand.
_OFTEN = 1 / (np.arange(len(WORDS)) + 20)
_OFTEN /= _OFTEN.sum()

Array = np.ndarray


class Space:
    def __init__(self) -> None:
        dice = np.random.default_rng(SEED)
        self._topics = dice.standard_normal((TOPICS, INNER))
        self._frame = dice.standard_normal((INNER, DIMENSIONS)) / np.sqrt(INNER)
        self._words = dice.integers(len(WORDS), size=(TOPICS, OF_A_TOPIC))

    def draw(self, number: int, *, seed: int) -> tuple[list[str], Array]:
        """Texts, each a bag of its topic's words among others, and their unit vectors."""
        dice = np.random.default_rng([SEED, seed])
        topics = dice.integers(TOPICS, size=number)
        inner = self._topics[topics] + 0.7 * dice.standard_normal((number, INNER))
        vectors = inner @ self._frame + 0.15 * dice.standard_normal((number, DIMENSIONS))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        rare = dice.choice(len(WORDS), size=(number, TEXT_WORDS), p=_OFTEN)
        own = self._words[topics]
        texts = [
            " ".join([*(WORDS[w] for w in own[n, dice.permutation(OF_A_TOPIC)[:4]]), *(WORDS[w] for w in rare[n])])
            for n in range(number)
        ]
        return texts, vectors.astype(np.float32)


def nearest(rows: Array, ids: list[object], question: Array, most: int) -> list[object]:
    """The exact answer, by looking at every row."""
    close = rows @ question
    best = np.argpartition(-close, min(most, len(close) - 1))[:most]
    return [ids[n] for n in best[np.argsort(-close[best])]]


def slices(number: int, size: int) -> Iterator[range]:
    for start in range(0, number, size):
        yield range(start, min(number, start + size))
