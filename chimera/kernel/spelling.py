"""Text in a normal form, so that spelling hides nothing from a rule: NFKC, without what is invisible."""

import re
import unicodedata
from functools import lru_cache

_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")  # letters that show nothing
_LOOKS = {  # small letters of other alphabets, and signs, by the Latin letter they are taken for; a capital I is an l to the eye
    "a": "аαɑᴀ", "b": "вβʙ", "c": "сᴄ", "d": "ԁᴅ", "e": "еεᴇ", "f": "ꜰ", "g": "ɡɢ", "h": "нһհʜ", "j": "јϳᴊ", "k": "кκᴋ",
    "l": "i1|іӏιıɩɪʟ", "m": "мᴍ", "n": "ηոɴ", "o": "0оοσօᴏ", "p": "рρᴘ", "q": "ԛզ", "r": "гʀ", "s": "ѕꜱ", "t": "тτᴛ", "u": "υսᴜ",
    "v": "νѵᴠ", "w": "ԝωѡᴡ", "x": "хχ", "y": "уγʏ", "z": "ᴢ",
}  # fmt: skip
_ALIKE = str.maketrans({sign: letter for letter, signs in _LOOKS.items() for sign in signs})
_DOTS = str.maketrans({"。": "."})  # which a resolver reads as one (UTS 46)
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """NFKC and case folded, without what is invisible, without space and dots around it. "" for what names nothing."""
    shown = "".join(letter for letter in unicodedata.normalize("NFKC", name) if not _is_invisible(letter))
    folded = unicodedata.normalize("NFKC", shown.casefold()).translate(_DOTS)
    return " ".join(folded.split()).rstrip(".")


@lru_cache(maxsize=4096)
def alike(name: str) -> str:
    """The same for what looks the same: letters of other alphabets as Latin ones, without accents and any space. Two names may be alike
    and yet be two, so it is for rules that would rather stop one too many."""
    bare = "".join(letter for letter in unicodedata.normalize("NFD", plain(name)) if not unicodedata.combining(letter))
    return "".join(bare.translate(_ALIKE).split())


def visible(text: str) -> str:
    """A text as a reader sees it: its case and its lines stay."""
    seen = _UNSEEN.sub("", text)
    return seen if seen.isascii() else unicodedata.normalize("NFKC", seen)


def _is_invisible(letter: str) -> bool:
    if letter in _INVISIBLE or "\ufe00" <= letter <= "\ufe0f":
        return True
    return unicodedata.category(letter) in ("Cf", "Cc") and not letter.isspace()
