"""The built-in agents against a real HTTP server that hands out claims, and as processes."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from examples.agents.drafting import Post
from examples.agents.finding import Finding
from examples.agents.roles import ROLES, agent_of
from examples.agents.writer import buy_render
from tests.examples.server import Answer, Body, Server, answering, serving
from tests.examples.working import in_hand
from tests.processes import proc

ORDER = {"platform": "x", "length": 280, "topic": "the electric ferry across the harbour", "render_usd": "0.04"}
FERRY = Finding("The electric ferry Kittiwake crosses the harbour in nine minutes.", "ferry.md", 3)
MEMORY = {"id": "m1", "content": FERRY.content, "source": {"file": FERRY.file, "sentence": FERRY.sentence}}
FOUND: Answer = (200, {"results": [{"memory": MEMORY, "score": 0.9}]})


def work(role: str, claim: Body, answer: Callable[[str], Answer], *, until: str) -> Server:
    """One claim is worked on until `until` is asked for."""
    loop, asked = asyncio.new_event_loop(), asyncio.Event()

    def answered(path: str, body: Body) -> Answer:
        if path.endswith("/claims"):
            return 200, {"claims": [] if server.bodies("/api/v1/claims")[1:] else [claim]}
        if path.endswith(until):
            loop.call_soon_threadsafe(asked.set)
        return answer(path)

    async def run(url: str) -> None:
        agent = agent_of(role, url, "chm_x")
        working = asyncio.create_task(agent.serve())
        await asyncio.wait_for(asked.wait(), 30)
        agent.stop()
        await working

    with serving(answered) as server, asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(run(server.url))
    return server


def claim_of(type: str, **input: Any) -> Body:
    task = {"id": "t1", "type": type, "session": "s1", "input_payload": input}
    return {"task": task, "lease_token": "l1", "lease_expires_at": "2026-01-01T00:01:00Z", "attempt": 1}


def drafting(spend: Answer) -> Callable[[str], Answer]:
    def answer(path: str) -> Answer:
        if path.endswith("/search"):
            return FOUND
        if path.endswith("/transactions"):
            return spend
        return 200, {"outcomes": [{"status": "completed"}], "lease_expires_at": "2026-01-01T00:01:00Z"}

    return answer


def results(server: Server) -> list[Body]:
    return [result for body in server.bodies("/api/v1/claims/results") for result in body["results"]]


def test_a_draft_holds_the_price_of_its_picture_and_leaves_it_open():
    held = {"id": "x1", "status": "held", "amount_usd": "0.04"}
    server = work("worker", claim_of("draft", **ORDER), drafting((201, held)), until="/results")
    (result,) = results(server)
    assert (result["status"], result["output_payload"]["render"]) == (
        "succeeded",
        {"transaction": "x1", "amount_usd": "0.04"},
    )
    assert not [path for path, _, _ in server.seen if path.endswith(("/capture", "/void"))]


def test_a_budget_that_refuses_is_an_honest_failure():
    refusal = {"code": "over_day_limit", "detail": "The day is spent.", "remaining_usd": "0.01", "resets_at": None}
    (result,) = results(work("worker", claim_of("draft", **ORDER), drafting((402, refusal)), until="/results"))
    assert result["error"] == {"code": "budget_refused", "message": "The day is spent.", "retryable": False}
    assert result["metrics"] == {"remaining_usd": "0.01", "resets_at": None, "refusal": "over_day_limit"}


def test_nothing_is_reported_while_a_human_decides():
    waits = {"id": "x1", "status": "review", "review": "r1", "amount_usd": "0.04"}
    assert results(work("worker", claim_of("draft", **ORDER), drafting((202, waits)), until="/transactions")) == []


def test_the_same_purchase_has_the_same_name():
    with answering((201, {"id": "x1", "status": "held", "amount_usd": "0.04"})) as server:
        for _ in range(2):
            with in_hand(server.url, input_payload=ORDER) as (_task, ctx):
                buy_render(ctx, Post("text", [], []))
        assert {key for _, key, _ in server.seen} == {"render-t1-l1"}


def test_a_plan_without_a_brief_fails_for_good():
    (result,) = results(work("planner", claim_of("plan"), drafting((200, {})), until="/results"))
    assert (result["error"]["code"], result["error"]["retryable"]) == ("bad_brief", False)


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_key_that_nobody_knows_ends_the_process_with_a_word(role):
    with serving(lambda path, body: (401, {"code": "unauthenticated", "detail": "This key is not known."})) as server:
        environment = {"PATH": os.environ["PATH"], "CHIMERA_URL": server.url, "CHIMERA_KEY": "chm_x"}
        command = [sys.executable, "-m", "examples.agents", "--role", role]
        ended = subprocess.run(command, env=environment, cwd=proc.ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert "check CHIMERA_KEY" in ended.stderr
