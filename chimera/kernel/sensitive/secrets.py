"""What a secret looks like by itself, and what one looks like after the word that names it."""

import math
import re
from collections import Counter

# Keys that are known by their shape: who gives them out marks them so that they can be found.
SHAPED = "|".join(
    (
        r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",  # Amazon
        r"\bgh[pousr]_[A-Za-z0-9]{36,255}\b",  # GitHub
        r"\bgithub_pat_[A-Za-z0-9_]{22,255}\b",
        r"\bglpat-[A-Za-z0-9_-]{20,100}",  # GitLab
        r"\bsk-[A-Za-z0-9_-]{20,200}",  # OpenAI, Anthropic and who followed them
        r"\b(?:xox[abeprs]|xapp)-[A-Za-z0-9-]{10,200}",  # Slack
        r"\bhooks\.slack\.com/services/T[A-Za-z0-9]{6,12}/B[A-Za-z0-9]{6,12}/[A-Za-z0-9]{20,40}",
        r"\bAIza[A-Za-z0-9_-]{35}",  # Google
        r"\bya29\.[A-Za-z0-9_-]{20,400}",
        r"\bch[mp]_[A-Za-z0-9_-]{20,200}",  # Chimera
        r"\b(?:[rs]k|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,200}",  # Stripe
        r"\bhf_[A-Za-z0-9]{30,60}\b",  # Hugging Face
        r"\bnpm_[A-Za-z0-9]{36}\b",
        r"\bpypi-[A-Za-z0-9_-]{50,400}",
        r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{30,60}",  # SendGrid
        r"\bkey-[0-9a-f]{32}\b",  # Mailgun
        r"\bdop_v1_[0-9a-f]{64}\b",  # DigitalOcean
        r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}\b",  # Shopify
        r"\bdapi[0-9a-f]{32}\b",  # Databricks
        r"\blin_api_[A-Za-z0-9]{32,60}\b",  # Linear
        r"\bhvs\.[A-Za-z0-9_-]{20,200}",  # Vault
        r"\bAGE-SECRET-KEY-1[0-9A-Z]{58}\b",
        r"(?<![\d:])\d{8,10}:AA[A-Za-z0-9_-]{32,34}(?![\w-])",  # Telegram
        r"(?<=AccountKey=)[A-Za-z0-9+/]{60,90}={0,2}",  # Azure
    )
)
_SAYS = r"[\"'`*]{0,3}\s{0,3}(?:[:=]{1,2}>?|\bis\b|\bwas\b|\bto\b|→)\s{0,3}[\"'`*\[]{0,4}"
# A word that names a key, and what is said to be it.
NAMED = (
    r"(?i:(?:\b|_)(?:api|app|auth|access|account|bearer|client|encryption|master|private|secret|service|session|shared|signing|webhook)"
    r"[_ -]{0,2}(?:key|token|secret|credential)(?:[_ -]?id)?s?)" + _SAYS + r"(?P<named>[A-Za-z0-9/+_=.~-]{12,400})"
)
BARE = r"(?i:(?<![A-Za-z])(?:key|token|secret|credentials?)\b)" + _SAYS + r"(?P<bare>[A-Za-z0-9/+_=.~-]{16,400})"
BEARER = r"(?i:\b(?:bearer|authorization:\s{0,2}(?:basic|token))\s{1,3})(?P<bearer>[A-Za-z0-9/+_=.~-]{16,400})"
KEYS = re.compile(f"(?P<shaped>{SHAPED})|{NAMED}|{BEARER}|{BARE}")

_BLOCK = r"(?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
PRIVATE_KEYS = re.compile(
    f"-----BEGIN {_BLOCK}"
    # What follows is the key: to its end, or as far as it goes on in letters that a key has.
    rf"(?:(?:[A-Za-z0-9+/=:,\s-]|\\[nr]){{0,12000}}?-----END {_BLOCK}"
    r"|(?:\s|\\[nr]){0,4}(?:[A-Za-z0-9+/=]{20,80}(?:\s|\\[nr]){0,4}){0,200})"
)
TOKENS = re.compile(
    r"\beyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,8000}\.[A-Za-z0-9_-]{10,2000}|\beyJ[A-Za-z0-9_-]{10,4000}\.eyJ[A-Za-z0-9_-]{10,8000}\.?"
)
PASSWORDS = re.compile(
    r"(?i:(?:password|passwd|passphrase|passcode|pwd|passwort|kennwort|contraseña|mot de passe|wachtwoord|senha|пароль)s?)"
    r"[\"'`*]{0,3}\s{0,3}(?:(?P<sign>[:=]{1,2}|→)|(?i:\b(?:is|was|to|ist|es|est)\b))\s{0,3}[\"'`*\[]{0,4}(?P<value>[^\s\"'`,;]{6,100})"
    r"|\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{1,64}:(?P<inside>[^\s:/@]{3,100})@"
)

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_WORDS = re.compile(r"[A-Za-z]{0,20}(?:[/._=-][A-Za-z]{0,20}|[/._=-]\d{1,8})*")  # a path, a date, a name in snake case
BITS_MIN = 3.0  # of a letter, of a value whose name says outright that it is a key
BARE_BITS_MIN = 3.3  # where the name says `key` alone, which many things are called
# What people write where a password would stand.
_NO_PASSWORDS = frozenset(
    """required optional missing invalid incorrect expired expiring changed rotated hidden hashed encrypted redacted removed masked
    unknown protected string secret disabled enabled forgotten stored needed wrong empty none null undefined false true please
    ******** xxxxxxxx""".split()  # noqa: SIM905  (a list of words is read as words)
)


def bits(value: str) -> float:
    """Shannon's entropy of its letters, in bits a letter."""
    counts = Counter(value).values()
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts)


def looks_random(value: str, *, bits_min: float) -> bool:
    """Not prose, not a path, not the name of something: letters and digits without a pattern, or letters of both cases."""
    if _UUID.fullmatch(value) or _WORDS.fullmatch(value):
        return False
    mixed = any(c.islower() for c in value) and any(c.isupper() for c in value) and len(value) >= 24
    return (any(c.isdigit() for c in value) or mixed) and any(c.isalpha() for c in value) and bits(value) >= bits_min


def is_key(hit: re.Match[str]) -> bool:
    if hit["shaped"]:
        return len(set(hit["shaped"])) > 9  # not sk-xxxxxxxxxxxxxxxxxxxx
    if hit["bare"]:
        return looks_random(hit["bare"], bits_min=BARE_BITS_MIN)
    return looks_random(hit["named"] or hit["bearer"], bits_min=BITS_MIN)


def is_password(hit: re.Match[str]) -> bool:
    """After a colon nearly all that is no word of prose; after `is` what has digits or signs, as no word has."""
    value = hit["value"] or hit["inside"]
    bare = value.strip(".!?)*<>[]{}$%").casefold()
    if bare in _NO_PASSWORDS or value.startswith(("[masked", "<", "{", "$", "***", "…", "...")) or len(set(value)) < 3:
        return False
    if hit["inside"] or hit["sign"]:
        return True
    return any(not letter.isalpha() for letter in bare)
