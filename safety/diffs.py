"""What an edit changed: a JSON Patch (RFC 6902), each entry with what stood there `before`. Pure.

Lists are compared place by place, so what is inserted at the front shows as a change of all that follows.
"""

from collections.abc import Iterator
from typing import Any

CHANGES_MAX = 500  # entries; beyond that nobody reads them one by one, and the whole is shown as one
Change = dict[str, Any]


def changes(before: Any, after: Any) -> list[Change]:
    """Applied in its order to `before` it gives `after`; empty where they are equal."""
    found: list[Change] = []
    for change in _changes("", before, after):
        found.append(change)
        if len(found) > CHANGES_MAX:
            return [_replaced("", before, after)]
    return found


def equal(one: Any, other: Any) -> bool:
    """As JSON: 1 and 1.0 are one number, true and 1 are not one thing."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def _changes(path: str, before: Any, after: Any) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _in_object(path, before, after)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _in_list(path, before, after)
    elif not equal(before, after):
        yield _replaced(path, before, after)


def _in_object(path: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    for name in sorted(before.keys() | after.keys()):
        place = f"{path}/{_escaped(name)}"
        if name not in after:
            yield {"op": "remove", "path": place, "before": before[name]}
        elif name not in before:
            yield {"op": "add", "path": place, "value": after[name]}
        else:
            yield from _changes(place, before[name], after[name])


def _in_list(path: str, before: list[Any], after: list[Any]) -> Iterator[Change]:
    both = min(len(before), len(after))
    for place in range(both):
        yield from _changes(f"{path}/{place}", before[place], after[place])
    for place in range(both, len(after)):
        yield {"op": "add", "path": f"{path}/{place}", "value": after[place]}
    for place in reversed(range(both, len(before))):  # from the end, so that the places before it stay what they are
        yield {"op": "remove", "path": f"{path}/{place}", "before": before[place]}


def _replaced(path: str, before: Any, after: Any) -> Change:
    return {"op": "replace", "path": path, "value": after, "before": before}


def _escaped(name: str) -> str:
    """As a JSON Pointer has it (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
