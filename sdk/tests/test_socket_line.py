"""How the client behaves on the socket, against a server that says odd things and goes away."""

import asyncio
from typing import Any

import pytest

from chimera_sdk import Agent, Fatal, ProblemError, StaleLease
from chimera_sdk.lines import NoSocket
from speaking import HELLO, Peer, claim, converse, speaking


def agent_of(handler: Any, **more: Any) -> Agent:
    agent = Agent(**more)
    agent.task("research")(handler)
    return agent


async def answer(task, ctx):
    return ctx.result({"n": task.input.get("n", 0)}, confidence=0.9)


def test_a_task_is_worked_on_and_its_result_names_the_lease():
    async def script(peer: Peer) -> None:
        ready = await peer.hello()
        assert (ready["slots"], ready["types"]) == (4, ["research"])
        await peer.say(claim(1, n=7))
        result = await peer.hear("result")
        assert result == {
            "kind": "result", "ref": result["ref"], "task": "t1", "lease_token": "l1", "status": "succeeded",
            "output_payload": {"n": 7}, "confidence_score": 0.9,
        }  # fmt: skip
        await peer.ack(result, task="t1", outcome="completed")

    server = converse(agent_of(answer), script)
    assert server.headers == ["Bearer chm_x"]


def test_results_that_are_ready_together_go_in_one_frame():
    async def script(peer: Peer) -> None:
        await peer.hello()
        await peer.say(*(claim(n) for n in range(4)))
        await peer.hear("result")
        assert [len(frame) for frame in peer.frames] == [1, 4]  # ready, then all results

    converse(agent_of(answer), script)


def test_an_agent_for_anything_names_no_types():
    async def script(peer: Peer) -> None:
        assert "types" not in await peer.hello()
        await peer.say(claim(1, type="whatever"))
        assert (await peer.hear("result"))["status"] == "succeeded"

    agent = Agent()
    agent.task()(answer)
    converse(agent, script)


def test_what_nobody_knows_or_can_read_disturbs_nothing():
    async def script(peer: Peer) -> None:
        await peer.socket.send("no JSON {")
        await peer.say({"kind": "weather", "wind": 7}, HELLO | {"moon": "full"})
        await peer.hear("ready")
        await peer.socket.send('[17, null, {"no": "kind"}]')
        await peer.say(
            {"kind": "ack", "ref": 99_999}, {"kind": "error", "ref": None, "code": "malformed", "detail": "?"}
        )
        await peer.say({"kind": "command", "name": "dance", "task": "t9"}, claim(1))
        await peer.hear("result")

    converse(agent_of(answer), script)


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
        await peer.hello(leases=[claim(1)])
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
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def slow(task, ctx):
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            assert ctx.cancelled
            cancelled.set()

    async def first(peer: Peer) -> None:
        await peer.hello()
        await peer.say(claim(1))
        await begun.wait()
        await peer.socket.close(1001)

    async def second(peer: Peer) -> None:
        await peer.hello()
        await asyncio.wait_for(cancelled.wait(), 10)

    converse(agent_of(slow), first, second)


def test_leases_of_a_process_before_us_are_worked_on():
    async def script(peer: Peer) -> None:
        await peer.hello(leases=[claim(3) | {"kind": None}])
        assert (await peer.hear("result"))["task"] == "t3"

    converse(agent_of(answer), script)


@pytest.mark.parametrize("how", ["command", "heartbeat", "stale"])
def test_a_task_that_is_stopped_or_lost_is_cancelled_and_not_reported(how):
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def slow(task, ctx):
        if task.id == "t2":
            return {}
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def script(peer: Peer) -> None:
        await peer.hello(heartbeat_seconds=0.05)
        await peer.say(claim(1))
        await begun.wait()
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
        await asyncio.wait_for(cancelled.wait(), 10)
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


def test_progress_goes_before_the_result_and_only_the_latest():
    async def telling(task, ctx):
        await ctx.progress("reading", 10)
        await ctx.progress("reading", 40, "half of it")
        return {}

    async def script(peer: Peer) -> None:
        await peer.hello()
        await peer.say(claim(1))
        await peer.hear("result")
        kinds = [frame["kind"] for frame in peer.frames[-1]]
        assert kinds == ["progress", "result"]
        progress = peer.frames[-1][0]
        assert (progress["phase"], progress["percentage"], progress["message"]) == ("reading", 40, "half of it")

    converse(agent_of(telling), script)


def test_an_exception_is_a_failed_result_with_the_innermost_frames_of_ours():
    async def divide(task, ctx):
        return 1 / 0

    async def script(peer: Peer) -> None:
        await peer.hello()
        await peer.say(claim(1))
        error = (await peer.hear("result"))["error"]
        assert (error["code"], error["retryable"]) == ("ZeroDivisionError", True)
        assert error["message"].startswith("ZeroDivisionError: division by zero\n  tests/test_socket_line.py:")
        assert "workshop" not in error["message"]

    converse(agent_of(divide), script)


def test_a_fatal_exception_is_not_retried():
    async def hopeless(task, ctx):
        raise Fatal("There is no such harbour.", code="no_harbour")

    async def script(peer: Peer) -> None:
        await peer.hello()
        await peer.say(claim(1))
        error = (await peer.hear("result"))["error"]
        assert error == {"code": "no_harbour", "message": "There is no such harbour.", "retryable": False}

    converse(agent_of(hopeless), script)


def test_a_result_that_is_refused_is_replaced_by_a_failure_once():
    async def script(peer: Peer) -> None:
        await peer.hello()
        await peer.say(claim(1))
        for _ in range(2):
            result = await peer.hear("result")
            await peer.say(
                {"kind": "error", "ref": result["ref"], "code": "too_large", "detail": "Is larger than that."}
            )
        assert result["error"] == {"code": "result_too_large", "message": "Is larger than that.", "retryable": False}
        await peer.say(claim(2))
        assert (await peer.hear("result"))["task"] == "t2"

    converse(agent_of(answer), script)


@pytest.mark.parametrize("output", [{"n": float("nan")}, {"n": object()}])
def test_an_output_that_is_no_json_is_a_failure(output):
    async def odd(task, ctx):
        return output

    async def script(peer: Peer) -> None:
        await peer.hello()
        await peer.say(claim(1))
        assert (await peer.hear("result"))["error"]["code"] == "output_not_json"

    converse(agent_of(odd), script)


@pytest.mark.parametrize(("code", "status"), [(4401, 401), (4403, 403)])
def test_a_key_that_is_no_good_ends_the_agent(code, status):
    async def script(peer: Peer) -> None:
        await peer.socket.close(code)

    async def run() -> None:
        async with speaking(script) as server:
            await agent_of(answer, url=server.url, key="chm_x").serve()

    with pytest.raises(ProblemError) as refused:
        asyncio.run(run())
    assert refused.value.status == status


def test_an_agent_that_is_suspended_drops_its_work_and_asks_again():
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def slow(task, ctx):
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def first(peer: Peer) -> None:
        await peer.hello()
        await peer.say(claim(1))
        await begun.wait()
        await peer.socket.close(4403)

    async def second(peer: Peer) -> None:
        assert cancelled.is_set()
        await peer.socket.close(4403)

    async def third(peer: Peer) -> None:
        await peer.hello()

    assert converse(agent_of(slow), first, second, third).connections == 3


def test_a_handshake_that_is_forbidden_ends_the_agent():
    async def run() -> None:
        async with speaking(refuse=403) as server:
            await agent_of(answer, url=server.url, key="chm_x").serve()

    with pytest.raises(ProblemError) as refused:
        asyncio.run(run())
    assert (refused.value.status, refused.value.code) == (403, "refused")


@pytest.mark.parametrize("status", [400, 404, 426, 502])
def test_whoever_insists_on_the_socket_is_told_that_there_is_none(status):
    async def run() -> None:
        async with speaking(refuse=status) as server:
            await agent_of(answer, url=server.url, key="chm_x", transport="socket").serve()

    with pytest.raises(NoSocket, match=str(status)):
        asyncio.run(run())


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
