"""`manage.py chimera tail` as a process: the history, then what happens, until Ctrl-C; and how pipes and absent servers end."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import pytest
from django.core.management import call_command

from chimera.kernel import redis
from tests.cast import Stage
from tests.processes import proc

Settle = Callable[[], None]
PATIENCE_SECONDS = 60
NOBODY_THERE = "postgresql://somebody:secret@127.0.0.1:9/chimera"


class Tail:
    """The command with its lines, read as they come."""

    def __init__(self, *words: str) -> None:
        command = [sys.executable, "manage.py", "chimera", "tail", *words]
        self.process = subprocess.Popen(
            command,
            cwd=proc.ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=proc.heed_ctrl_c,
        )
        self._lines: Queue[str] = Queue()
        Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def line(self) -> str:
        return self._lines.get(timeout=PATIENCE_SECONDS)

    def rest(self) -> list[str]:
        return [self._lines.get() for _ in range(self._lines.qsize())]

    def interrupt(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGINT)
        _, complaints = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, complaints


@pytest.fixture
def tails() -> Iterator[Callable[..., Tail]]:
    made: list[Tail] = []

    def start(*words: str) -> Tail:
        made.append(Tail(*words))
        return made[-1]

    yield start
    for tail in made:
        if tail.process.poll() is None:
            tail.process.kill()
            tail.process.wait(PATIENCE_SECONDS)


def shown(*words: str) -> str:
    out = StringIO()
    call_command("chimera", "tail", *words, "--no-follow", stdout=out)
    return out.getvalue()


def test_the_history_is_told_in_order_with_names(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    acme.task(session, type="write")
    settle()
    acme.ada.finish(acme.ada.claim()[0]).ok()
    settle()
    lines = shown(session["id"]).splitlines()
    told = ["session created", "session started", "task created", "task queued", "task claimed", "task completed"]
    assert [what for line, what in zip(lines, told, strict=False) if what in line] == told
    assert "write" in lines[4]
    assert lines[4].endswith("attempt 1  by ada")
    assert "by pia" in lines[2]


def test_a_position_is_gone_on_from(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    acme.task(session)
    settle()
    events = [json.loads(line) for line in shown(session["id"], "--json").splitlines()]
    assert events == acme.otto.get(f"sessions/{session['id']}/events").ok()["results"]
    rest = [json.loads(line) for line in shown(session["id"], "--json", "--after", events[1]["position"]).splitlines()]
    assert rest == events[2:]


def test_another_tenants_session_is_not_told(acme: Stage, zenith: Stage) -> None:
    session = zenith.session()
    with pytest.raises(Exception, match="No such session"):
        shown(session["id"], "--tenant", "Acme")


@pytest.mark.slow
def test_what_happens_is_told_at_once_until_ctrl_c(acme: Stage, settle: Settle, tails: Callable[..., Tail]) -> None:
    session = acme.session()
    settle()
    tail = tails(session["id"], "--json")
    assert json.loads(tail.line())["type"] == "swarm.session.created.v1"
    acme.task(session)
    settle()
    types = [json.loads(tail.line())["type"] for _ in range(3)]
    assert types == ["swarm.session.started.v1", "swarm.task.created.v1", "swarm.task.queued.v1"]
    redis.client().flushall()
    acme.otto.post(f"sessions/{session['id']}/pause").ok()
    settle()
    assert json.loads(tail.line())["type"] == "swarm.session.paused.v1"
    assert tail.interrupt() == (0, "")
    assert tail.rest() == []


@pytest.mark.slow
def test_a_reader_who_has_enough_ends_it_quietly(acme: Stage) -> None:
    session = acme.session()["id"]
    body: dict[str, Any] = {"session": session, "type": "x" * 80, "input_payload": {}}
    acme.pia.post("tasks/batch", {"tasks": [body] * 500}).ok(201)
    command = f"{sys.executable} manage.py chimera tasks --limit 500 | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=proc.ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("id ")


@pytest.mark.slow
@pytest.mark.parametrize("command", [["chimera", "queue"], ["reconcile"], ["statement"]])
def test_without_servers_it_names_the_variable_and_the_way_out(tmp_path: Path, command: list[str]) -> None:
    own = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")
    environment = {name: value for name, value in os.environ.items() if name not in own}
    for more, sentence in (
        ({}, "DATABASE_URL is not set: run `make up` first"),
        ({"DATABASE_URL": NOBODY_THERE, "REDIS_URL": "redis://127.0.0.1:9"}, "PostgreSQL (DATABASE_URL) says:"),
    ):
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=proc.ROOT,
            env=environment | {"CHIMERA_HOME": str(tmp_path)} | more,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        assert done.returncode == 1
        assert sentence in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
