"""What the SDK's README shows is run as it stands there."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cast import Caller, Stage
from tests.processes import proc
from tests.processes.harness import House, until

pytestmark = pytest.mark.slow
SECONDS = 60


@contextmanager
def program(number: int, house: House, who: Caller, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(proc.ROOT / "sdk/src")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.sdk.readme", str(number)],
            env=environment | {"CHIMERA_URL": house.url, "CHIMERA_KEY": who.secret, "PYTHONUNBUFFERED": "1"},
            cwd=proc.ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def test_the_agent_of_ten_lines_and_the_client_work_together(acme: Stage, house: House, tmp_path: Path) -> None:
    acme.budget(day_usd="1.00")
    with program(0, house, acme.ada, tmp_path / "agent.log") as agent:
        with program(1, house, acme.pia, tmp_path / "client.log") as client:
            assert client.wait(SECONDS) == 0, (tmp_path / "client.log").read_text()
        assert "swarm.task.created.v1" in (tmp_path / "client.log").read_text()
        (task,) = acme.otto.get("tasks").ok()["results"]
        until(lambda: acme.otto.get(f"tasks/{task['id']}")["status"] == "completed", SECONDS)
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(SECONDS) == 0, (tmp_path / "agent.log").read_text()
    (result,) = acme.otto.get(f"tasks/{task['id']}")["results"]
    assert result["output_payload"]["picture"] == "a picture of When does the ferry leave?"
    (spent,) = acme.otto.get("transactions", task=task["id"])["results"]
    assert (spent["status"], spent["captured_usd"], spent["payee"]) == ("captured", "0.04", "render.example")
