"""Personal data and secrets in a text. Pure; each looks through the text once, and what it finds is shown half hidden."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"))
LOOKED_AT_MAX = (
    1_000  # candidates that fail their check, such as numbers that are no card; more look like a hiding place
)


class Pattern(StrEnum):
    EMAIL = "pii.email"
    PHONE = "pii.phone"
    CARD = "pii.card"
    IBAN = "pii.iban"
    SSN = "pii.ssn"
    KEY = "secret.key"
    PRIVATE_KEY = "secret.private_key"
    TOKEN = "secret.token"
    PASSWORD = "secret.password"


IN_WORDS = {
    Pattern.EMAIL: "an e-mail address",
    Pattern.PHONE: "a telephone number",
    Pattern.CARD: "the number of a payment card",
    Pattern.IBAN: "the number of a bank account",
    Pattern.SSN: "a social security number",
    Pattern.KEY: "an API key",
    Pattern.PRIVATE_KEY: "a private key",
    Pattern.TOKEN: "a signed token",
    Pattern.PASSWORD: "a password",
}


@dataclass(frozen=True, slots=True)
class Spotted:
    pattern: Pattern
    evidence: str


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isdigit())


def _luhn(found: str) -> bool:
    digits = [int(digit) for digit in _digits(found)]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _iban(found: str) -> bool:
    text = found.replace(" ", "").upper()
    turned = text[4:] + text[:4]
    return 15 <= len(text) <= 34 and int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1


def _ssn(found: str) -> bool:
    area, group, serial = re.split(r"[- ]", found)
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def _phone(found: str) -> bool:
    return 8 <= len(_digits(found)) <= 15


def _secret(found: str) -> bool:
    """Not a word of prose, and not what stands for a value: it has letters and digits, and several of them."""
    value = re.split(r"[\s:=\"']+", found)[-1]
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value) and len(set(value)) > 5


def _always(found: str) -> bool:
    return True


_CHECKS: dict[Pattern, tuple[re.Pattern[str], Callable[[str], bool]]] = {
    Pattern.EMAIL: (
        re.compile(r"(?<![\w.+-])[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b"),
        _always,
    ),
    Pattern.PHONE: (
        re.compile(
            r"(?<![\w+])(?:\+|00)[1-9](?:[ ./()-]{0,2}\d){7,14}(?!\w)|(?<![\w-])\(?[2-9]\d\d\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])"
        ),
        _phone,
    ),
    Pattern.CARD: (re.compile(r"(?<![\w.-])\d(?:[ -]{0,2}\d){12,18}(?![\w-])"), _luhn),
    Pattern.IBAN: (re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"), _iban),
    Pattern.SSN: (re.compile(r"(?<![\w-])\d{3}([- ])\d{2}\1\d{4}(?![\w-])"), _ssn),
    Pattern.KEY: (
        re.compile(
            r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,255}\b|\bgithub_pat_[A-Za-z0-9_]{22,255}\b|\bsk-[A-Za-z0-9_-]{20,200}|\bxox[abprs]-[A-Za-z0-9-]{10,200}"
            r"|\bAIza[A-Za-z0-9_-]{35}|\bch[mp]_[A-Za-z0-9_-]{20,200}|\b[rs]k_(?:live|test)_[A-Za-z0-9]{10,200}"
            r"|(?i:\b(?:api|secret|access)[_ -]?(?:key|token)\b[\"']?\s{0,3}(?:[:=]|is)\s{0,3}[\"']?[A-Za-z0-9/+_=.-]{12,200})"
        ),
        _secret,
    ),
    Pattern.PRIVATE_KEY: (re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"), _always),
    Pattern.TOKEN: (
        re.compile(r"\beyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,8000}\.[A-Za-z0-9_-]{10,2000}"),
        _always,
    ),
    Pattern.PASSWORD: (
        re.compile(
            r"(?i)\b(?:password|passwd|passphrase|pwd|passwort|contraseña|mot de passe)[\"']?\s{0,3}"
            r"(?:[:=]|\bis\b)\s{0,3}[\"']?[^\s\"',;]{6,100}"
        ),
        _always,
    ),
}


def spot(text: str, pattern: Pattern) -> Spotted | None:
    """The first place where the pattern stands, half hidden; numbers are checked by their check digits. A text with so many that
    look like it that nobody reads them all is taken to have it."""
    expression, check = _CHECKS[pattern]
    for number, hit in enumerate(expression.finditer(text.translate(_DASHES))):
        if number >= LOOKED_AT_MAX:
            return Spotted(pattern, f"more than {LOOKED_AT_MAX:,} that look like one")
        if check(hit.group()):
            return Spotted(pattern, hidden(hit.group()))
    return None


def hidden(found: str) -> str:
    """Enough to find it again, too little to use it: jo…(16 characters)."""
    shown = 11 if found.startswith("-----BEGIN") else 4 if len(found) >= 12 else 2
    return f"{found[:shown]}…({len(found)} characters)"
