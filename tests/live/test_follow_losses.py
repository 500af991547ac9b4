"""Redis and PostgreSQL may go and come back; no viewer misses an event by it."""

import asyncio
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError

from chimera.kernel import redis, stream
from chimera.kernel.bridge import in_thread
from chimera.kernel.eventlog import START
from chimera.kernel.relay.redis_lane import RedisLane
from chimera.kernel.stream.hub import hub
from tests import cluster
from tests.kernel.log import drain, log, note, registered
from tests.live.watching import Watch, positions, reads, run, until, write

pytestmark = pytest.mark.usefixtures("db")


@pytest.mark.usefixtures("certified")
def test_flushall_in_the_middle_costs_no_viewer_an_event() -> None:
    session = uuid4()
    note("0", session=session)

    async def main() -> None:
        async with Watch(session) as ada, Watch(session) as bob:
            await ada.live()
            await bob.live()
            for number in range(1, 31):
                await write(str(number), session=session)
                if number % 10 == 5:
                    await in_thread(redis.client().flushall)
            await ada.sees(31)
            await bob.sees(31)
            assert ada.positions == bob.positions == await in_thread(positions, session)

    run(main)


def test_a_redis_that_forgot_is_noticed_though_nothing_more_is_written() -> None:
    """The last event was in the stream and went with it before the hub could read it."""
    session = uuid4()
    note("1", session=session)
    with registered({}):
        drain(RedisLane())

    async def main() -> None:
        async with Watch(session) as ada:
            await ada.live()
            await in_thread(note, "2", session=session)
            client = redis.client()
            await in_thread(lambda: client.delete(redis.stream(session)))
            await in_thread(lambda: client.set(redis.EPOCH, "rebuilt:again"))
            await ada.sees(2)

    run(main)


def test_an_entry_that_was_lost_from_the_stream_is_read_from_postgres() -> None:
    session = uuid4()
    note("1", session=session)
    with registered({}):
        drain(RedisLane())

    async def main() -> None:
        async with Watch(session) as ada:
            await ada.live()
            before = reads()
            await in_thread(note, "2", "3", session=session)
            second, third = (await in_thread(log))[1:]
            pipe = redis.client().pipeline(transaction=False)
            stream.append([third], {session: second.position}, pipe)
            await in_thread(pipe.execute)
            await ada.sees(3)
            assert ada.texts == ["1", "2", "3"]
            assert reads() == before + 1

    run(main)


def test_an_entry_that_comes_again_is_not_shown_again() -> None:
    session = uuid4()
    note("1", "2", session=session)
    with registered({}):
        drain(RedisLane())

    async def main() -> None:
        async with Watch(session) as ada:
            await ada.live()
            first, second = await in_thread(log)
            client = redis.client()
            await in_thread(lambda: client.delete(redis.stream(session)))
            hub()._tails[session].cursor = "0-0"  # a stream that was lost takes old ids again
            pipe = client.pipeline(transaction=False)
            stream.append([first, second], {session: START}, pipe)
            await in_thread(pipe.execute)
            await in_thread(note, "3", session=session)
            with registered({}):
                await in_thread(drain, RedisLane())
            await ada.sees(3)
            assert ada.texts == ["1", "2", "3"]

    run(main)


@pytest.mark.usefixtures("certified")
def test_while_redis_is_away_viewers_poll_and_afterwards_they_do_not() -> None:
    session = uuid4()
    note("1", session=session)

    async def main() -> None:
        async with Watch(session) as ada:
            await ada.live()
            await in_thread(cluster.redis.kill)
            await in_thread(note, "2", session=session)
            await ada.sees(2)
            async with Watch(session) as bob:  # who comes now gets history, and is told that this is all
                await bob.live()
                assert bob.texts == ["1", "2"]
            await in_thread(cluster.redis.start)
            await until(lambda: hub()._tails, 10)
            await write("3", session=session)
            await ada.sees(3)
            before = reads()
            await write("4", session=session)
            await ada.sees(4)
            assert reads() == before
            assert ada.positions == await in_thread(positions, session)

    run(main)


def test_without_any_relay_viewers_still_see_what_is_written() -> None:
    session = uuid4()
    note("1", session=session)

    async def main() -> None:
        async with Watch(session) as ada:
            await ada.live()
            await in_thread(note, "2", session=session)
            await ada.sees(2)

    run(main)


@pytest.mark.slow
@pytest.mark.usefixtures("certified")
def test_a_postgres_that_was_killed_costs_no_viewer_an_event() -> None:
    session = uuid4()
    note("1", session=session)

    async def main() -> None:
        async with Watch(session) as ada:
            await ada.live()
            await in_thread(cluster.postgres.kill)
            async with Watch(session) as bob:  # comes while there is no history to be had
                await in_thread(cluster.postgres.start)
                await until_written("2", session)
                await ada.sees(2, 30)
                await bob.sees(2, 30)
                assert ada.texts == bob.texts == ["1", "2"]

    run(main)


async def until_written(text: str, session: UUID) -> None:
    """The pool hands out connections of the dead server first."""
    async with asyncio.timeout(20):
        while True:
            try:
                await write(text, session=session)
            except OperationalError:
                await asyncio.sleep(0.05)
            else:
                return
