"""A text in passages that can be weighed one by one: sentences where there are few, several together where there are many."""

import re
from collections.abc import Iterator

PASSAGES_MAX = 32  # of one text
CHARACTERS_MAX = 240  # of one passage: some ten milliseconds, and beyond that a vector says little
WORDS_MIN = 4  # fewer say nothing that their neighbours do not

_ENDS = re.compile(r"(?<=[.!?…。！？])\s+|\n+")


def passages(text: str) -> list[str]:
    """In their order. Of a text above PASSAGES_MAX × CHARACTERS_MAX characters those that lie evenly over it."""
    least = min(CHARACTERS_MAX, -(-len(text) // PASSAGES_MAX))
    found = list(_joined(text, least))
    if len(found) <= PASSAGES_MAX:
        return found
    return [found[place * (len(found) - 1) // (PASSAGES_MAX - 1)] for place in range(PASSAGES_MAX)]


def _joined(text: str, characters_min: int) -> Iterator[str]:
    """Sentences, and what is too short for one with what follows it, so that no word stands alone."""
    waiting = ""
    for piece in _ENDS.split(text):
        waiting = f"{waiting} {piece.strip()}".strip()
        while len(waiting) > CHARACTERS_MAX:
            yield waiting[:CHARACTERS_MAX]
            waiting = waiting[CHARACTERS_MAX:]
        if len(waiting) >= characters_min and waiting.count(" ") + 1 >= WORDS_MIN:
            yield waiting
            waiting = ""
    if waiting.count(" ") + 1 >= WORDS_MIN:
        yield waiting
