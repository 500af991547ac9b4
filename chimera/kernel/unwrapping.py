"""What a text says once its wrapping is off: percent signs of addresses, entities of HTML, escapes of JSON, Base64. Pure."""

import base64
import binascii
import html
import re
from urllib.parse import unquote

_PERCENT = re.compile("%[0-9A-Fa-f]{2}")
_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}={0,2}")
_LEGIBLE_MIN = 0.9  # of the letters in what was Base64; less is no text


def unwrapped(text: str) -> list[str]:
    """What else it says, each wrapping taken off once; nothing for a text that is wrapped in none."""
    found = []
    if _PERCENT.search(text):
        found.append(unquote(text))
    if "&" in text:
        found.append(html.unescape(text))
    if _ESCAPE.search(text):
        letters = _ESCAPE.sub(lambda hit: chr(int(hit[1], 16)), text)  # some of two halves
        found.append(letters.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    inner = [said for hit in _BASE64.finditer(text) if (said := _decoded(hit.group()))]
    return [said for said in [*found, "\n".join(inner)] if said and said != text]


def _decoded(wrapped: str) -> str:
    bare = wrapped.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        said = base64.b64decode(bare + "=" * (-len(bare) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    legible = sum(letter.isprintable() or letter.isspace() for letter in said)
    return said if legible >= _LEGIBLE_MIN * len(said) else ""
