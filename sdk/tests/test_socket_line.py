"""What goes over the socket while it is there, and what odd things said there do."""

import pytest

from chimera_sdk import Agent, Fatal
from speaking import HELLO, Peer, agent_of, answer, claim, converse


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
