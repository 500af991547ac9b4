"""When two writings are one memory, when a repeat is another sighting of it, whose voice it is, and what a voice counts. Pure."""

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

VOICE_LIFT = Decimal("0.1")  # the share of what is missing to certainty that one more voice adds
_PLACES = Decimal("0.0001")  # of importance_score
SAME = ("category", "visibility", "persona", "subject", "valid_from", "valid_until")


def words_of(text: str) -> str:
    """Spacing and the way in which an accent is composed make no other text; capital letters do."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def digest_of(columns: Mapping[str, Any]) -> bytes:
    """SHA-256 of the words and of where they hold: category, visibility with its session or agent, persona, subject, window.

    The tenant is no part of it; the unique index has it beside this.
    """
    owner = {"session": "session_id", "agent": "agent_id"}.get(columns["visibility"])
    return _sha256([words_of(columns["content"]), columns[owner] if owner else None, *(columns[name] for name in SAME)])


def provenance_of(columns: Mapping[str, Any]) -> bytes:
    """SHA-256 of who brought it, from where: the same words from the same hand, task and place are a repeated call."""
    return _sha256([_who(columns), columns["session_id"], columns["task_id"], columns["source"]])


def voice_of(columns: Mapping[str, Any]) -> str:
    """Who says it: an agent, in whatever session, task or process, or a person.

    Session, task and source are what that one says of its own words. They tell where to read, and are no second opinion.
    """
    return str(_who(columns))


def lifted(importance: Decimal, said: Decimal) -> Decimal:
    """What a memory weighs once one more voice says it: 1 − (1 − max(importance, said)) · (1 − VOICE_LIFT).

    Noisy-or with one small cause for each voice (Pearl, Probabilistic Reasoning in Intelligent Systems, 1988, 4.3), whose causes must be
    independent, as the sayings of one agent are not. It never falls, stays at most 1, and n voices of one weight i give
    1 − (1 − i) · 0.9ⁿ.
    """
    best = max(importance, said)
    return max(best, (1 - (1 - best) * (1 - VOICE_LIFT)).quantize(_PLACES))


def _who(columns: Mapping[str, Any]) -> Any:
    return columns["agent_id"] or columns["written_by"]


def _sha256(parts: list[Any]) -> bytes:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False, default=_written, sort_keys=True).encode()).digest()


def _written(value: Any) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)
