"""What cannot be remembered is refused with a word that says what to do, and nothing of it is kept."""

from typing import Any

from chimera.kernel.eventlog import START, read
from memory.limits import CONTENT_BYTES_MAX
from memory.models import MemoryRecord
from tests.cast import Stage

UNKNOWN = "0199aaaa-0000-7000-8000-000000000000"
UNTHINKABLE: list[tuple[dict[str, Any], str]] = [
    ({"content": "a\x00b"}, "invalid"),
    ({"content": ""}, "invalid"),
    ({"content": " \n"}, "invalid"),
    ({"content": 5}, "invalid"),
    ({"content": None}, "invalid"),
    ({"content": "half \ud800"}, "invalid"),
    ({"content": "x" * (CONTENT_BYTES_MAX + 1)}, "too_large"),
    ({"content": "x" * 1024 * 1024}, "too_large"),
    ({"content": "é" * (CONTENT_BYTES_MAX // 2 + 1)}, "too_large"),
    ({"category": "myth"}, "invalid"),
    ({"category": ["soul"]}, "invalid"),
    ({"importance_score": 1.01}, "invalid"),
    ({"importance_score": -0.1}, "invalid"),
    ({"importance_score": "0.5"}, "invalid"),
    ({"session": "launch"}, "invalid"),
    ({"persona": "p" * 121}, "invalid"),
    ({"visibility": "world"}, "invalid"),
    ({"visibility": "session"}, "invalid"),
    ({"valid_from": "yesterday"}, "invalid"),
    ({"valid_from": "0001-01-01T00:00:00+14:00"}, "invalid"),
    ({"valid_from": "2026-02-01T00:00:00Z", "valid_until": "2026-02-01T00:00:00Z"}, "invalid"),
    ({"source": []}, "not_an_object"),
    ({"source": {"result": UNKNOWN}}, "invalid"),
    ({"source": {"page": 3}}, "invalid"),
    ({"source": {"sentence": -1}}, "invalid"),
    ({"source": {"sentence": True}}, "invalid"),
    ({"source": {"sentence": 1.5}}, "invalid"),
    ({"source": {"file": ""}}, "invalid"),
    ({"source": {"span": [4]}}, "invalid"),
    ({"source": {"span": [4, 4]}}, "invalid"),
    ({"source": {"span": [-1, 4]}}, "invalid"),
    ({"source": {"span": [0.5, 4]}}, "invalid"),
    ({"source": {"span": "0-4"}}, "invalid"),
    ({"subject": "s" * 121}, "invalid"),
    ({"subject": "a\x00"}, "invalid"),
    ({"source": {"file": "a\x00"}}, "nul_character"),
    ({"source": {"file": "f" * 5000}}, "too_large"),
    ({"superseded_by": UNKNOWN}, "unknown_field"),
    ({"agent": UNKNOWN}, "unknown_field"),
]


def test_what_cannot_be_remembered_is_refused_and_nothing_is_kept(acme: Stage) -> None:
    for wrong, code in UNTHINKABLE:
        said = acme.ada.post("memories", {"content": "x"} | wrong).refused(422, code)
        assert len(said["detail"]) > 10, said.body
    with acme.bound():
        assert not MemoryRecord.objects.exists()
        assert not [event for event in read(START, limit=1000) if event.type.startswith("memory.")]


def test_in_a_batch_each_of_them_is_refused_alike(acme: Stage) -> None:
    said = [{"content": "x"} | wrong for wrong, _ in UNTHINKABLE if len(str(wrong)) < 100_000]
    expected = [code for wrong, code in UNTHINKABLE if len(str(wrong)) < 100_000]
    outcomes = acme.ada.post("memories/batch", {"memories": said}).ok()["outcomes"]
    assert [outcome["error"]["code"] for outcome in outcomes] == expected
    with acme.bound():
        assert not MemoryRecord.objects.exists()
