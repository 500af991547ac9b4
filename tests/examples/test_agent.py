"""The agent's loop against a real HTTP server that hands out claims."""

from collections.abc import Callable
from typing import Any

import pytest

from examples.agents.agent import Agent
from examples.agents.connection import Chimera, LeaseLost, Refused
from examples.agents.lease import Lease, Pulse
from examples.agents.outcome import succeeded
from examples.agents.stopping import Interrupted, Stop
from tests.examples.server import Answer, Body, Server, serving

CLAIM = {"task": {"id": "t1", "type": "draft", "session": "s1"}, "lease_token": "l1", "attempt": 1}
STALE: Answer = (409, {"code": "stale_lease", "detail": "This lease is over."})


def work(
    handle: Callable[[Lease, Chimera], Any], *, claim: dict[str, Any] = CLAIM, result: Answer = (200, {})
) -> Server:
    """One claim is worked on; the second call for claims ends the agent."""
    stop = Stop()

    def answer(path: str, body: Body) -> Answer:
        if path.endswith("/claims"):
            if server.bodies("/api/v1/claims")[1:]:
                stop.now()
                return 200, {"claims": []}
            return 200, {"claims": [claim]}
        return result

    with serving(answer) as server:
        Agent(Chimera(server.url, "chm_x"), {"draft": handle}, slots=2, stop=stop).run()
    return server


def result_of(server: Server) -> Body:
    (only,) = server.bodies("/api/v1/tasks/t1/result")
    return only


def test_a_result_is_reported_with_the_lease_token():
    said = result_of(work(lambda lease, api: succeeded({"n": 1}, reasoning="because")))
    assert said == {"lease_token": "l1", "status": "succeeded", "output_payload": {"n": 1}, "reasoning": "because"}


def test_nothing_is_reported_while_a_human_decides():
    assert work(lambda lease, api: None).bodies("/api/v1/tasks/t1/result") == []


def test_nothing_is_reported_under_a_lost_lease():
    def lose(lease: Lease, api: Chimera) -> None:
        lease.lost.set()
        lease.report("writing", 50, "too late")

    assert work(lose).bodies("/api/v1/tasks/t1/result") == []


def test_what_breaks_becomes_an_honest_failure_that_may_be_retried():
    def divide(lease: Lease, api: Chimera) -> Any:
        return 1 / 0

    error = result_of(work(divide))["error"]
    assert error == {"code": "agent_error", "message": "ZeroDivisionError: division by zero", "retryable": True}


def test_a_refusal_by_the_server_keeps_its_code_and_is_not_retried():
    def refused(lease: Lease, api: Chimera) -> Any:
        raise Refused(422, {"code": "invalid_money", "detail": "Must be an amount."})

    assert result_of(work(refused))["error"] == {
        "code": "invalid_money",
        "message": "Must be an amount.",
        "retryable": False,
    }


def test_a_type_that_nobody_taught_us_is_left_to_others():
    error = result_of(work(lambda lease, api: None, claim=CLAIM | {"task": CLAIM["task"] | {"type": "bake"}}))["error"]
    assert (error["code"], error["retryable"]) == ("unknown_task_type", True)


def test_a_stale_result_does_not_end_the_agent():
    assert len(work(lambda lease, api: succeeded({}, reasoning=""), result=STALE).bodies("/api/v1/claims")) == 2


def test_a_key_that_nobody_knows_ends_the_agent():
    with serving(lambda path, body: (401, {"code": "unauthenticated"})) as server:
        with pytest.raises(Refused):
            Agent(Chimera(server.url, "chm_x"), {}, slots=1, stop=Stop()).run()


@pytest.mark.parametrize("answer", [STALE, (200, {"commands": ["stop"]}), (200, {"commands": [{"name": "stop"}]})])
def test_a_heartbeat_that_is_refused_or_told_to_stop_ends_the_work(answer):
    lease = Lease.of(CLAIM)
    with serving(lambda path, body: answer) as server:
        pulse = Pulse(Chimera(server.url, "chm_x"), beat_seconds=0.02)
        pulse.start()
        with pulse.watching(lease):
            assert lease.lost.wait(10)
        pulse.stop()
    with pytest.raises(LeaseLost):
        lease.check()


def test_a_heartbeat_tells_the_progress():
    lease = Lease.of(CLAIM)
    lease.report("writing", 40, "7 findings")
    with serving(lambda path, body: (200, {"commands": ["stop"]})) as server:
        pulse = Pulse(Chimera(server.url, "chm_x"), beat_seconds=0.02)
        pulse.start()
        with pulse.watching(lease):
            assert lease.lost.wait(10)
        pulse.stop()
    progress = {"phase": "writing", "percentage": 40, "message": "7 findings"}
    assert server.bodies("/api/v1/tasks/t1/heartbeat")[0] == {"lease_token": "l1", "progress": progress}


def test_nobody_begins_to_wait_after_the_stop():
    stop = Stop()
    stop.now()
    with pytest.raises(Interrupted), stop.interruptible():
        raise AssertionError("waited")
