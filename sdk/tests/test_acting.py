"""Actions: decided, done once, told; what a handler sees when they are not."""

from typing import Any

import pytest

from answering import Answer, Server, answering
from chimera_sdk import ActionDenied
from test_polling_line import NOTHING, agent_of, claims, outcomes, work

ALLOWED = {"id": "x1", "status": "allowed", "digest": "9f86", "reasons": [], "review": None}
EXECUTION = {"action": "x1", "execution_token": "t0", "tool": "publish", "arguments": {"text": "edited"}}
DONE = outcomes({"status": "completed"})


def server_with(**answers: list[Answer]) -> Any:
    usual = {"actions": [Answer(201, ALLOWED)], "execution": [Answer(200, EXECUTION)], "results": [DONE]}
    return answering(claims=[claims(1), NOTHING], **(usual | answers))


def told(server: Server) -> Any:
    (body,) = server.bodies("outcome")
    return body


@pytest.mark.parametrize("threaded", [False, True])
def test_what_was_approved_is_done_and_told(threaded):
    done = []

    async def handler(task, ctx):
        async with ctx.act("publish", {"text": "mine"}, amount_usd="0.40", payee="short.example") as action:
            done.append(action.arguments)
            action.output, action.cost_usd = {"url": "u"}, "0.38"
        return ctx.result({"status": action.status}, confidence=0.9)

    def plain(task, ctx):
        with ctx.act("publish", {"text": "mine"}, amount_usd="0.40", payee="short.example") as action:
            done.append(action.arguments)
            action.output, action.cost_usd = {"url": "u"}, "0.38"
        return ctx.result({"status": action.status}, confidence=0.9)

    with server_with(outcome=[Answer(200, ALLOWED | {"status": "succeeded"})]) as server:
        work(agent_of(plain if threaded else handler), server, lambda: server.bodies("results"))
        (asked,), (shown,) = server.bodies("actions"), server.bodies("execution")
        assert (asked["tool"], asked["arguments"], asked["amount_usd"]) == ("publish", {"text": "mine"}, "0.40")
        assert (shown, done) == ({"lease_token": "l1", "digest": "9f86"}, [{"text": "edited"}])
        said = {"execution_token": "t0", "status": "succeeded", "output": {"url": "u"}, "cost_usd": "0.38"}
        assert told(server) == said
        ((result,),) = [body["results"] for body in server.bodies("results")]
        assert result["output_payload"] == {"status": "succeeded"}


def test_an_exception_inside_is_told_as_a_failure_and_is_the_tasks_own():
    async def handler(task, ctx):
        async with ctx.act("publish", {}):
            raise ZeroDivisionError("the ferry sank")

    with server_with(outcome=[Answer(200, ALLOWED | {"status": "failed"})]) as server:
        work(agent_of(handler), server, lambda: server.bodies("results"))
        assert told(server) == {
            "execution_token": "t0",
            "status": "failed",
            "output": {"error": "ZeroDivisionError"},
        }
        ((result,),) = [body["results"] for body in server.bodies("results")]
        assert result["error"]["code"] == "ZeroDivisionError"


def test_what_is_denied_fails_the_task_for_good_and_is_not_done():
    reasons = [{"code": "budget_exceeded", "detail": "The day is used up."}]
    seen = []

    async def handler(task, ctx):
        try:
            async with ctx.act("publish", {}):
                seen.append("done")
        except ActionDenied as denied:
            seen.append(denied.code)
            raise

    with server_with(actions=[Answer(201, ALLOWED | {"status": "denied", "reasons": reasons})]) as server:
        work(agent_of(handler), server, lambda: server.bodies("results"))
        ((result,),) = [body["results"] for body in server.bodies("results")]
        assert (seen, result["error"]["retryable"]) == (["budget_exceeded"], False)
        assert (server.bodies("execution"), server.bodies("outcome")) == ([], [])


@pytest.mark.parametrize("where", ["proposed", "executed"])
def test_what_a_person_decides_about_reports_nothing(where):
    seen = []

    async def handler(task, ctx):
        try:
            async with ctx.act("publish", {}):
                seen.append("done")
        except Exception as error:
            seen.append(error)
            raise

    review = ALLOWED | {"status": "review", "review": "c1"}
    problem = {"code": "approval_mismatch", "detail": "It changed.", "anew": review}
    answers = {"proposed": {"actions": [Answer(201, review)]}, "executed": {"execution": [Answer(409, problem)]}}
    with server_with(**answers[where]) as server:
        work(agent_of(handler), server, lambda: seen)
        assert [getattr(error, "review", None) for error in seen] == ["c1"]
        assert (server.bodies("results"), server.bodies("outcome")) == ([], [])


def test_a_restarted_agent_proposes_under_the_same_key_and_executes_under_another():
    async def handler(task, ctx):
        async with ctx.act("publish", {"text": "mine"}):
            pass
        return ctx.result({}, confidence=0.9)

    keys = []
    for _ in range(2):
        with server_with(outcome=[Answer(200, ALLOWED | {"status": "succeeded"})]) as server:
            work(agent_of(handler), server, lambda: server.bodies("results"))
            by_word = {asked.path.rpartition("/")[2]: asked.key for asked in server.asked}
            keys.append((by_word["actions"], by_word["execution"]))
    assert keys[0][0] == keys[1][0]
    assert keys[0][1] != keys[1][1]
