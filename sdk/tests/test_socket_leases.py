"""Leases on the socket: kept across a disconnection, lost, stopped, and given back at the end."""

import asyncio

import pytest

from chimera_sdk import Agent, StaleLease
from speaking import HELLO, RENEWED, Endless, Peer, agent_of, answer, claim, converse


def test_a_handler_goes_on_across_a_short_disconnection():
    begun, go_on = asyncio.Event(), asyncio.Event()
    runs = 0

    async def slow(task, ctx):
        nonlocal runs
        runs += 1
        begun.set()
        await go_on.wait()
        return {"runs": runs}

    async def first(peer: Peer) -> None:
        await peer.hello()
        await peer.say(claim(1))
        await begun.wait()
        await peer.socket.close(1001)

    async def second(peer: Peer) -> None:
        await peer.hello(again={"t1": True})
        go_on.set()
        assert (await peer.hear("result"))["output_payload"] == {"runs": 1}

    converse(agent_of(slow), first, second)


def test_a_result_without_an_answer_is_sent_again_even_if_its_lease_is_gone():
    async def first(peer: Peer) -> None:
        await peer.hello()
        await peer.say(claim(1))
        await peer.hear("result")
        peer.socket.transport.abort()  # the answer is lost

    async def second(peer: Peer) -> None:
        await peer.hello()
        assert (await peer.hear("result"))["lease_token"] == "l1"

    converse(agent_of(answer), first, second)


def test_an_answered_result_is_not_sent_again():
    async def first(peer: Peer) -> None:
        await peer.hello()
        await peer.say(claim(1))
        await peer.ack(await peer.hear("result"), task="t1", outcome="completed")
        await peer.say(claim(2))
        await peer.hear("result")  # the first answer was heard by now
        await peer.socket.close(1001)

    async def second(peer: Peer) -> None:
        await peer.hello()
        assert (await peer.hear("result"))["task"] == "t2"
        assert [f["task"] for frame in peer.frames for f in frame if f["kind"] == "result"] == ["t2"]

    converse(agent_of(answer), first, second)


def test_a_lease_that_went_elsewhere_meanwhile_cancels_its_handler():
    slow = Endless()

    async def first(peer: Peer) -> None:
        await peer.hello()
        await peer.say(claim(1))
        await slow.begun.wait()
        await peer.socket.close(1001)

    async def second(peer: Peer) -> None:
        assert (await peer.hello(again={"t1": False}))["slots"] == 4
        await slow.is_cancelled()

    converse(agent_of(slow), first, second)


def test_a_server_that_is_busy_is_asked_again_what_we_still_hold():
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(task, ctx):
        begun.set()
        await go_on.wait()
        return {}

    async def first(peer: Peer) -> None:
        await peer.hello()
        await peer.say(claim(1))
        await begun.wait()
        await peer.socket.close(1001)

    async def second(peer: Peer) -> None:
        await peer.say(HELLO)
        beat = await peer.hear("heartbeat")
        await peer.say({"kind": "error", "ref": beat["ref"], "code": "busy", "detail": "Somebody holds a lock."})
        again = await peer.hear("heartbeat")
        assert again["leases"] == beat["leases"] == [{"task": "t1", "lease_token": "l1"}]
        await peer.ack(again, leases=[{"task": "t1"} | RENEWED])
        assert (await peer.hear("ready"))["slots"] == 4
        go_on.set()
        assert (await peer.hear("result"))["task"] == "t1"

    converse(agent_of(slow), first, second)


@pytest.mark.parametrize("how", ["command", "heartbeat", "stale"])
def test_a_task_that_is_stopped_or_lost_is_cancelled_and_not_reported(how):
    endless = Endless()

    async def slow(task, ctx):
        return {} if task.id == "t2" else await endless(task, ctx)

    async def script(peer: Peer) -> None:
        await peer.hello(heartbeat_seconds=0.05)
        await peer.say(claim(1))
        await endless.begun.wait()
        if how == "command":
            await peer.say({"kind": "command", "name": "stop", "task": "t1"})
        else:
            beat = await peer.hear("heartbeat")
            assert beat["leases"] == [{"task": "t1", "lease_token": "l1"}]
            said = (
                {"task": "t1", "lease_expires_at": "2026-01-01T00:01:00Z", "commands": ["stop"]}
                if how == "heartbeat"
                else {"task": "t1", "error": {"code": "stale_lease", "detail": "This lease is over."}}
            )
            await peer.ack(beat, leases=[said])
        await endless.is_cancelled()
        await peer.say(claim(2))
        assert (await peer.hear("result"))["task"] == "t2"

    converse(agent_of(slow), script)


def test_a_lease_that_cannot_be_renewed_is_lost_when_it_ends():
    lost = asyncio.Event()

    async def slow(task, ctx):
        try:
            await asyncio.Event().wait()
        finally:
            lost.set()

    async def script(peer: Peer) -> None:
        await peer.hello(lease_seconds=0.2)
        await peer.say(claim(1))
        await asyncio.wait_for(lost.wait(), 10)  # no heartbeat is answered

    converse(agent_of(slow), script)


def test_a_thread_hears_of_its_lost_lease_at_the_next_call():
    begun, heard = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        loop = asyncio.get_running_loop()
        said: list[BaseException] = []

        def plain(task, ctx):
            loop.call_soon_threadsafe(begun.set)
            while not ctx.cancelled:
                pass
            try:
                ctx.progress("reading", 40)
            except StaleLease as error:
                said.append(error)
                loop.call_soon_threadsafe(heard.set)
                raise

        agent.task("research")(plain)
        await peer.hello()
        await peer.say(claim(1, type="plain"))
        await begun.wait()
        await peer.say({"kind": "command", "name": "stop", "task": "t1"})
        await asyncio.wait_for(heard.wait(), 10)
        assert said

    agent = Agent()

    @agent.task("plain")
    def plain(task, ctx):
        return agent.handlers["research"](task, ctx)

    converse(agent, script)


def test_while_draining_nothing_is_begun_and_what_runs_may_end():
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(task, ctx):
        begun.set()
        await go_on.wait()
        return {"ended": True}

    agent = agent_of(slow)

    async def script(peer: Peer) -> None:
        await peer.hello()
        await peer.say(claim(1))
        await begun.wait()
        agent.stop()
        assert (await peer.hear("ready"))["slots"] == 0
        await peer.say(claim(2))
        go_on.set()
        result = await peer.hear("result")
        assert result["output_payload"] == {"ended": True}
        await peer.ack(result, task="t1", outcome="completed")
        await peer.socket.wait_closed()

    converse(agent, script)


def test_draining_has_an_end():
    begun = asyncio.Event()

    async def endless(task, ctx):
        begun.set()
        await asyncio.Event().wait()

    agent = agent_of(endless, drain_seconds=0.05)

    async def script(peer: Peer) -> None:
        await peer.hello()
        await peer.say(claim(1))
        await begun.wait()
        agent.stop()
        await peer.socket.wait_closed()
        assert all(f["kind"] != "result" for frame in peer.frames for f in frame)

    converse(agent, script)
