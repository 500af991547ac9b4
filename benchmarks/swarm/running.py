"""The two processes of a row: one that enqueues as it is told, and one that works."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.lifecycle import ROOT
from benchmarks.swarm.contenders import Contender
from benchmarks.swarm.jobs.stamps import Stamps
from chimera.kernel.embedded import Process

STOP_SECONDS = 5


class Unfinished(RuntimeError):
    """Nothing has moved for longer than it may, or a process ended by itself."""


class Producing:
    """benchmarks/swarm/jobs/producing.py tells what can be ordered."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process, self.pid = process, process.pid
        self.packages: dict[str, str] = self._answer()["packages"]

    def order(self, *words: object) -> float | None:
        """Seconds that it took, None where the queue has no such call."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        seconds: float | None = self._answer()["seconds"]
        return seconds

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        if not (line := self._process.stdout.readline()):
            raise Unfinished("the producer ended")
        return json.loads(line)


@contextmanager
def producing(contender: Contender, stamps: Stamps) -> Iterator[Producing]:
    """It ends with its standard input; what it complains about is in a file of the home folder."""
    with (contender.home / "producer.log").open("wb") as log:
        process = subprocess.Popen(
            contender.producer(),
            cwd=ROOT,
            env=_environment(contender, stamps, works=False),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        yield Producing(process)
    finally:
        try:
            process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def working(contender: Contender, stamps: Stamps) -> Iterator[Process]:
    environment = _environment(contender, stamps, works=True)
    process = Process(contender.worker(), log=contender.home / "worker.log", environment=environment, folder=ROOT)
    try:
        yield process
    finally:
        process.stop(signal.SIGTERM, seconds=STOP_SECONDS)


def until(
    condition: Callable[[], bool], *, patience: float, pause: float = 0.05, moved: Callable[[], object] = lambda: None
) -> None:
    """Unfinished after `patience` seconds in which `moved` answered the same."""
    deadline, last = time.monotonic() + patience, moved()
    while not condition():
        if (now := moved()) != last:
            deadline, last = time.monotonic() + patience, now
        if time.monotonic() > deadline:
            raise Unfinished(f"nothing has moved for {patience} s")
        time.sleep(pause)


def _environment(contender: Contender, stamps: Stamps, *, works: bool) -> dict[str, str]:
    return os.environ | contender.environment(works=works) | {"BENCH_STAMPS": str(stamps.path)}
