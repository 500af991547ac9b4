"""Facts behind a running writer: who hands out work does not wait for their turn, and everything else does."""

from typing import Any
from uuid import uuid4

import pytest

from chimera.kernel import redis, relay
from chimera.kernel.relay.pace import Pace
from chimera.kernel.relay.redis_lane import RedisLane
from tests.kernel.log import Noted, Shouted, Writer, drain, log, note, registered, texts

pytestmark = pytest.mark.usefixtures("db")


class Seen(list[str]):
    def react(self, events: Any, pipe: Any) -> None:
        self.extend(texts(events))


@pytest.fixture
def early() -> Seen:
    return Seen()


@pytest.fixture
def in_turn() -> Seen:
    return Seen()


def table(early: Seen, in_turn: Seen) -> dict[Any, Any]:
    return {Noted: [relay.fast(early.react, early=True), relay.fast(in_turn.react)], Shouted: []}


def test_what_a_writer_holds_back_is_reacted_to_early_and_once(early: Seen, in_turn: Seen) -> None:
    session, lane = uuid4(), RedisLane()
    with registered(table(early, in_turn)), Writer() as slow:
        note("settled", session=session)
        slow.note("late")
        note("behind it", session=session)
        assert lane.step() is Pace.WITHHELD
        assert (early, in_turn) == (["settled", "behind it"], ["settled"])
        assert lane.step() is Pace.WITHHELD
        note("more", session=session)
        lane.step()
        slow.commit()
        drain(lane)
    assert early == ["settled", "behind it", "more", "late"]
    assert in_turn == ["settled", "late", "behind it", "more"]
    found: Any = redis.client().xrange(redis.stream(session))
    assert [i for i, _ in found] == [str(e.position) for e in log() if e.session_id == session]


def test_what_was_rolled_back_behind_a_writer_is_never_seen(early: Seen, in_turn: Seen) -> None:
    lane = RedisLane()
    with registered(table(early, in_turn)), Writer() as slow, Writer() as other:
        slow.note("late")
        other.note("never")
        note("behind it")
        lane.step()
        other.rollback()
        slow.commit()
        drain(lane)
    assert (early, in_turn) == (["behind it", "late"], ["late", "behind it"])


def test_an_early_reaction_whose_pipeline_was_lost_is_repeated(early: Seen, in_turn: Seen, monkeypatch: Any) -> None:
    from chimera.kernel.relay import redis_lane

    send, lane = redis_lane._send, RedisLane()

    def lost(pipe: Any) -> str:
        monkeypatch.setattr(redis_lane, "_send", send)
        raise redis.FAULTS[0]("gone")

    with registered(table(early, in_turn)), Writer() as slow:
        lane.step()
        slow.note("late")
        note("behind it")
        monkeypatch.setattr(redis_lane, "_send", lost)
        with pytest.raises(redis.FAULTS[0]):
            lane.step()
        lane.step()
        slow.commit()
        drain(lane)
    assert (early, in_turn) == (["behind it", "behind it", "late"], ["late", "behind it"])


def test_what_was_done_early_is_not_done_again_when_its_turn_comes_in_several_batches(
    early: Seen, in_turn: Seen, settings: Any
) -> None:
    settings.RELAY_BATCH = 4
    lane = RedisLane()
    with registered(table(early, in_turn)):
        with Writer() as slow:
            slow.note("late")
            for number in range(6):
                note(f"{number}")
                lane.step()
            slow.commit()
        drain(lane)
    assert sorted(early) == ["0", "1", "2", "3", "4", "5", "late"]
    assert in_turn == ["late", "0", "1", "2", "3", "4", "5"]


def test_what_is_handed_out_waits_for_no_other_reaction() -> None:
    pushed: list[Any] = []

    def push(events: Any, pipe: Any) -> None:
        pipe.rpush("pushed", *texts(events))

    def slow(events: Any, pipe: Any) -> None:
        pushed.extend(redis.client().lrange("pushed", 0, -1))

    with registered({Noted: [relay.fast(slow), relay.fast(push, early=True)]}):
        note("a")
        drain(RedisLane())
    assert pushed == ["a"]
