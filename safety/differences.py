"""How one JSON value differs from another, path by path: for people who compare what is asked now with what was asked before. Pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Any

SHOWN_MAX = 100  # changes; whoever wants more reads both
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Change:
    """`before` and `now` as JSON text, a string without its quotes; None where there is nothing on that side."""

    path: str
    before: str | None
    now: str | None


def differences(before: Any, now: Any) -> list[Change]:
    """At most SHOWN_MAX, in the order of what stands now; places of lists count from 1."""
    return list(islice(_walk("", before, now), SHOWN_MAX))


def _walk(path: str, before: Any, now: Any) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(now, dict):
        for name in [*now, *(name for name in before if name not in now)]:
            yield from _walk(_below(path, name), before.get(name, _ABSENT), now.get(name, _ABSENT))
    elif isinstance(before, list) and isinstance(now, list):
        for place, (old, new) in enumerate(zip_longest(before, now, fillvalue=_ABSENT), start=1):
            yield from _walk(_below(path, str(place)), old, new)
    elif not _equal(before, now):
        yield Change(path, _text(before), _text(now))


def _equal(before: Any, now: Any) -> bool:
    """1 and true are two things, 1 and 1.0 one."""
    return isinstance(before, bool) == isinstance(now, bool) and bool(before == now)


def _below(path: str, name: str) -> str:
    return f"{path} › {name}" if path else name


def _text(value: Any) -> str | None:
    if value is _ABSENT:
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
