"""How an agent begins, what it tells whoever runs it, and how it ends: as a process, where that is what is seen."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from answering import Answer, answering
from chimera_sdk import Agent, ChimeraError
from chimera_sdk.context import Resume
from chimera_sdk.threaded import ThreadResume
from speaking import Peer, agent_of, answer, claim, converse, speaking

SECONDS = 20
KEY = "chm_not-to-be-shown"
PROGRAM = """
import asyncio, os, time
from chimera_sdk import Agent

agent = Agent(drain_seconds=20)

@agent.task("research")
async def research(task, ctx):
    open(os.environ["BEGUN"], "w").close()
    await asyncio.Event().wait()

{setup}
agent.run({arguments})
"""


@contextmanager
def program(url: str, log: Path, *, setup: str = "", arguments: str = "slots=2") -> Iterator["subprocess.Popen[bytes]"]:
    told = {"CHIMERA_URL": url, "CHIMERA_KEY": KEY, "BEGUN": str(log.with_name("begun")), "PYTHONASYNCIODEBUG": "1"}
    source = Path(__file__).parents[1] / "src"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(source), "PYTHONUNBUFFERED": "1"} | told
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM.format(setup=setup, arguments=arguments)],
            env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait(SECONDS)


class InThread:
    """The scripted socket server, beside the test: the agent is a process of its own."""

    def __init__(self, *scripts) -> None:
        self.scripts, self.url, self.up, self.over = scripts, "", threading.Event(), threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    async def _run(self) -> None:
        async with speaking(*self.scripts) as server:
            self.url = server.url
            self.up.set()
            await asyncio.to_thread(self.over.wait)

    def __enter__(self) -> "InThread":
        self.thread.start()
        assert self.up.wait(SECONDS)
        return self

    def __exit__(self, *exc: object) -> None:
        self.over.set()
        self.thread.join(SECONDS)


def until(ask) -> None:
    deadline = time.monotonic() + SECONDS
    while not ask():
        assert time.monotonic() < deadline
        time.sleep(0.02)


async def greet(peer: Peer) -> None:
    await peer.hello()


async def one_task(peer: Peer) -> None:
    await peer.hello()
    await peer.say(claim(1))


def test_an_idle_agent_that_is_told_to_stop_says_who_it_was_and_nothing_odd(tmp_path):
    log = tmp_path / "log"
    with InThread(greet) as server, program(server.url, log) as process:
        until(lambda: "working as ada (worker), 2 slots, types: research" in log.read_text())
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
    said = log.read_text()
    assert "never" not in said
    assert "destroyed" not in said
    assert "Traceback" not in said


def test_a_second_signal_leaves_work_undone_and_says_so(tmp_path):
    log = tmp_path / "log"
    with InThread(one_task) as server, program(server.url, log) as process:
        until((tmp_path / "begun").exists)
        process.send_signal(signal.SIGTERM)
        until(lambda: "draining" in log.read_text())
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 1
    assert "1 tasks were left undone" in log.read_text()
    assert "Traceback" not in log.read_text()


def test_work_that_does_not_end_within_the_drain_is_left_undone_too(tmp_path):
    log = tmp_path / "log"
    with InThread(one_task) as server, program(server.url, log, setup="agent.drain_seconds = 0.1") as process:
        until((tmp_path / "begun").exists)
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 1
    assert "1 tasks were left undone" in log.read_text()


def test_a_key_that_is_not_known_is_one_sentence_and_the_line_that_ran(tmp_path):
    log = tmp_path / "log"
    said = {"code": "unauthenticated", "detail": "This key is not known."}
    with answering(Answer(401, said)) as server:
        setup = 'agent.transport = "http"'
        with program(server.url, log, setup=setup) as process:
            assert process.wait(SECONDS) == 1
    lines = log.read_text().splitlines()
    assert lines[-1] == "chimera_sdk.errors.ProblemError: 401 unauthenticated: This key is not known."
    assert len(lines) < 10
    assert KEY not in log.read_text()


def test_who_has_set_up_logging_hears_it_there_and_once(tmp_path):
    log = tmp_path / "log"
    setup = 'import logging; logging.basicConfig(format="mine: %(message)s", level=logging.DEBUG); logging.getLogger("chimera_sdk.wire").setLevel(10)'
    with InThread(greet) as server, program(server.url, log, setup=setup) as process:
        until(lambda: "mine: working as ada" in log.read_text())
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
    assert log.read_text().count("working as ada") == 1
    assert "> Authorization: Bearer …" in log.read_text(), "else this would show nothing"
    assert KEY not in log.read_text()


@pytest.mark.parametrize("slots", [0, -1, True, 1.5, "8", None])
def test_an_agent_without_slots_does_not_begin(slots):
    with pytest.raises(ChimeraError, match="slots"):
        agent_of(answer, url="http://127.0.0.1:9", key="chm_x").run(slots)


def test_an_agent_does_not_begin_by_a_transport_nobody_knows():
    with pytest.raises(ChimeraError, match="auto, socket, http"):
        agent_of(answer, url="http://127.0.0.1:9", key="chm_x", transport="pigeon").run()


@pytest.mark.parametrize("confidence", [-0.1, 1.1, True, float("nan")])
def test_a_confidence_is_a_share_of_one(confidence):
    with pytest.raises(ChimeraError, match="from 0 to 1"):
        Agent().task("research", confidence=confidence)


async def dict_of_one(task, ctx):
    return {"n": 1}


def heard(agent: Agent, numbers: int = 1) -> list[dict]:
    results: list[dict] = []

    async def script(peer: Peer) -> None:
        await peer.hello()
        for number in range(1, numbers + 1):
            await peer.say(claim(number))
            result = await peer.hear("result")
            results.append(result)
            await peer.ack(result, task=f"t{number}", outcome="blocked")

    converse(agent, script)
    return results


def test_a_handler_may_be_as_sure_of_everything_as_its_developer():
    agent = Agent()
    agent.task("research", confidence=0.95)(dict_of_one)
    assert [result["confidence_score"] for result in heard(agent)] == [0.95]


def test_results_without_a_confidence_are_warned_of_once_for_each_type(caplog):
    with caplog.at_level(logging.INFO, "chimera_sdk"):
        assert ["confidence_score" in result for result in heard(agent_of(dict_of_one), 2)] == [False, False]
    assert [record.getMessage() for record in caplog.records].count(
        "<Task research t1>: without a confidence a person has to look at each result of this type; give "
        "ctx.result(…, confidence=0.95), or @agent.task('research', confidence=0.95)"
    ) == 1
    assert "a person or a judge decides" in caplog.text


@pytest.mark.parametrize("thread", [False, True])
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("raise KeyError('harbour')", "failed: KeyError: KeyError: 'harbour'"), ("raise SystemExit(3)", "failed: SystemExit: SystemExit: 3"),
        ("return ctx.failed('No ferry.', code='no_ferry')", "failed: no_ferry: No ferry."), ("return {1, 2}", "failed: TypeError: "),
        ("return {'a': object()}", "failed: output_not_json: "),
    ],
)  # fmt: skip
def test_a_failure_is_seen_where_the_agent_runs(broken, said, thread, caplog):
    scope: dict = {}
    exec(f"{'' if thread else 'async '}def handler(task, ctx):\n    {broken}", scope)
    with caplog.at_level(logging.INFO, "chimera_sdk"):
        (result,) = heard(agent_of(scope["handler"]))
    assert result["status"] == "failed"
    (record,) = [record for record in caplog.records if "failed" in record.getMessage()]
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith(f"<Task research t1> {said}")


def test_what_a_person_decided_can_be_printed():
    resume = Resume({"review": "r1", "note": "Go on."}, [])
    assert repr(resume) == "<Resume review=r1 approved note='Go on.' transactions=[]>"
    assert (resume.decision, resume.edited) == ("approved", False)
    assert repr(ThreadResume(resume, [])) == repr(resume)
