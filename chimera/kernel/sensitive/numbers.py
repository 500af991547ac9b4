"""Numbers of cards, bank accounts and persons: which of them can be such a number at all."""

import re

Found = tuple[int, int]  # where it begins and ends

# ISO/IEC 7812 ranges of the large schemes, as (first, last) of the leading digits, and the lengths in use.
_SCHEMES: tuple[tuple[str, str, frozenset[int]], ...] = (
    ("4", "4", frozenset({13, 16, 19})),  # Visa
    ("51", "55", frozenset({16})),  # Mastercard
    ("2221", "2720", frozenset({16})),
    ("34", "34", frozenset({15})),  # American Express
    ("37", "37", frozenset({15})),
    ("300", "305", frozenset({14, 16})),  # Diners
    ("36", "36", frozenset({14, 16})),
    ("38", "39", frozenset({14, 16})),
    ("6011", "6011", frozenset({16, 19})),  # Discover
    ("644", "659", frozenset({16, 19})),
    ("3528", "3589", frozenset({16, 19})),  # JCB
    ("62", "62", frozenset({16, 17, 18, 19})),  # UnionPay
    ("81", "82", frozenset({16, 19})),
    ("2200", "2204", frozenset({16, 17, 18, 19})),  # Mir
    ("5018", "5020", frozenset({13, 15, 16, 18, 19})),  # Maestro
    ("5038", "5038", frozenset({13, 15, 16, 18, 19})),
    ("5893", "5893", frozenset({13, 15, 16, 18, 19})),
    ("6304", "6304", frozenset({13, 15, 16, 18, 19})),
    ("6759", "6763", frozenset({13, 15, 16, 18, 19})),
    ("60", "60", frozenset({16})),  # RuPay
    ("508", "508", frozenset({16})),
)
RUNS = re.compile(r"(?<![\d.])(?<!\d-)\d+(?:[ \t-]{1,3}\d+)*(?!\d)")
IN_FOURS = re.compile(r"(?<![\d./])\d{4}([./])\d{4}\1\d{4}\1\d{4}(?![./]?\d)")
_GROUP = re.compile(r"\d+")
CARD_DIGITS = range(13, 20)
GROUPED_BY_MIN = 3  # digits of a group in which cards are written; shorter ones are a list of numbers


def card_candidates(text: str) -> list[Found]:
    """Where a number stands that a card could have, by its first digits and its length; check digits are for `luhn`."""
    found: list[Found] = []
    for run in RUNS.finditer(text):
        if run.end() - run.start() >= CARD_DIGITS.start:
            found += _cards_in(text, [group.span() for group in _GROUP.finditer(text, *run.span())])
    for fours in IN_FOURS.finditer(text):
        found += _cards_in(text, [group.span() for group in _GROUP.finditer(text, *fours.span())])
    return sorted(found, key=lambda one: one[0])


def _cards_in(text: str, groups: list[Found]) -> list[Found]:
    """A run of groups is one number, or holds one beside others, such as an expiry: 4111 1111 1111 1111 12."""
    sizes = [end - begin for begin, end in groups]
    found = []
    if sum(sizes) in CARD_DIGITS and _of_a_scheme(text, groups):
        found.append((groups[0][0], groups[-1][1]))
    for first in range(len(groups)):
        total = 0
        for last in range(first, min(len(groups), first + 5)):
            total += sizes[last]
            whole = first == 0 and last == len(groups) - 1
            if total in CARD_DIGITS and not whole and _of_a_scheme(text, groups[first : last + 1]):
                found.append((groups[first][0], groups[last][1]))
            if total > CARD_DIGITS.stop or sizes[last] < GROUPED_BY_MIN:
                break
    return found


def _of_a_scheme(text: str, groups: list[Found]) -> bool:
    number = "".join(text[begin:end] for begin, end in groups)
    return any(first <= number[: len(first)] <= last and len(number) in lengths for first, last, lengths in _SCHEMES)


def luhn(found: str) -> bool:
    digits = [int(letter) for letter in found if letter.isdigit()]
    if len(set(digits)) == 1:
        return False
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


# The length of an account's number in each country that has one (SWIFT's IBAN registry, 2025).
IBAN_LENGTHS = {
    code: int(length)
    for length, codes in {
        "15": "NO", "16": "BE", "18": "DK FI FO GL NL FK", "19": "MK SI", "20": "AT BA EE KZ LT LU XK MN",
        "21": "CH HR LI LV", "22": "BG BH CR DE GB GE IE ME RS VA", "23": "AE GI IL IQ TL OM SO",
        "24": "AD CZ ES MD PK RO SA SE SK TN VG", "25": "LY PT ST", "26": "IS TR", "27": "BI DJ FR GR IT MC MR SM",
        "28": "AL AZ BY CY DO GT HN HU LB NI PL SV", "29": "BR EG PS QA UA", "30": "JO KW MU YE", "31": "MT SC", "32": "LC", "33": "RU",
    }.items()
    for code in codes.split()
}  # fmt: skip
IBANS = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}")


def iban(text: str, begin: int, end: int) -> Found | None:
    """The account's number at the beginning of a candidate, as long as its country has them, if its check digits say so."""
    length = IBAN_LENGTHS.get(text[begin : begin + 2].upper())
    letters = [place for place in range(begin, end) if text[place].isalnum()]
    if length is None or len(letters) < length:
        return None
    last = letters[length - 1] + 1
    if text[last : last + 1].isalnum():
        return None
    number = "".join(text[place] for place in letters[:length]).upper()
    turned = number[4:] + number[:4]
    return (begin, last) if int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1 else None


_PRINTED_ONES = frozenset({"078051120", "219099999"})  # on specimens and in advertisements; never anybody's since


def ssn(found: str) -> bool:
    """Areas 000, 666 and 900–999, group 00 and serial 0000 are never given (SSA, POMS RM 10201.035)."""
    digits = "".join(letter for letter in found if letter.isdigit())
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    if digits in _PRINTED_ONES:
        return False
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def phone(found: str) -> bool:
    return 8 <= sum(letter.isdigit() for letter in found) <= 15
