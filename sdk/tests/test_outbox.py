"""Frames: what goes together, and the limits of what does."""

import json

from chimera_sdk.outbox import Outbox
from chimera_sdk.work import Work
from speaking import claim


def done(number: int, said: str = "x") -> Work:
    work = Work(claim(number))
    work.said = json.dumps({"task": work.task.id, "output": said})
    return work


def frames(outbox: Outbox) -> list[list[dict]]:
    found = []
    while outbox:
        said = json.loads(outbox.frame())
        found.append(said if isinstance(said, list) else [said])
    return found


def test_what_is_ready_goes_in_one_frame_in_order():
    outbox = Outbox()
    outbox.put("ready", {"slots": 2})
    outbox.result(done(1))
    outbox.beat([done(2)])
    (frame,) = frames(outbox)
    assert [said["kind"] for said in frame] == ["ready", "result", "heartbeat"]
    assert [said["ref"] for said in frame] == [1, 2, 3]
    assert set(outbox.waiting) == {1, 2, 3}


def test_no_frame_is_larger_than_the_server_takes():
    outbox = Outbox()
    outbox.frame_bytes_max = 1000
    for number in range(9):
        outbox.result(done(number, "ü" * 40))
    found = frames(outbox)
    assert sum(len(frame) for frame in found) == 9
    assert 1 < len(found) < 9
    assert all(len(json.dumps(frame)) < 1000 for frame in found)


def test_what_is_too_large_for_a_frame_is_known_before():
    outbox = Outbox()
    assert outbox.fits("x" * 262_000)
    assert not outbox.fits("x" * 262_144)


def test_no_more_is_unanswered_than_the_server_says():
    outbox = Outbox()
    outbox.unanswered_max = 3
    for number in range(5):
        outbox.result(done(number))
    assert [said["ref"] for said in json.loads(outbox.frame())] == [1, 2, 3]
    assert not outbox
    del outbox.waiting[2]
    assert json.loads(outbox.frame())["ref"] == 4


def test_a_later_note_takes_the_place_of_one_that_was_not_sent():
    outbox, work = Outbox(), done(1)
    outbox.note(work, {"phase": "a"})
    outbox.note(work, {"phase": "b"})
    ((said,),) = frames(outbox)
    assert (said["kind"], said["phase"], said["lease_token"]) == ("progress", "b", "l1")
    outbox.note(work, {"phase": "c"})
    ((said,),) = frames(outbox)
    assert said["phase"] == "c"
