"""The supervisor of `manage.py up`: children come back, and all of them end."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chimera.management.supervisor import Spec, Supervisor, describe
from tests.processes import proc

STEADY = "import time; print('up', flush=True); time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
PARENT = "import subprocess, time; p = subprocess.Popen(['sleep', '600']); print(p.pid, flush=True); time.sleep(600)"


class Stage:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.supervisor = Supervisor(self.said.append)

    def run(self, name: str, program: str, *, lasting: bool = True) -> None:
        command = [sys.executable, "-c", program]
        log = self.folder / f"{name}.log"
        self.supervisor.start(Spec(name, command, dict(os.environ), self.folder, log, lasting))
        if lasting:
            proc.until(lambda: log.exists() and log.read_text())

    def pid(self, name: str) -> int:
        return self.supervisor.child(name).process.pid

    def tended(self, name: str) -> bool:
        self.supervisor.tend()
        return self.supervisor.child(name).alive()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.supervisor.stop(seconds=1)


def test_a_child_that_is_killed_comes_back_after_a_pause(stage: Stage) -> None:
    stage.run("web", STEADY)
    first = stage.pid("web")
    os.kill(first, signal.SIGKILL)
    proc.until(lambda: not stage.supervisor.child("web").alive())
    stage.supervisor.tend()
    stage.supervisor.tend()
    assert not stage.supervisor.child("web").alive()
    proc.until(lambda: stage.tended("web"))
    assert stage.pid("web") != first
    assert any("web ended (SIGKILL" in line for line in stage.said)


def test_the_pause_grows_while_it_keeps_failing(stage: Stage) -> None:
    command = [sys.executable, "-c", "raise SystemExit(3)"]
    stage.supervisor.start(Spec("web", command, dict(os.environ), stage.folder, stage.folder / "web.log"))
    proc.until(lambda: stage.supervisor.tend() or len(stage.said) == 3)
    assert [line.rsplit(" in ", 1)[1] for line in stage.said] == ["0.2 s", "0.4 s", "0.8 s"]
    assert "status 3" in stage.said[0]


def test_one_that_comes_and_goes_is_not_started_again(stage: Stage) -> None:
    stage.run("prepare", "raise SystemExit(2)", lasting=False)
    proc.until(lambda: stage.supervisor.tend() or stage.said)
    stage.supervisor.tend()
    assert stage.said == ["prepare failed: status 2"]
    assert not stage.supervisor.child("prepare").alive()


def test_stop_ends_the_deaf_and_what_they_started(stage: Stage) -> None:
    stage.run("deaf", DEAF)
    stage.run("parent", PARENT)
    deaf, parent = stage.pid("deaf"), stage.pid("parent")
    grandchild = int((stage.folder / "parent.log").read_text())
    stage.supervisor.stop(seconds=0.5)
    assert not any(proc.lives(pid) for pid in (deaf, parent))
    proc.until(lambda: not proc.lives(grandchild))
    assert stage.said == ["deaf did not stop in time and was killed"]


def test_a_stage_that_is_over_takes_no_time_from_the_others(stage: Stage) -> None:
    slow = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        "    time.sleep(0.8); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); print('up', flush=True); time.sleep(600)"
    )
    for name in ("prepare", "before", "earlier"):
        stage.run(name, "pass", lasting=False)
        proc.until(lambda name=name: not stage.supervisor.child(name).alive())
    stage.run("web", slow)
    stage.supervisor.stop(seconds=2.0)
    assert stage.said == []


def test_the_last_stage_ends_first(stage: Stage) -> None:
    telling = (
        "import os, signal, sys, time\n"
        "def end(*_):\n"
        "    open('ended', 'a').write(sys.argv[0] + ' ' + NAME + '\\n'); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); print('up', flush=True); time.sleep(600)"
    )
    stage.run("web", f"NAME = 'web'\n{telling}")
    stage.run("agent", f"NAME = 'agent'\n{telling}")
    stage.supervisor.stop(seconds=5)
    assert (stage.folder / "ended").read_text().split()[1::2] == ["agent", "web"]


def test_an_end_is_told_in_words() -> None:
    assert [describe(0), describe(2), describe(-9), describe(None)] == [
        "status 0",
        "status 2",
        "SIGKILL",
        "still running",
    ]
