"""What two memories are to each other: the same thing said twice, contradictory, or neither.

By the similarity of their vectors, where both have one of the same model, and of their words; then by what they say beside their subject
(memory.reading). Nothing here understands a text. Measured on pairs of sentences (docs/memory.md); what it does not see stands there too.
"""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from memory.reading import READ_CHARACTERS_MAX, Reading, read

SAME_FROM = 0.84  # cosine from which two texts may say the same
SUBJECT_FROM = 0.70  # cosine from which two texts may be about the same
WORDS_SAME_FROM = 0.6  # share of common words for the same, where vectors do not tell
LENGTH_RATIO_MIN = 0.5  # the shorter text's words to the longer's: a document contradicts no sentence


class Because(StrEnum):
    NUMBERS = "numbers"  # numbers, times, days or months
    NEGATION = "negation"


@dataclass(frozen=True, slots=True)
class Likeness:
    same: bool = False
    because: Because | None = None  # why they contradict each other; None: they do not


NEITHER = Likeness()
Readings = dict[tuple[str, int], Reading]  # by text, and how many characters of it


def likeness(a: Any, b: Any, similarity: float | None, texts: Readings | None = None) -> Likeness:
    """Of two memories; `similarity` is None where their vectors cannot be compared. `texts` keeps what was read already.

    By how they begin, READ_CHARACTERS_MAX each; longer ones that begin alike are read to their ends. What is said of two subjects is
    neither; of one and of none it may be a contradiction, and is not the same.
    """
    if a.persona != b.persona or not _at_one_time(a, b) or (a.subject and b.subject and a.subject != b.subject):
        return NEITHER
    known = {} if texts is None else texts
    found = compare(_reading(a.content, known), _reading(b.content, known), similarity)
    longest = max(len(a.content), len(b.content))
    if found.same and longest > READ_CHARACTERS_MAX:
        found = compare(_reading(a.content, known, longest), _reading(b.content, known, longest), similarity)
    return NEITHER if found.same and a.subject != b.subject else found


def _reading(text: str, known: Readings, characters: int = READ_CHARACTERS_MAX) -> Reading:
    key = text, min(characters, len(text))
    return known.get(key) or known.setdefault(key, read(text, characters=characters))


def compare(one: Reading, other: Reading, similarity: float | None) -> Likeness:
    shared = _share(one.words, other.words)
    if one.marks != other.marks or _names_differ(one, other) or _one_for_one(one, other) or not _as_long(one, other):
        return NEITHER
    if one.denies != other.denies:
        about = _about_the_same(similarity, shared) and one.values == other.values
        return Likeness(because=Because.NEGATION) if about else NEITHER
    if one.values != other.values:
        differ = _about_the_same(similarity, shared) and _values_oppose(one, other)
        return Likeness(because=Because.NUMBERS) if differ else NEITHER
    return Likeness(same=_says_the_same(one, other, similarity, shared))


def _at_one_time(a: Any, b: Any) -> bool:
    """Whether there is a moment at which both are valid; what holds one after the other is a change, and no contradiction."""
    ends, begins = (m.valid_until for m in (a, b)), (m.valid_from for m in (b, a))
    return not any(end and begin and end <= begin for end, begin in zip(ends, begins, strict=True))


def _about_the_same(similarity: float | None, shared: float) -> bool:
    return shared >= WORDS_SAME_FROM or (similarity is not None and similarity >= SUBJECT_FROM)


def _says_the_same(one: Reading, other: Reading, similarity: float | None, shared: float) -> bool:
    if one.all_words == other.all_words:
        return True
    if one.names != other.names or not one.words or not other.words:
        return False
    near = similarity is not None and similarity >= SAME_FROM
    return shared == 1.0 or (
        near and (one.words <= other.words or other.words <= one.words or shared >= WORDS_SAME_FROM)
    )


def _values_oppose(one: Reading, other: Reading) -> bool:
    """As many values on both sides, and one differs, or a date's two; but not where a number names the subject ("Bus 12 …")."""
    gone, come = _without(one.values, other.values), _without(other.values, one.values)
    if len(gone) != len(come) or (one.numbered_first and other.numbered_first):
        return False
    dated = any(" " in value for value in (*gone, *come))
    return len(gone) == 1 or (len(gone) == 2 and dated)


def _without(values: tuple[str, ...], others: tuple[str, ...]) -> list[str]:
    return list((Counter(values) - Counter(others)).elements())


def _names_differ(one: Reading, other: Reading) -> bool:
    """Each names somebody whom the other does not, in any word."""
    return bool(one.names - other.all_words) and bool(other.names - one.all_words) and bool(one.names and other.names)


def _one_for_one(one: Reading, other: Reading) -> bool:
    """They differ in one word each: that is what they are about, or what they say of it. Forms of one word do not count."""
    gone, come = one.words - other.words, other.words - one.words
    return len(gone) == 1 == len(come) and bool(one.words & other.words)


def _as_long(one: Reading, other: Reading) -> bool:
    short, long = sorted((len(one.words), len(other.words)))
    return long == 0 or short / long >= LENGTH_RATIO_MIN


def _share(one: frozenset[str], other: frozenset[str]) -> float:
    both = one | other
    return len(one & other) / len(both) if both else 1.0
