"""What the READMEs show is run as it stands there, in a tenant that has nothing yet."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cast import Caller, Stage
from tests.processes import proc
from tests.processes.harness import House, until

pytestmark = pytest.mark.slow
SECONDS = 60


@contextmanager
def program(
    file: str, number: int, house: House, who: Caller, log: Path, answers: str = ""
) -> Iterator["subprocess.Popen[bytes]"]:
    """`answers` is what a person types."""
    typed = log.with_suffix(".typed")
    typed.write_text(answers)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(proc.ROOT / "sdk/src")}
    with log.open("wb") as output, typed.open("rb") as typing:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.sdk.readme", file, str(number)],
            env=environment | {"CHIMERA_URL": house.url, "CHIMERA_KEY": who.secret, "PYTHONUNBUFFERED": "1"},
            cwd=proc.ROOT,
            stdin=typing,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


@pytest.mark.parametrize(
    ("file", "printed"), [("README.md", "/live/sessions/"), ("sdk/README.md", "swarm.task.created.v1")]
)
def test_the_agent_of_ten_lines_and_the_client_work_together(
    acme: Stage, house: House, tmp_path: Path, file: str, printed: str
) -> None:
    told, asked = tmp_path / "agent.log", tmp_path / "client.log"
    with program(file, 0, house, acme.ada, told) as agent:
        with program(file, 1, house, acme.boss, asked) as client:
            assert client.wait(SECONDS) == 0, asked.read_text()
        assert printed in asked.read_text()
        (task,) = acme.otto.get("tasks").ok()["results"]
        until(lambda: ended(acme, task), SECONDS)
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(SECONDS) == 0, told.read_text()
    assert ended(acme, task) == "completed", told.read_text()
    assert "working as ada (worker), 8 slots, types: answer" in told.read_text()
    assert f"<Task answer {task['id']}>: completed in " in told.read_text()
    (result,) = acme.otto.get(f"tasks/{task['id']}")["results"]
    assert {"README.md": "unknown", "sdk/README.md": []}[file] == result["output_payload"]["answer"]
    (spent,) = acme.otto.get("transactions", task=task["id"])["results"]
    assert (spent["status"], spent["captured_usd"], spent["payee"]) == ("captured", "0.04", "render.example")


def test_the_metered_agent_pays_for_its_pages_and_is_stopped_where_the_money_ends(
    acme: Stage, house: House, tmp_path: Path
) -> None:
    acme.budget(total_usd="0.05")
    session = acme.session()
    with program("README.md", 2, house, acme.ada, tmp_path / "agent.log"):
        small = acme.task(session, type="translate", input_payload={"pages": [1, 2, 3]})
        until(lambda: ended(acme, small), SECONDS)
        big = acme.task(session, type="translate", input_payload={"pages": list(range(100))})
        until(lambda: ended(acme, big), SECONDS)
    assert [ended(acme, task) for task in (small, big)] == ["completed", "blocked"]
    (spent,) = acme.otto.get("transactions", task=small["id"])["results"]
    assert (spent["status"], spent["captured_usd"]) == ("captured", "0.006")
    (card,) = acme.rita.get("reviews", status="pending").ok()["results"]
    assert (card["task"], card["reasons"][0]["code"]) == (big["id"], "budget_exceeded")


def test_the_console_of_ones_own_gives_out_each_card_and_takes_its_decision(
    acme: Stage, house: House, tmp_path: Path
) -> None:
    acme.budget(day_usd="20", approval_threshold_usd="2")
    session = acme.session()
    tasks = [acme.task(session, description=f"Paint hut {number}", execution_mode="manual") for number in (1, 2)]
    bought = acme.task(session)
    until(lambda: acme.otto.get(f"tasks/{bought['id']}")["status"] == "queued", SECONDS)
    acme.ada.spend(acme.ada.claim()[0], "3").ok(202)
    answers = "approve\n\nreject\nno paint\nrequest_changes\ntoo dear\n"
    with program("README.md", 3, house, acme.rita, tmp_path / "console.log", answers) as console:
        assert console.wait(SECONDS) == 0, (tmp_path / "console.log").read_text()
    said = (tmp_path / "console.log").read_text()
    assert "“Paint hut 1” begins when a person says so." in said
    assert "ada wants to spend $3.00 at render.example." in said
    assert "the whole tenant, day: $17.00 left if approved" in said
    decided = [card["status"] for card in acme.rita.get("reviews").ok()["results"]]
    assert sorted(decided) == ["approved", "changes_requested", "rejected"]
    assert ended(acme, tasks[1]) == "failed"


def test_whoever_forgets_the_budget_is_told_so_where_the_agent_runs(acme: Stage, house: House, tmp_path: Path) -> None:
    told = tmp_path / "agent.log"
    with program("README.md", 0, house, acme.ada, told):
        task = acme.task(acme.session(), type="answer")
        until(lambda: ended(acme, task), SECONDS)
        until(lambda: "failed: no_budget: " in told.read_text(), SECONDS)
    assert ended(acme, task) == "failed"


def ended(acme: Stage, task: dict[str, Any]) -> str | None:
    status = acme.otto.get(f"tasks/{task['id']}")["status"]
    return str(status) if status in {"completed", "failed", "blocked"} else None
