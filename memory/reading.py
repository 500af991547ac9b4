"""What a short text says beside its subject: numbers, days and months, whom it names, and whether it says yes or no.

For comparing two memories (memory.likeness), in English, German, French, Spanish, Italian and Portuguese. Words of other languages count as
words; digits, times, dates and identifiers are read in any.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum, auto

from memory.vocabulary import CAPITAL_MONTHS, DAYS, EMPTY, GRANTING, MONTHS, NO, NUMBERS, REFUSING

READ_CHARACTERS_MAX = 1_000  # of each text, unless it is asked for whole
STEM_CHARACTERS = 5  # forms of a word mostly share as many: opens, opening, opened

TOKEN = re.compile(r"(?:[^\s,;!?()\[\]{}\"“”„«»]|(?<=\d),(?=\d))+")
EDGES = ".:'’`*_-–—/€$£%#"
NUMBER = re.compile(r"\d{1,15}(?:[.,:]\d{1,6}){0,3}")
UNITS = re.compile(r"(?<=\d)(?:st|nd|rd|th|am|pm|h|km|kg|kw|gb|mb|ms|er|ème)$", re.IGNORECASE)


CANNOT = re.compile(r"\bcan't\b", re.IGNORECASE)
NOT = re.compile(r"(?<=\w)n't\b")

JOINING = {"and", "und", "et", "y", "e"}  # within a number: one hundred and forty
KNOWN_CHARACTERS_MAX = 32  # of a word that is kept; in scripts without spaces longer ones are sentences
WORDS_KEPT = 16_384  # that one process knows, of whatever texts it read; a language has some thousand that are usual
NAMING_PLACE_MAX = 2  # a number among the first three words says whom a text is about


class Kind(Enum):
    VALUE = auto()
    MARK = auto()
    NO = auto()
    REFUSING = auto()
    YES = auto()
    EMPTY = auto()
    WORD = auto()


# Of a word that is neither a number nor a month; of any other it is WORD.
KIND_OF = (
    dict.fromkeys(EMPTY, Kind.EMPTY)
    | dict.fromkeys(GRANTING, Kind.YES)
    | dict.fromkeys(REFUSING, Kind.REFUSING)
    | dict.fromkeys(NO, Kind.NO)
    | dict.fromkeys(DAYS, Kind.VALUE)
)


@dataclass(frozen=True, slots=True)
class Reading:
    values: tuple[str, ...]  # numbers, times, days, months, each as often as it stands
    names: frozenset[str]  # words with a capital inside a sentence; in German any noun
    marks: frozenset[str]  # identifiers: letters and digits, or digits with hyphens
    words: frozenset[str]  # the rest, by the beginnings of the words
    all_words: frozenset[str]  # whole
    denies: bool  # says no: by a word for it, or by a word such as "closed", and not by both
    numbered_first: bool  # a number stands among its first three words: "Bus 12 …", which is whom it is about


def read(text: str, *, characters: int = READ_CHARACTERS_MAX) -> Reading:
    """Of the text's beginning."""
    reader = _Reader()
    for raw in TOKEN.findall(_plain(text[:characters])):
        reader.take(raw)
    return reader.result()


class _Reader:
    def __init__(self) -> None:
        self.values: list[str] = []
        self.names: set[str] = set()
        self.marks: set[str] = set()
        self.words: dict[str, str] = {}  # with their beginnings
        self.says_no = False
        self.refusals = 0
        self.number: int | None = None  # that is being said in words
        self.first_number: int | None = None
        self.starts = True  # a sentence
        self.before = ""
        self.place = 0

    def take(self, raw: str) -> None:
        """What stands between spaces. Most of it is words that mean the same wherever they stand."""
        known = _known.get(raw) or _learnt(raw)
        if known is None:
            for token, ends in _split(raw):
                self._take(token)
                self.starts, self.before, self.place = ends, token, self.place + 1
            return
        if self.number is not None:
            self._end_number()
        kind, low, beginning, has_capital = known
        if kind is Kind.WORD:
            self.words[low] = beginning
            if has_capital and not self.starts:
                self.names.add(low)
        elif kind is not Kind.EMPTY:
            self._put(kind, low)
        self.starts, self.before, self.place = False, raw, self.place + 1

    def _take(self, token: str) -> None:
        low = token.lower()
        said = NUMBERS.get(low)
        if said is not None:
            self.number = _joined(self.number, said)
        elif self.number is None or low not in JOINING:
            self._end_number()
            self._sort(token, low)
        if self.first_number is None and (said is not None or (not token.isalpha() and _is_number(token))):
            self.first_number = self.place

    def _sort(self, token: str, low: str) -> None:
        kind = _kind(token, low, starts=self.starts, before=self.before)
        if kind is Kind.WORD:
            self.words[low] = _stem(low)
            if not self.starts and token[0].isupper():
                self.names.add(low)
        else:
            self._put(kind, low)

    def _put(self, kind: Kind, low: str) -> None:
        if kind is Kind.VALUE:
            self.values.append(_value(low))
        elif kind is Kind.MARK:
            self.marks.add(low)
        elif kind is Kind.NO:
            self.says_no = True  # said twice it is still no, in most of these languages
        elif kind is Kind.REFUSING:
            self.refusals += 1

    def _end_number(self) -> None:
        if self.number is not None:
            self.values.append(str(self.number))
            self.number = None

    def result(self) -> Reading:
        self._end_number()
        return Reading(
            values=tuple(sorted(self.values)),
            names=frozenset(self.names),
            marks=frozenset(self.marks),
            words=frozenset(self.words.values()),
            all_words=frozenset(self.words),
            denies=self.says_no != (self.refusals % 2 == 1),
            numbered_first=self.first_number is not None and self.first_number <= NAMING_PLACE_MAX,
        )


_Known = tuple[Kind, str, str, bool]  # in small letters, its beginning, whether it has a capital
_known: dict[str, _Known] = {}  # single words, which tell nothing of who wrote them where


def _learnt(raw: str) -> _Known | None:
    """Of a word by itself; None where what stands before it decides."""
    low = raw.lower()
    if len(raw) > KNOWN_CHARACTERS_MAX or not raw.isalpha() or low in NUMBERS or low in JOINING or low in MONTHS:
        return None
    if len(_known) >= WORDS_KEPT:
        _known.clear()
    known = _known[raw] = (KIND_OF.get(low, Kind.WORD), low, _stem(low), raw[0].isupper())
    return known


def _plain(text: str) -> str:
    cut = unicodedata.normalize("NFKC", text).replace("’", "'")
    return NOT.sub(" not", CANNOT.sub("can not", cut)) if "n't" in cut else cut


def _split(raw: str) -> list[tuple[str, bool]]:
    """The words of what stands between spaces, each with whether its sentence ends there."""
    if raw.isalpha():
        return [(raw, False)]
    ends = raw.rstrip("'’\"").endswith((".", "!", "?", ":")) and not raw[:1].isdigit()
    bare = UNITS.sub("", raw.strip(EDGES))
    parts = bare.split("-") if "-" in bare and not any(c.isdigit() for c in bare) else [bare]
    parts = [piece for part in parts for piece in part.split("'") if piece]
    return [(part, ends and place == len(parts) - 1) for place, part in enumerate(parts)]


def _kind(token: str, low: str, *, starts: bool, before: str) -> Kind:
    if not token.isalpha():
        if _is_number(token):
            # LH 1836: whom it is about, and nothing that is said of it.
            return Kind.MARK if len(before) > 1 and before.isupper() and before.isalpha() else Kind.VALUE
        if any(c.isdigit() for c in token):
            return Kind.MARK
    if low in MONTHS and _is_month(token, low, starts=starts):
        return Kind.VALUE
    return KIND_OF.get(low, Kind.WORD)


def _is_number(token: str) -> bool:
    return NUMBER.fullmatch(token) is not None


def _is_month(token: str, low: str, *, starts: bool) -> bool:
    return low not in CAPITAL_MONTHS or (token[:1].isupper() and not starts)


def _value(low: str) -> str:
    if low in DAYS:
        return f"day {DAYS[low]}"
    if low in MONTHS:
        return f"month {MONTHS[low]}"
    return _digits(low)


def _digits(token: str) -> str:
    """4,50 and 4.50 and 4.5 are one number; 1,000 and 1.000 are a thousand; 21:52 stays."""
    if ":" in token:
        return token
    grouped = re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", token)
    plain = re.sub(r"[.,]", "", token) if grouped else token.replace(",", ".")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".") if plain.count(".") == 1 else plain
    return plain.lstrip("0") or "0"


def _joined(sofar: int | None, said: int) -> int:
    """one hundred, forty, two → 142."""
    if sofar is None:
        return said
    return sofar * said if said in (100, 1000) and sofar < said else sofar + said


def _stem(low: str) -> str:
    return low[:STEM_CHARACTERS].removesuffix("s").replace("y", "i")
