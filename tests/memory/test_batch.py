"""Many memories in one call, each on its own."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chimera.kernel.eventlog import START, read
from memory.limits import BATCH_MAX
from memory.models import MemoryRecord
from tests.cast import Stage

UNKNOWN = "0199aaaa-0000-7000-8000-000000000000"


def batch(acme: Stage, *said: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = acme.ada.post("memories/batch", {"memories": list(said)}).ok()["outcomes"]
    return found


def test_each_is_kept_on_its_own_and_answered_in_its_place(acme: Stage, zenith: Stage) -> None:
    task = acme.task(acme.session())
    outcomes = batch(
        acme,
        {"content": "one", "task": task["id"]},
        {"content": ""},
        {"content": "two", "session": zenith.session()["id"]},
        {"content": "two", "session": task["session"]},
        {"content": "the key is sk-live-9f8b7a6c5d4e3f2a1b0c9d8e7f6a5b4c"},
        "three",
        {"content": "four", "colour": "red"},
        {"content": "one", "task": task["id"]},
    )
    assert [each["came"] for each in outcomes] == ["added", None, None, "added", None, None, None, "known"]
    codes = [each["error"] and each["error"]["code"] for each in outcomes]
    assert codes == [None, "invalid", "not_found", None, "sensitive", "invalid", "unknown_field", None]
    assert all(len(each["error"]["detail"]) > 10 for each in outcomes if each["error"])
    assert (
        outcomes[0]["memory"] == outcomes[-1]["memory"] == acme.ada.get(f"memories/{outcomes[0]['memory']['id']}").body
    )
    with acme.bound():
        assert set(MemoryRecord.objects.values_list("content", flat=True)) == {"one", "two"}


@pytest.mark.parametrize("nothing", [None, 7, 0.5, True, [], [{"content": "in a list"}], "words", {}], ids=repr)
def test_what_is_no_memory_at_all_is_refused_in_its_place(acme: Stage, nothing: Any) -> None:
    first, refused, last = batch(acme, {"content": "one"}, nothing, {"content": "two"})
    assert (first["came"], refused["came"], last["came"]) == ("added", None, "added")
    assert len(refused["error"]["detail"]) > 10
    with acme.bound():
        assert set(MemoryRecord.objects.values_list("content", flat=True)) == {"one", "two"}


def test_a_batch_takes_as_many_statements_as_one_memory_or_two_more(acme: Stage) -> None:
    task = acme.task(acme.session())

    def statements(number: int) -> int:
        said = [{"content": f"{number} makes {n}", "task": task["id"]} for n in range(number)]
        with CaptureQueriesContext(connection) as asked:
            batch(acme, *said)
        return len(asked)

    assert statements(1) == statements(50) == statements(BATCH_MAX)


def test_they_stand_in_the_order_in_which_they_were_said(acme: Stage) -> None:
    batch(acme, *({"content": f"memory {n}"} for n in range(9)))
    listed = [memory["content"] for memory in acme.ada.get("memories").ok()["results"]]
    assert listed == [f"memory {n}" for n in range(8, -1, -1)]


def test_each_that_is_new_is_told_once(acme: Stage) -> None:
    batch(acme, {"content": "one"}, {"content": "one", "source": {"file": "a.txt"}}, {"content": "two"})
    with acme.bound():
        told = [event.type for event in read(START, limit=1000) if event.type.startswith("memory.memory.")]
    assert sorted(told) == ["memory.memory.added.v1", "memory.memory.added.v1", "memory.memory.seen.v1"]


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"memories": []},
        {"memories": {}},
        {"memories": None},
        {"memories": [{"content": "x"}] * (BATCH_MAX + 1)},
        {"memories": [{"content": "x"}], "all_or_none": True},
    ],
    ids=["nothing", "empty", "no list", "null", "too many", "unknown field"],
)
def test_a_call_that_is_no_batch_is_refused_whole(acme: Stage, said: dict[str, Any]) -> None:
    refusal = acme.ada.post("memories/batch", said)
    assert refusal.status == 422
    with acme.bound():
        assert not MemoryRecord.objects.exists()


def test_the_same_call_once_more_keeps_nothing_twice(acme: Stage) -> None:
    said = [{"content": f"memory {n}"} for n in range(5)]
    first = batch(acme, *said)
    again = batch(acme, *said)
    assert [each["came"] for each in again] == ["known"] * 5
    assert [each["memory"] for each in first] == [each["memory"] for each in again]


@pytest.mark.parametrize("who", ["rita", "fay", "anna"])
def test_who_may_not_write_one_may_not_write_many(acme: Stage, who: str) -> None:
    getattr(acme, who).post("memories/batch", {"memories": [{"content": "x"}]}).refused(403, "role")
