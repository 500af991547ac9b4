"""Real agent processes: told to stop, killed, and behind a proxy that knows no sockets."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chimera_sdk import Agent
from tests.cast import Stage
from tests.processes import proc
from tests.processes.harness import House, until
from tests.sdk.conftest import working
from tests.sdk.deaf_proxy import deaf_proxy

pytestmark = pytest.mark.slow
SECONDS = 60
Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(acme: Stage, house: House, tmp_path: Path) -> Iterator[Start]:
    """Starts an agent process of Ada's; what is left of them is killed."""
    started: list[subprocess.Popen[bytes]] = []
    told = {"FILE": str(tmp_path / "begun"), "GO": str(tmp_path / "go"), "CHIMERA_URL": house.url}
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(proc.ROOT / "sdk/src"), "CHIMERA_KEY": acme.ada.secret}

    def begin() -> "subprocess.Popen[bytes]":
        with (tmp_path / "process.log").open("ab") as log:
            command = [sys.executable, "-m", "tests.sdk.process"]
            started.append(
                subprocess.Popen(
                    command, env=environment | told, cwd=proc.ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            )
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait(10)


def begun(tmp_path: Path) -> list[tuple[int, str]]:
    """Process and task, in order."""
    file = tmp_path / "begun"
    lines = file.read_text().splitlines() if file.exists() else []
    return [(int(pid), task) for pid, task in (line.split() for line in lines)]


def with_status(acme: Stage, session: dict[str, Any], status: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = acme.otto.get("tasks", session=session["id"], status=status).ok()["results"]
    return rows


def test_a_process_that_is_told_to_stop_ends_its_work_and_begins_no_more(
    acme: Stage, house: House, start: Start, tmp_path: Path
) -> None:
    session = acme.session()
    for _ in range(6):
        acme.task(session)
    process = start()
    until(lambda: len(begun(tmp_path)) == 4, SECONDS)
    process.send_signal(signal.SIGTERM)
    until(lambda: "draining" in (tmp_path / "process.log").read_text() or process.poll() is None, SECONDS)
    (tmp_path / "go").touch()
    assert process.wait(SECONDS) == 0
    assert len(with_status(acme, session, "completed")) == 4
    assert len(begun(tmp_path)) == 4
    assert with_status(acme, session, "running") == []


def test_what_a_killed_process_held_is_soon_done_by_another(
    acme: Stage, house: House, start: Start, tmp_path: Path
) -> None:
    session = acme.session()
    for _ in range(4):
        acme.task(session)
    process = start()
    until(lambda: len(begun(tmp_path)) == 4, SECONDS)
    process.kill()
    (tmp_path / "go").touch()
    start()
    until(lambda: len(with_status(acme, session, "completed")) == 4, SECONDS)
    for task in with_status(acme, session, "completed"):
        assert len([result for result in task["results"] if result["applied"]]) == 1


def test_two_processes_under_one_key_share_its_slots_and_not_their_tasks(
    acme: Stage, house: House, start: Start, tmp_path: Path
) -> None:
    session = acme.session()
    for _ in range(12):
        acme.task(session)
    first, second = start(), start()
    until(lambda: len(begun(tmp_path)) == 8, SECONDS)
    by = {p.pid: {task for pid, task in begun(tmp_path) if pid == p.pid} for p in (first, second)}
    assert [len(tasks) for tasks in by.values()] == [4, 4]
    assert not by[first.pid] & by[second.pid]
    first.kill()
    until(lambda: len(with_status(acme, session, "running")) == 4, SECONDS)  # what the first held is given back
    (tmp_path / "go").touch()
    until(lambda: len(with_status(acme, session, "completed")) == 12, SECONDS)
    for task in with_status(acme, session, "completed"):
        assert task["attempt_count"] == (2 if task["id"] in by[first.pid] else 1)
        assert task["results"][-1]["output_payload"] == {"pid": second.pid}


def test_a_proxy_that_knows_no_sockets_is_worked_through_by_http(acme: Stage, house: House) -> None:
    task, agent, done = acme.task(acme.session()), Agent(), threading.Event()

    @agent.task()
    def anything(task, ctx):
        done.set()
        return ctx.result({}, confidence=0.95)

    with deaf_proxy(house.port) as (url, upgrades):
        behind = House(house.folder, [])
        behind.url = url
        with working(agent, behind, acme.ada, transport="auto"):
            until(lambda: acme.otto.get(f"tasks/{task['id']}")["status"] == "completed", SECONDS)
    assert done.is_set()
    assert len(upgrades) == 1
