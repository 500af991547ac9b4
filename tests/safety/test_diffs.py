"""A diff applied to what was there gives what is there now, whatever they were."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.diffs import CHANGES_MAX, Change, changes, equal

LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.text("a/~é", max_size=3)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=4)
)
OBJECTS = st.dictionaries(st.text("ab/~0", max_size=3), VALUES, max_size=4)


def applied(before: Any, patch: list[Change]) -> Any:
    """RFC 6902 as a reader of it would do it, who also looks whether `before` is true."""
    found = {"": copy.deepcopy(before)}
    for change in patch:
        *way, last = [name.replace("~1", "/").replace("~0", "~") for name in f"/{change['path']}".split("/")[1:]]
        place: Any = found
        for name in way:
            place = place[int(name) if isinstance(place, list) else name]
        key = int(last) if isinstance(place, list) else last
        if "before" in change:
            assert equal(place[key], change["before"])
        match change["op"]:
            case "remove":
                del place[key]
            case "add" if isinstance(place, list):
                place.insert(key, change["value"])
            case _:
                place[key] = change["value"]
    return found[""]


@settings(max_examples=60, deadline=None)
@given(OBJECTS, OBJECTS)
def test_a_diff_leads_from_one_to_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    patch = changes(before, after)
    assert equal(applied(before, patch), after)
    assert (patch == []) == equal(before, after)


def test_it_names_each_place_with_what_stood_there() -> None:
    before = {"text": "Saturday", "tags": ["a", "b"], "a/b": 1}
    assert changes(before, {"text": "Sunday", "tags": ["a"], "a/b": 1, "loud": True}) == [
        {"op": "add", "path": "/loud", "value": True},
        {"op": "remove", "path": "/tags/1", "before": "b"},
        {"op": "replace", "path": "/text", "value": "Sunday", "before": "Saturday"},
    ]


@pytest.mark.parametrize(
    ("one", "other", "same"), [(1, 1.0, True), (1, True, False), (0, False, False), (None, 0, False)]
)
def test_numbers_are_numbers_and_truths_are_none(one: Any, other: Any, same: bool) -> None:
    assert equal(one, other) is same


def test_more_than_anybody_reads_is_one_change() -> None:
    before, after = {"n": [0] * (CHANGES_MAX + 1)}, {"n": [1] * (CHANGES_MAX + 1)}
    assert changes(before, after) == [{"op": "replace", "path": "", "value": after, "before": before}]
