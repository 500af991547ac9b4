"""A SOUL.md: front matter of four keys between two lines `---`, and a body in Markdown.

---
id: harbour-notebook
name: The Harbour Notebook
voice_traits: [plain, warm]
directives:
  - Name places and people.
---
A neighbour who knows the harbour well.
"""

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

import rfc8785
from pydantic import BaseModel, ConfigDict

from chimera.kernel.errors import Refused
from memory.limits import (
    DIRECTIVE_CHARACTERS_MAX,
    DIRECTIVES_MAX,
    FAULTS_MAX,
    FRONT_BYTES_MAX,
    PERSONA_CHARACTERS_MAX,
    PERSONA_ID_CHARACTERS_MAX,
    SOUL_BYTES_MAX,
    TRAIT_CHARACTERS_MAX,
    TRAITS_MAX,
)
from memory.personas.front import Fault, Front, Unreadable, read_front

FENCE = "---"
IS_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
TEXTS = {"id": PERSONA_ID_CHARACTERS_MAX, "name": PERSONA_CHARACTERS_MAX}  # key → characters at most
LISTS = {  # key → (entries, characters of each) at most
    "voice_traits": (TRAITS_MAX, TRAIT_CHARACTERS_MAX),
    "directives": (DIRECTIVES_MAX, DIRECTIVE_CHARACTERS_MAX),
}
SHAPE = "A SOUL.md begins with a line `---`, the keys id, name, voice_traits and directives, and another line `---`."
JOINERS = "\u200c\u200d"  # invisible, and part of how Persian, Hindi and emoji are spelt


class Soul(BaseModel):
    """What a persona is. The body has lines; every other text is one line, with single spaces."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    voice_traits: tuple[str, ...]
    directives: tuple[str, ...]
    body: str

    @property
    def sha256(self) -> str:
        """Of its canonical form: RFC 8785 of these five. Spacing, quoting, the order of keys and line ends make no difference."""
        return hashlib.sha256(rfc8785.dumps(self.model_dump(mode="json"))).hexdigest()

    def texts(self) -> dict[str, str]:
        """Each text by where it stands."""
        found = {"id": self.id, "name": self.name}
        for key in LISTS:
            found |= {f"{key}[{number}]": text for number, text in enumerate(getattr(self, key), start=1)}
        return found | {"body": self.body}

    def with_texts(self, texts: dict[str, str]) -> "Soul":
        """The same with other texts in the same places."""
        lists = {key: tuple(texts[f"{key}[{n}]"] for n, _ in enumerate(getattr(self, key), start=1)) for key in LISTS}
        return Soul(id=texts["id"], name=texts["name"], body=texts["body"], **lists)


@dataclass(frozen=True, slots=True)
class Read:
    soul: Soul
    lines: dict[str, int]  # where each of its texts stands in the file, the first line is 1


def read(text: str) -> Read:
    """A SOUL.md. Refuses with all that is wrong with it (422 `invalid_soul`), each with its line; 413 where it is too large."""
    if len(text.encode("utf-8", "surrogatepass")) > SOUL_BYTES_MAX:
        raise Refused(
            f"This SOUL.md is larger than {SOUL_BYTES_MAX} bytes; what is to be known rather than to be belongs into memories.",
            code="too_large",
            status=413,
        )
    lines = re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff"))
    faults = _unseen(lines)
    if not faults:
        front, closing = _fenced(lines)
        found = read_front(front, texts=TEXTS, lists=LISTS)
        faults = [*found.faults, *_missing(found, closing), *_misshapen(found)]
    if faults:
        raise _refused(faults)
    return _read(found, "\n".join(lines[closing + 1 :]), closing + 2)


def written(soul: Soul) -> str:
    """A SOUL.md that reads as this soul, always spelt in the same way."""
    front = [f"id: {soul.id}", f"name: {_quoted(soul.name)}"]
    for key in LISTS:
        front += [f"{key}:", *(f"  - {_quoted(text)}" for text in getattr(soul, key))]
    return "\n".join([FENCE, *front, FENCE, soul.body]).rstrip("\n") + "\n"


def _quoted(text: str) -> str:
    """A JSON string is a YAML string."""
    return json.dumps(text, ensure_ascii=False)


def _fenced(lines: list[str]) -> tuple[str, int]:
    """The front matter and the number of the line that closes it."""
    if lines[0].rstrip() != FENCE:
        raise _refused([Fault(1, "soul", f"There is no front matter. {SHAPE}")])
    size = 0
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() == FENCE:
            return "\n".join(lines[1:number]), number
        size += len(line.encode()) + 1
        if size > FRONT_BYTES_MAX:
            raise _refused([Fault(number + 1, "soul", f"The front matter is larger than {FRONT_BYTES_MAX} bytes.")])
    raise _refused([Fault(len(lines), "soul", "The front matter does not end: no line `---` closes it.")])


def _unseen(lines: list[str]) -> list[Fault]:
    """Signs that a person who reads it does not see, and a model does."""
    return [
        Fault(number, "soul", f"Has the invisible sign U+{ord(sign):04X} in place {place}; take it out.")
        for number, line in enumerate(lines, start=1)
        for place, sign in enumerate(line, start=1)
        if not line.isascii() or not line.isprintable()
        if sign not in JOINERS + "\t" and unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
    ][:FAULTS_MAX]


def _missing(found: Front, closing: int) -> list[Fault]:
    """A key that is there and wrong is not missing besides; nor is it where the reading has stopped."""
    wrong = {fault.key for fault in found.faults}
    if "soul" in wrong:
        return []
    return [
        Fault(closing + 1, key, f"`{key}` is missing.")
        for key in (*TEXTS, *LISTS)
        if key not in found.texts and key not in found.lists and key not in wrong
    ]


def _misshapen(found: Front) -> list[Fault]:
    if "id" not in found.texts or IS_ID.fullmatch(found.texts["id"].text):
        return []
    line = found.texts["id"].line
    return [Fault(line, "id", "`id` is small letters, digits and single hyphens between them, as in harbour-notebook.")]


def _read(found: Front, body: str, first: int) -> Read:
    lines = {key: said.line for key, said in found.texts.items()}
    for key, entries in found.lists.items():
        lines |= {f"{key}[{number}]": said.line for number, said in enumerate(entries, start=1)}
    bare = body.strip()
    lines["body"] = first + body[: body.find(bare)].count("\n")
    texts: dict[str, Any] = {key: said.text for key, said in found.texts.items()}
    texts |= {key: tuple(said.text for said in entries) for key, entries in found.lists.items()}
    return Read(Soul(**texts, body=bare), lines)


def _refused(faults: list[Fault]) -> Unreadable:
    shown = sorted(faults)[:FAULTS_MAX]
    first = shown[0]
    more = f" And {len(shown) - 1} more." if len(shown) > 1 else ""
    return Unreadable(
        f"Line {first.line}: {first.message}{more} Nothing was stored.",
        code="invalid_soul",
        status=422,
        errors=[
            {"field": fault.key, "code": "invalid", "message": f"Line {fault.line}: {fault.message}"} for fault in shown
        ],
    )
