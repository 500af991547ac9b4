"""From an agent's output to a text that can be remembered."""

import json
from typing import Any

from memory.limits import CONTENT_BYTES_MAX

READABLE_KEYS = (
    "text",
    "summary",
    "answer",
)  # where agents put what they have to say, the first that is there


def readable(output: dict[str, Any]) -> str:
    """The text of an output, or the output itself as compact JSON; '' when it says nothing. Not bounded: what is screened is not cut
    before, lest half a secret be taken for none."""
    for key in READABLE_KEYS:
        said = output.get(key)
        if isinstance(said, str) and said.strip():
            return said.strip()
    return json.dumps(output, ensure_ascii=False, separators=(",", ":")) if output else ""


def bounded(text: str, bytes_max: int = CONTENT_BYTES_MAX) -> str:
    """Cut to `bytes_max` bytes of UTF-8, between characters, with an ellipsis where something is missing."""
    raw = text.encode()
    if len(raw) <= bytes_max:
        return text
    return raw[: bytes_max - len("…".encode())].decode(errors="ignore") + "…"
