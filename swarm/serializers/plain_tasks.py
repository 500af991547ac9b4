"""New tasks as nearly all are, read without a field for each of their fields; what is not such a one, NewTaskShape reads.

It refuses nothing: whatever NewTaskShape might refuse, or read otherwise than it stands there, is not plain.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework import serializers

from chimera.kernel.http.parsing import DEPTH_MAX, JSONField, StrictBooleanField, StrictIntegerField, TextField
from swarm.actions.creating import NewTask
from swarm.models.task import ExecutionMode
from swarm.serializers.tasks import NewTaskShape

Fits = Callable[[Any], bool]
_ID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# What a plain task has none of (`NewTask.is_plain`).
_NONE_OF = (
    "external_id",
    "parent_task",
    "depends_on",
    "depends_on_children_of",
    "not_before",
    "deadline_at",
    "budget_usd",
)


def read_plain(said: Any) -> NewTask | None:
    """The task that this says, where it says a plain one; None for anything else."""
    if not isinstance(said, dict) or not said.keys() >= _NEEDED or not said.keys() <= _FITS.keys():
        return None
    if not all(_FITS[name](value) for name, value in said.items()):
        return None
    rest = {name: value for name, value in said.items() if name not in _APART}
    return NewTask(session_id=UUID(said["session"]), requires=tuple(said.get("requires", ())), **rest)


def read_all_plain(said: Any) -> list[NewTask] | None:
    """The same for all the tasks that NewTasks names, if each is plain."""
    named = said.get("tasks") if isinstance(said, dict) and len(said) == 1 else None
    if not isinstance(named, list) or not 1 <= len(named) <= settings.BATCH_MAX:
        return None
    found = [read_plain(one) for one in named]
    return None if None in found else [one for one in found if one]


def _fits(field: Any) -> Fits:
    """Whether NewTaskShape would read a value as it stands there."""
    match field:
        case TextField():
            return _text(_bound(field.max_length), least=0 if field.allow_blank else 1)
        case StrictIntegerField():
            return _number(_bound(field.min_value), _bound(field.max_value), or_none=field.allow_null)
        case StrictBooleanField():
            return lambda value: isinstance(value, bool)
        case JSONField():
            return _is_object
        case serializers.UUIDField():
            return lambda value: isinstance(value, str) and _ID.fullmatch(value) is not None
        case serializers.ListField():
            return _list(_fits(field.child), _bound(field.max_length))
        case serializers.ChoiceField():
            known = frozenset(field.choices) - {ExecutionMode.MANUAL}
            return lambda value: isinstance(value, str) and value in known
    raise TypeError(f"who knows what fits {field!r}?")


def _bound(value: int | None) -> int:
    if value is None:
        raise TypeError("a field of NewTaskShape has no bound")
    return value


def _text(most: int, *, least: int) -> Fits:
    """Nothing to trim, no NUL, no half of a surrogate pair."""

    def fits(value: Any) -> bool:
        if not isinstance(value, str) or not least <= len(value) <= most or value != value.strip():
            return False
        return "\x00" not in value and _is_text(value)

    return fits


def _number(least: int, most: int, *, or_none: bool) -> Fits:
    def fits(value: Any) -> bool:
        return least <= value <= most if type(value) is int else or_none and value is None

    return fits


def _list(fits: Fits, most: int) -> Fits:
    return lambda value: isinstance(value, list) and len(value) <= most and all(map(fits, value))


def _is_object(value: Any) -> bool:
    """With its escapes it is no shorter than without, and each level opens a bracket."""
    if not isinstance(value, dict):
        return False
    if not value:
        return True
    text = json.dumps(value)
    if len(text) > settings.PAYLOAD_BYTES_MAX or text.count("{") + text.count("[") > DEPTH_MAX:
        return False
    if "\\u0000" in text:
        return False
    return "\\ud" not in text or _is_text(json.dumps(value, ensure_ascii=False))


def _is_text(value: str) -> bool:
    """Without half a surrogate pair."""
    try:
        return value.isascii() or bool(value.encode())
    except UnicodeEncodeError:
        return False


def _is_nothing(field: Any) -> Fits:
    """What the field takes for none: an empty list, or null where it takes that."""
    nothing: Any = [] if isinstance(field, serializers.ListField) else None
    return lambda value: value == nothing and type(value) is type(nothing)


_fields = NewTaskShape().fields
_NEEDED = {name for name, field in _fields.items() if field.required}
_APART = {"session", "requires", *_NONE_OF}
_FITS: Mapping[str, Fits] = {
    name: _is_nothing(field) if name in _NONE_OF else _fits(field) for name, field in _fields.items()
}
