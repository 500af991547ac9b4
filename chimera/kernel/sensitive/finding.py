"""Where sensitive things stand in a text."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from chimera.kernel.sensitive import numbers, secrets
from chimera.kernel.sensitive.names import Pattern

LOOKED_AT_MAX = (
    1_000  # candidates that fail their check, such as numbers that are no card; more look like a hiding place
)
Candidate = tuple[int, int, bool]  # where it begins and ends, and whether it is one
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"))

_EMAILS = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[^\W_][\w-]{0,62}\.){1,8}[^\W\d_]{2,24}")  # of any alphabet
_PHONES = re.compile(
    r"(?<![\w+])(?:\+|00(?=\d{0,3}[ ./()-]))[1-9](?:[ ./()-]{0,2}\d){7,14}(?!\w)"
    r"|(?<![\w-])(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])\d{3}[ .-]\d{4}(?![\w-])"
    r"|(?i:\b(?:tel|telephone|phone|mobile|cell|fax|whatsapp|telefon|handy|mobil|téléphone|teléfono|móvil|telefono)\b\.?"
    r"(?: (?:no|number|nr)\b\.?)?\s?(?:[:=]|is)?\s?)(?P<value>[(]?0[1-9](?:[ ./()-]{0,2}\d){6,12})(?!\w)"
)
_SSNS = re.compile(
    r"(?<![\w-])\d{3}([- .])\d{2}\1\d{4}(?![\w-])|(?i:\b(?:ssn|social security)\b[^\d\n]{0,12})(?P<value>\d{9})(?!\d)"
)


@dataclass(frozen=True, slots=True)
class Spotted:
    """`evidence` is half hidden."""

    pattern: Pattern
    evidence: str


@dataclass(frozen=True, slots=True)
class Span:
    pattern: Pattern
    begin: int
    end: int


def spot(text: str, pattern: Pattern) -> Spotted | None:
    """The first place where the pattern stands. A text with so many that look like it that nobody reads them all is taken to
    have it."""
    for number, (begin, end, holds) in enumerate(_CANDIDATES[pattern](text.translate(_DASHES))):
        if number >= LOOKED_AT_MAX:
            return Spotted(pattern, f"more than {LOOKED_AT_MAX:,} that look like one")
        if holds:
            return Spotted(pattern, hidden(text[begin:end]))
    return None


def spans(text: str, pattern: Pattern) -> list[Span]:
    """Every place where it stands, in order; of a text with LOOKED_AT_MAX that look like it and fail, all that look like it."""
    found = list(_CANDIDATES[pattern](text.translate(_DASHES)))
    all_of_them = sum(not holds for _, _, holds in found) >= LOOKED_AT_MAX
    return [Span(pattern, begin, end) for begin, end, holds in found if holds or all_of_them]


def hidden(found: str) -> str:
    """Enough to find it again, too little to use it: jo…(16 characters)."""
    shown = 11 if found.startswith("-----BEGIN") else 4 if len(found) >= 12 else 2
    return f"{found[:shown]}…({len(found)} characters)"


def _by(expression: re.Pattern[str], check: Callable[[re.Match[str]], bool]) -> Callable[[str], Iterator[Candidate]]:
    """A candidate is what the expression names, or all of it where it names nothing."""

    def candidates(text: str) -> Iterator[Candidate]:
        for hit in expression.finditer(text):
            named = [name for name, value in hit.groupdict().items() if value and name != "sign"]
            yield (*hit.span(named[0] if named else 0), check(hit))

    return candidates


def _cards(text: str) -> Iterator[Candidate]:
    for begin, end in numbers.card_candidates(text):
        yield begin, end, numbers.luhn(text[begin:end])


def _ibans(text: str) -> Iterator[Candidate]:
    for hit in numbers.IBANS.finditer(text):
        found = numbers.iban(text, *hit.span())
        yield (*(found or hit.span()), found is not None)


def _always(hit: re.Match[str]) -> bool:
    return True


_CANDIDATES: dict[Pattern, Callable[[str], Iterator[Candidate]]] = {
    Pattern.EMAIL: _by(_EMAILS, _always),
    Pattern.PHONE: _by(_PHONES, lambda hit: numbers.phone(hit["value"] or hit.group())),
    Pattern.CARD: _cards,
    Pattern.IBAN: _ibans,
    Pattern.SSN: _by(_SSNS, lambda hit: numbers.ssn(hit["value"] or hit.group())),
    Pattern.KEY: _by(secrets.KEYS, secrets.is_key),
    Pattern.PRIVATE_KEY: _by(secrets.PRIVATE_KEYS, _always),
    Pattern.TOKEN: _by(secrets.TOKENS, _always),
    Pattern.PASSWORD: _by(secrets.PASSWORDS, secrets.is_password),
}
