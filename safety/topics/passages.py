"""A text in passages that can be weighed one by one: sentences where there are few, several together where there are many."""

import re
from collections.abc import Iterator

PASSAGES_MAX = 128  # of one text; up to so many sentences each is weighed by itself, lest its neighbours hide it
CHARACTERS_MAX = 240  # of one passage: some ten milliseconds, and beyond that a vector says little
WORDS_MIN = 4  # fewer say nothing that their neighbours do not
SIGNS_OF_A_WORD = 2  # where words have no spaces between them

CLAUSES_FROM = 60  # characters; what is shorter is one clause as far as this goes

_ENDS = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])\s*|\n+")
_STRONG = r"(?<=；)\s*|\s*[;:|•–—]\s+|\s+-+\s+"
_CLAUSE_ENDS = (
    re.compile(_STRONG),
    re.compile(rf"{_STRONG}|(?<=，)\s*|,\s+|\s+(?:and|but|while|und|aber|y|e|et|mais)\s+"),
)
_WITHOUT_SPACES = re.compile(r"[\u0e00-\u0eff\u1780-\u17ff\u2e80-\ua4cf\uf900-\ufaff]")


def sentences(passage: str) -> list[str]:
    """Those that were joined to a passage; nothing where it is but one."""
    return _several(_ENDS.split(passage))


def clauses(sentence: str) -> list[str]:
    """What a long sentence says one after the other; nothing where that is but one thing."""
    if len(sentence) < CLAUSES_FROM:
        return []
    return list(dict.fromkeys(clause for ends in _CLAUSE_ENDS for clause in _several(ends.split(sentence))))


def _several(pieces: list[str]) -> list[str]:
    found, waiting = [], ""
    for piece in pieces:
        waiting = f"{waiting} {piece.strip()}".strip()
        if _words(waiting) >= WORDS_MIN:
            found.append(waiting)
            waiting = ""
    return found if len(found) > 1 else []


def passages(text: str) -> list[str]:
    """In their order. Of a text above PASSAGES_MAX × CHARACTERS_MAX characters those that lie evenly over it."""
    found = list(dict.fromkeys(_joined(text, 0)))
    if len(found) > PASSAGES_MAX:
        found = list(_joined(text, min(CHARACTERS_MAX, -(-len(text) // PASSAGES_MAX))))
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
        if len(waiting) >= characters_min and _words(waiting) >= WORDS_MIN:
            yield waiting
            waiting = ""
    if _words(waiting) >= WORDS_MIN:
        yield waiting


def _words(text: str) -> int:
    return text.count(" ") + 1 + len(_WITHOUT_SPACES.findall(text)) // SIGNS_OF_A_WORD
