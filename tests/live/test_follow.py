"""History, then the stream: one cursor, nothing missing and nothing twice, for any number of viewers."""

import asyncio
import threading
from uuid import uuid4

import pytest
from django.db import connections

from chimera.kernel import redis
from chimera.kernel.bridge import in_thread
from chimera.kernel.eventlog import START, Position
from chimera.kernel.stream import history, viewer
from chimera.kernel.stream.hub import hub
from tests.kernel.log import Writer, log, note
from tests.live.watching import Watch, positions, reads, run, until, write

pytestmark = pytest.mark.usefixtures("db")


@pytest.mark.usefixtures("certified")
def test_a_viewer_sees_history_then_live_and_then_what_comes() -> None:
    session = uuid4()
    note("1", "2", session=session)

    async def main() -> None:
        async with Watch(session) as ada:
            await ada.live()
            await write("3", session=session)
            await ada.sees(3)
            assert ada.kinds == ["event", "event", "live", "event"]
            assert ada.texts == ["1", "2", "3"]
            assert ada.frames[2]["position"] == ada.positions[1]
            shape = {"kind", "position", "type", "at", "actor", "trace_id", "session", "task", "payload"}
            assert set(ada.frames[0]) == set(ada.frames[3]) == shape

    run(main)


@pytest.mark.usefixtures("certified")
def test_three_thousand_events_arrive_once_and_in_order_while_viewers_come_and_go() -> None:
    session, total = uuid4(), 3_000
    written = threading.Event()

    def write_them() -> None:
        for start in range(0, total, 5):
            note(*(str(n) for n in range(start, start + 5)), session=session)
            if start % 50 == 0:
                redis.nudge()
        written.set()
        connections.close_all()

    async def main() -> None:
        writer = threading.Thread(target=write_them)
        async with Watch(session) as first:
            writer.start()
            await first.sees(total // 3, 60)
            cursor = Position.parse(first.positions[-1])
            seen_before = len(first.positions)
            async with Watch(session) as second, Watch(session, cursor) as third:
                await first.sees(total, 60)
                await second.sees(total, 60)
                await third.sees(total - seen_before, 60)
                assert not writer.join(10)
                whole = await in_thread(positions, session)
                assert first.positions == second.positions == whole
                assert third.positions == whole[seen_before:]
                assert first.texts == [str(n) for n in range(total)]

    run(main)


@pytest.mark.usefixtures("certified")
def test_who_comes_back_with_a_cursor_continues_there() -> None:
    session = uuid4()
    note("1", "2", "3", session=session)

    async def main() -> None:
        async with Watch(session) as ada:
            await ada.sees(3)
            cursor = Position.parse(ada.positions[1])
        await write("4", session=session)
        async with Watch(session, cursor) as ada:
            await ada.sees(2)
            await write("5", session=session)
            await ada.sees(3)
            assert ada.texts == ["3", "4", "5"]
            assert "gap" not in ada.kinds

    run(main)


@pytest.mark.usefixtures("certified")
def test_many_viewers_share_one_reader_and_none_asks_postgres_once_it_is_live() -> None:
    sessions = [uuid4() for _ in range(5)]
    for session in sessions:
        note("1", session=session)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            watches = [Watch(session) for session in sessions for _ in range(10)]
            for watch in watches:
                group.create_task(watch.__aenter__())
        for watch in watches:
            await watch.live()
        before = reads()
        for number in range(20):
            for session in sessions:
                await write(str(number), session=session)
        for watch in watches:
            await watch.sees(21)
        assert reads() == before
        reading = [c for c in await in_thread(redis.client().client_list) if c["cmd"] in {"xread", "xread|block"}]
        assert len(reading) == 1
        assert len(hub()._tails) == len(sessions)
        for watch in watches:
            await watch.__aexit__(None, None, None)
        assert hub()._reader is None

    run(main)


@pytest.mark.usefixtures("certified")
def test_a_slow_viewer_holds_up_nobody_and_misses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewer, "QUEUE_MAX", 20)
    session = uuid4()
    note("0", session=session)

    async def main() -> None:
        gate = asyncio.Event()
        gate.set()
        async with Watch(session, gate=gate) as slow, Watch(session) as quick:
            await slow.live()
            await quick.live()
            gate.clear()
            before = reads()
            for number in range(1, 101):
                await write(str(number), session=session)
            await quick.sees(101)
            assert len(slow.positions) <= 2
            gate.set()
            await slow.sees(101)
            assert slow.positions == quick.positions
            assert reads() > before  # sent back to PostgreSQL

    run(main)


def test_a_late_commit_is_shown_in_its_place(certified: None) -> None:
    session = uuid4()
    note("1", session=session)

    async def main() -> None:
        async with Watch(session) as ada:
            await ada.live()
            with Writer() as late:
                await in_thread(late.note, "began first", session=session)
                await write("committed first", session=session)
                await in_thread(late.commit)
            await ada.sees(3)
            assert ada.texts == ["1", "began first", "committed first"]

    run(main)


@pytest.mark.usefixtures("certified")
def test_a_gap_names_what_retention_removed() -> None:
    session = uuid4()
    note("1", "2", "3", "4", session=session)
    first, second, third, fourth = log()
    with connections["owner"].cursor() as cursor:
        cursor.execute("DELETE FROM kernel_event WHERE seq <= %s", [second.position.seq])

    async def main() -> None:
        async with Watch(session) as ada:
            await ada.live()
            assert ada.frames[0] == {"kind": "gap", "from": "0-0", "to": str(third.position)}
            assert ada.texts == ["3", "4"]
        async with Watch(session, first.position) as bob:
            await bob.live()
            assert bob.frames[0] == {"kind": "gap", "from": str(first.position), "to": str(third.position)}
        async with Watch(session, third.position) as eve:
            await eve.live()
            assert eve.kinds == ["event", "live"]
            assert eve.positions == [str(fourth.position)]

    run(main)


@pytest.mark.usefixtures("certified")
def test_a_viewer_of_another_tenant_is_shown_nothing_by_history() -> None:
    session = uuid4()
    note("secret", session=session)

    async def main() -> None:
        async with Watch(session, tenant=uuid4()) as stranger:
            await stranger.live()
            assert stranger.texts == []

    run(main)


def test_a_full_house_refuses_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    from chimera.kernel.errors import Refused
    from chimera.kernel.stream import hub as hubs

    monkeypatch.setattr(hubs, "VIEWERS_MAX", 1)

    async def main() -> None:
        seat = hub().join(uuid4())
        with pytest.raises(Refused) as refusal:
            hub().join(uuid4())
        assert refusal.value.status == 503
        hub().leave(seat)
        hub().leave(hub().join(uuid4()))

    run(main)


@pytest.mark.usefixtures("certified")
def test_a_connection_is_given_back_after_so_much_history(monkeypatch: pytest.MonkeyPatch) -> None:
    from chimera.kernel.stream import follow

    monkeypatch.setattr(history, "PAGE", 10)
    monkeypatch.setattr(follow, "HISTORY_EVENTS_MAX", 30)
    session = uuid4()
    note(*(str(n) for n in range(75)), session=session)

    async def main() -> None:
        at, seen = START, []
        while len(seen) < 75:
            watch = Watch(session, at)
            async with watch:
                await until(lambda w=watch: w._task.done() or w.is_live)
            seen += watch.texts
            at = Position.parse(watch.positions[-1])
        assert seen == [str(n) for n in range(75)]

    run(main)


@pytest.mark.usefixtures("certified")
def test_who_is_silent_is_pinged(monkeypatch: pytest.MonkeyPatch) -> None:
    from chimera.kernel.stream import follow

    monkeypatch.setattr(follow, "PING_SECONDS", 0.05)
    session = uuid4()
    note("1", session=session)

    async def main() -> None:
        async with Watch(session) as ada:
            await until(lambda: ada.kinds.count("ping") >= 3)

    run(main)
