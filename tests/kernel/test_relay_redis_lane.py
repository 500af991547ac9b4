"""Lane redis: whole batches, one pipeline, never parks; what was lost with Redis is rebuilt."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from redis.exceptions import ResponseError

from chimera.kernel import redis, relay, tenancy
from chimera.kernel.eventlog import START
from chimera.kernel.relay import cursor, epoch
from chimera.kernel.relay.pace import Pace
from chimera.kernel.relay.redis_lane import RedisLane
from chimera.kernel.relay.tables import Lane, ParkedEvent
from tests import cluster
from tests.kernel.log import TENANT, Noted, Shouted, Writer, drain, log, note, noted, registered, running, texts
from tests.processes.proc import until

pytestmark = pytest.mark.usefixtures("db")


def entries(session: UUID) -> list[tuple[str, dict[str, str]]]:
    found: Any = redis.client().xrange(redis.stream(session))
    return found


def at(lane: str = "redis") -> Any:
    with tenancy.system():
        return Lane.objects.get(pk=lane).position


def test_a_reaction_is_called_once_per_batch_with_the_events_of_its_types() -> None:
    calls: list[list[str]] = []
    both = relay.fast(lambda events, pipe: calls.append(texts(events)))
    note("a")
    note("b", fact=Shouted)
    note("c")
    with registered({Noted: [both], Shouted: [both]}):
        drain(RedisLane())
    assert calls == [["a", "b", "c"]]
    with registered({Shouted: [both]}):
        note("d")
        note("e", fact=Shouted)
        drain(RedisLane())
    assert calls[1:] == [["e"]]


def test_every_event_of_a_session_is_appended_with_its_position_and_the_one_before() -> None:
    one, other = uuid4(), uuid4()
    note("1", session=one)
    with registered({}):
        drain(RedisLane())
    note("2", session=other)
    note("3", "4", session=one)
    note("of no session")
    with registered({}):
        drain(RedisLane())
    first, second, third, fourth, _ = (event.position for event in log())
    assert [(i, f["prev"]) for i, f in entries(one)] == [
        (str(first), str(START)),
        (str(third), str(first)),
        (str(fourth), str(third)),
    ]
    assert [(i, f["prev"]) for i, f in entries(other)] == [(str(second), str(START))]
    assert json.loads(entries(one)[1][1]["event"]) == log()[2].shape()
    assert 3590 < redis.client().ttl(redis.stream(one)) <= 3600


def test_a_batch_that_is_repeated_after_a_crash_appends_nothing_twice() -> None:
    session = uuid4()
    note("1", "2", session=session)
    with registered({}):
        drain(RedisLane())
        with tenancy.system():  # the crash came before the cursor was moved
            Lane.objects.filter(pk="redis").update(xid=0, seq=0)
        note("3", session=session)
        drain(RedisLane())
    assert [i for i, _ in entries(session)] == [str(event.position) for event in log()]


def test_other_refusals_of_redis_stop_the_lane() -> None:
    session = uuid4()
    redis.client().set(redis.stream(session), "a string stands in the way")
    note("1", session=session)
    with registered({}), pytest.raises(ResponseError, match="WRONGTYPE"):
        RedisLane().step()
    assert at() == START


def test_the_lane_stops_at_a_reaction_that_raises_and_never_parks() -> None:
    broken = True

    def react(events: Any, pipe: Any) -> None:
        if broken:
            raise ZeroDivisionError

    session = uuid4()
    note("1", session=session)
    with registered({Noted: [relay.fast(react)]}), running("redis"):
        until(lambda: redis.client().get(redis.EPOCH))
        note("2", session=session)
        assert entries(session) == []
        with tenancy.system():
            assert not ParkedEvent.objects.exists()
        broken = False
        until(lambda: len(entries(session)) == 2)
    assert at() == log()[-1].position


def test_the_lane_waits_while_redis_is_away_and_goes_on() -> None:
    session, rebuilt = uuid4(), []
    with registered({}, rebuild=[lambda: rebuilt.append(1)]), running("redis"):
        note("1", session=session)
        until(lambda: entries(session))
        cluster.redis.kill()
        note("2", session=session)
        cluster.redis.start()
        until(
            lambda: redis.client().exists(redis.stream(session)) and entries(session)[-1][0] == str(log()[-1].position)
        )
    assert len(rebuilt) == 2  # an empty Redis at the start, and the restarted one


def test_flushall_in_the_middle_is_noticed_and_rebuilt() -> None:
    session, rebuilt = uuid4(), []
    with registered({}, rebuild=[lambda: rebuilt.append(len(log()))]), running("redis"):
        note("1", session=session)
        until(lambda: entries(session))
        before = redis.client().get(redis.EPOCH)
        redis.client().flushall()
        until(lambda: len(rebuilt) == 2)
        after = until(lambda: redis.client().get(redis.EPOCH))
        assert after != before
        assert after.split(":")[0] == redis.client().info("server")["run_id"]
        note("2", session=session)
        until(lambda: entries(session))
    first, second = log()
    assert [(i, f["prev"]) for i, f in entries(session)] == [(str(second.position), str(first.position))]


def test_a_rebuild_that_fails_is_tried_again_before_anything_else() -> None:
    tries = []

    def rebuild() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise ZeroDivisionError

    with registered({}, rebuild=[rebuild]), running("redis"):
        until(lambda: redis.client().get(redis.EPOCH))
    assert len(tries) == 3


def test_rows_behind_a_running_writer_are_delivered_soon_after_its_commit() -> None:
    session = uuid4()
    with registered({}), running("redis"):
        until(lambda: redis.client().get(redis.EPOCH))
        with Writer() as slow:
            slow.note("late", session=session)
            note("early", session=session)
            assert entries(session) == []
            slow.commit()
            until(lambda: len(entries(session)) == 2)
    assert [json.loads(f["event"])["payload"]["text"] for _, f in entries(session)] == ["late", "early"]


def test_a_nudge_wakes_the_lane() -> None:
    """Well under the half second of polling, time after time."""
    session = uuid4()
    with registered({}), running("redis"):
        until(lambda: redis.client().get(redis.EPOCH))
        until(lambda: redis.client().pubsub_numsub(redis.NUDGE_CHANNEL)[0][1] == 1)
        for number in range(10):
            note(str(number), session=session)
            redis.nudge()
            until(lambda n=number: len(entries(session)) == n + 1, 0.4)


def test_events_of_a_type_nobody_knows_any_more_still_reach_their_stream() -> None:
    session = uuid4()
    with Writer() as writer:
        writer.note("old", session=session)
        writer.connection.execute("SELECT set_config('chimera.tenant', %s, true)", [str(TENANT)])
        writer.commit()
    with registered({Shouted: [relay.fast(lambda events, pipe: None)]}):
        drain(RedisLane())
    assert len(entries(session)) == 1


def test_the_stream_is_trimmed_to_its_limit(settings: Any) -> None:
    settings.STREAM_EVENTS_MAX = 100
    session = uuid4()
    for _ in range(5):
        note(*(str(n) for n in range(100)), session=session)
    with registered({}):
        drain(RedisLane())
    kept = entries(session)
    assert 100 <= len(kept) < 300  # "~": whole nodes are dropped
    assert kept[-1][0] == str(log()[-1].position)


def test_a_lane_moves_only_from_where_it_was_read() -> None:
    note("1")
    batch = cursor.next_batch("redis")
    with tenancy.system():
        cursor.advance("redis", frm=batch.start, to=batch.end)
    with pytest.raises(cursor.Fenced), tenancy.system():
        cursor.advance("redis", frm=batch.start, to=batch.end)
    assert at() == batch.end


def test_what_a_reaction_tells_is_delivered_in_its_turn() -> None:
    def answer(events: Any, pipe: Any) -> None:
        for event in events:
            with tenancy.bound(event.tenant_id):
                from chimera.kernel.actors import SYSTEM
                from chimera.kernel.eventlog import tell

                tell(noted(f"answer to {event.payload['text']}", session=event.session_id, fact=Shouted), by=SYSTEM)

    session = uuid4()
    note("question", session=session)
    with registered({Noted: [relay.fast(answer)]}):
        drain(RedisLane())
    assert len(entries(session)) == 2


def test_the_cursor_follows_what_was_done_and_catches_up_when_there_is_nothing_to_do() -> None:
    session, lane = uuid4(), RedisLane()
    with registered({}):
        note("1", session=session)
        assert lane.step() is Pace.DONE
        first = at()
        note("2", session=session)
        assert lane.step() is Pace.DONE
        assert (at(), len(entries(session))) == (first, 2)
        assert lane.step() is Pace.IDLE
    assert at() == log()[-1].position


def test_who_leads_after_a_crash_repeats_what_was_not_recorded_and_nothing_is_doubled() -> None:
    session, seen = uuid4(), []
    with registered({Noted: [relay.fast(lambda events, pipe: seen.extend(texts(events)))]}):
        died = RedisLane()
        for text in ("1", "2", "3"):
            note(text, session=session)
            died.step()
        drain(RedisLane())
    assert seen == ["1", "2", "3", "2", "3"]
    assert [i for i, _ in entries(session)] == [str(event.position) for event in log()]


def test_a_lane_whose_cursor_was_moved_by_another_notices_before_it_reacts() -> None:
    session, ours, seen = uuid4(), RedisLane(), []
    with registered({Noted: [relay.fast(lambda events, pipe: seen.extend(texts(events)))]}):
        for text in ("1", "2"):
            note(text, session=session)
            ours.step()
        drain(RedisLane())
        note("3", session=session)
        seen.clear()
        with pytest.raises(cursor.Fenced):
            ours.step()
        assert seen == []
        drain(ours)
    assert seen == ["3"]


def test_what_a_reaction_says_that_it_told_is_delivered_without_a_nudge() -> None:
    def answer(events: Any, pipe: Any) -> bool:
        for event in events:
            note("answer", session=event.session_id, fact=Shouted)
        return True

    session, lane = uuid4(), RedisLane()
    with registered({Noted: [relay.fast(answer)]}):
        note("question", session=session)
        assert lane.step() is Pace.TOLD
        assert lane.step() is Pace.DONE
    assert len(entries(session)) == 2


def test_a_redis_that_was_lost_since_the_last_look_is_rebuilt_and_told_the_same_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(epoch, "RUN_ID_SECONDS", 60.0)
    session, rebuilt = uuid4(), []
    lane = RedisLane()
    with registered({}, rebuild=[lambda: rebuilt.append(entries(session))]):
        lane.step()
        note("1", session=session)
        redis.client().flushall()
        assert lane.step() is Pace.MORE
        assert redis.client().get(redis.EPOCH) is None
        drain(lane)
    assert len(rebuilt) == 2
    assert redis.client().get(redis.EPOCH)
    assert [i for i, _ in entries(session)] == [str(log()[0].position)]
    assert at() == log()[0].position


def test_the_chain_of_a_session_holds_across_batches_and_lanes(settings: Any) -> None:
    settings.RELAY_BATCH = 2
    one, other = uuid4(), uuid4()
    with registered({}):
        first = RedisLane()
        for number in range(3):
            note(f"a{number}", session=one)
            note(f"b{number}", session=other)
            drain(first)
        drain(RedisLane())
        note("a3", session=one)
        note("b3", session=other)
        drain(RedisLane())
    for session in (one, other):
        chain = [(i, fields["prev"]) for i, fields in entries(session)]
        assert [prev for _, prev in chain] == [str(START), *(i for i, _ in chain[:-1])]
