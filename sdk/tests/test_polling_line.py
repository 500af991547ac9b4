"""How the client behaves over HTTP, against a server that misbehaves in order."""

import asyncio
import threading
from typing import Any

import pytest

from answering import Answer, Server, answering
from chimera_sdk import Agent, ProblemError
from speaking import claim

LOST, NOTHING = Answer(lost=True), Answer(200, {"claims": []})
FROM = {"started_at": "2026-01-01T00:00:00Z"}


def claims(*numbers: int, lease_seconds: int = 60) -> Answer:
    found = [
        claim(n) | {"lease_expires_at": f"2026-01-01T00:{lease_seconds // 60:02}:{lease_seconds % 60:02}Z"}
        for n in numbers
    ]
    return Answer(200, {"claims": [one | {"task": one["task"] | FROM} for one in found]})


def outcomes(*said: dict[str, Any]) -> Answer:
    return Answer(200, {"outcomes": list(said)})


def agent_of(handler: Any) -> Agent:
    agent = Agent(transport="http", drain_seconds=0.2)
    agent.task("research")(handler)
    return agent


def work(agent: Agent, server: Server, until: Any, *, slots: int = 4) -> None:
    """Until `until()` is true."""

    async def run() -> None:
        agent.url, agent.key = server.url, "chm_x"
        working = asyncio.create_task(agent.serve(slots))
        async with asyncio.timeout(20):
            while not until() and not working.done():  # noqa: ASYNC110 (the server answers in a thread)
                await asyncio.sleep(0.01)
            agent.stop()
            await working

    asyncio.run(run())


async def answer(task, ctx):
    return ctx.result({"of": task.id}, confidence=0.9)


def test_a_claim_whose_answer_was_lost_is_asked_for_again_in_the_same_words():
    with answering(claims=[LOST, claims(1), NOTHING], results=[outcomes({"status": "completed"})]) as server:
        work(agent_of(answer), server, lambda: server.bodies("results"))
        first, again, *_ = [asked for asked in server.asked if asked.path.endswith("/claims")]
        assert first == again
        assert first.body == {"max": 4, "wait_seconds": 20, "types": ["research"]}
        ((result,),) = [body["results"] for body in server.bodies("results")]
        assert (result["task"], result["lease_token"], result["output_payload"]) == ("t1", "l1", {"of": "t1"})


def test_results_are_handed_in_until_they_are_answered():
    with answering(
        claims=[claims(1, 2), NOTHING],
        results=[LOST, Answer(503), outcomes({"status": "completed"}, {"status": "stale"})],
    ) as server:
        work(agent_of(answer), server, lambda: len(server.bodies("results")) == 3)
        assert len({str(body) for body in server.bodies("results")}) == 1


@pytest.mark.parametrize(
    "trouble", [outcomes({"error": {"code": "busy", "detail": "Locked."}}), Answer(500), Answer(429)]
)
def test_a_good_result_is_kept_while_the_server_has_trouble(trouble):
    good = outcomes({"status": "completed"})
    with answering(claims=[claims(1), NOTHING], results=[trouble, good]) as server:
        work(agent_of(answer), server, lambda: len(server.bodies("results")) == 2)
        first, again = server.bodies("results")
        assert first == again
        assert first["results"][0]["status"] == "succeeded"


def test_no_more_is_claimed_than_there_are_slots():
    go_on = asyncio.Event()

    async def slow(task, ctx):
        await go_on.wait()

    with answering(claims=[claims(1), claims(2), NOTHING], results=[outcomes({"status": "completed"})]) as server:
        work(agent_of(slow), server, lambda: len(server.bodies("claims")) == 2, slots=2)
        assert [body["max"] for body in server.bodies("claims")] == [2, 1]


def test_a_lease_is_kept_alive_at_the_pace_of_its_length_and_progress_goes_along():
    async def slow(task, ctx):
        await ctx.progress("reading", 40)
        await asyncio.Event().wait()

    alive = Answer(200, {"lease_expires_at": "2026-01-01T00:00:02Z", "commands": []})
    with answering(claims=[claims(1, lease_seconds=1), NOTHING], heartbeat=[alive]) as server:
        work(agent_of(slow), server, lambda: len(server.bodies("heartbeat")) >= 3)
        first, *others = server.bodies("heartbeat")
        assert first == {"lease_token": "l1", "progress": {"phase": "reading", "percentage": 40}}
        assert all(body == {"lease_token": "l1"} for body in others)


@pytest.mark.parametrize(
    "said", [Answer(409, {"code": "stale_lease"}), Answer(200, {"lease_expires_at": "2026-01-01T00:01:00Z", "commands": ["stop"]})]
)  # fmt: skip
def test_a_lease_that_is_over_cancels_the_handler_and_frees_its_slot(said):
    cancelled = threading.Event()

    async def slow(task, ctx):
        await ctx.progress("reading")
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with answering(claims=[claims(1), NOTHING], heartbeat=[said]) as server:
        work(agent_of(slow), server, lambda: cancelled.is_set() and len(server.bodies("claims")) > 1, slots=1)
        assert server.bodies("results") == []


def test_a_suspended_agent_asks_again_and_a_key_that_is_no_good_ends_it():
    suspended = Answer(403, {"code": "agent_suspended", "detail": "Suspended."})
    with answering(claims=[suspended, Answer(401, {"code": "unauthenticated", "detail": "Who?"})]) as server:
        with pytest.raises(ProblemError, match="unauthenticated"):
            work(agent_of(answer), server, lambda: False)
        assert len(server.bodies("claims")) == 2
