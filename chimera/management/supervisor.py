"""Child processes kept alive: one that ends is started again after a growing pause, and all end in order."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from chimera.kernel.embedded import Process

PAUSE_SECONDS, PAUSE_SECONDS_MAX = 0.2, 5.0
STEADY_SECONDS = 10.0  # who lived so long starts again with the shortest pause


@dataclass(frozen=True)
class Spec:
    """What to run. `log` None means: write where we write. `lasting` ones are started again when they end."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    folder: Path
    log: Path | None
    lasting: bool = True


class Child:
    def __init__(self, spec: Spec, say: Callable[[str], None]) -> None:
        self.spec = spec
        self._say = say
        self._pause = PAUSE_SECONDS
        self._again_at = 0.0
        self._told = False
        self._start()

    def alive(self) -> bool:
        return self.process.alive()

    def tend(self) -> None:
        """One look: note an end, or start again when the pause is over."""
        if self.alive() or (self._told and not self.spec.lasting):
            return
        now = time.monotonic()
        if not self._told:
            self._told = True
            self._note_end(now)
        elif now >= self._again_at:
            self._start()

    def ask_to_end(self) -> None:
        if self.alive():
            self.process.signal(signal.SIGTERM)

    def end(self, deadline: float) -> None:
        """By `deadline` (monotonic) at the latest, with whatever it started in its session."""
        if not self.process.wait(max(0.0, deadline - time.monotonic())):
            self._say(f"{self.spec.name} did not stop in time and was killed")
        # Nobody may be left in it; macOS says EPERM for a session of zombies.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(1)

    def _start(self) -> None:
        spec = self.spec
        self.process = Process(
            spec.command,
            log=spec.log,
            environment=spec.environment,
            folder=spec.folder,
            # When we are killed the servers go too, and whoever wants to say good-bye to them would wait in vain.
            death_signal=signal.SIGKILL,
        )
        self._started_at = time.monotonic()
        self._told = False

    def _note_end(self, now: float) -> None:
        how = describe(self.process.returncode)
        if not self.spec.lasting:
            if self.process.returncode != 0:
                self._say(f"{self.spec.name} failed: {how}")
            return
        if now - self._started_at > STEADY_SECONDS:
            self._pause = PAUSE_SECONDS
        self._again_at = now + self._pause
        where = f", see {self.spec.log}" if self.spec.log else ""
        self._say(f"{self.spec.name} ended ({how}{where}) and is started again in {self._pause:.1f} s")
        self._pause = min(PAUSE_SECONDS_MAX, self._pause * 2)


class Supervisor:
    """Children in stages; the last stage ends first."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._stages: list[list[Child]] = []

    def start(self, *specs: Spec) -> None:
        """One stage."""
        stage: list[Child] = []
        self._stages.append(stage)
        for spec in specs:
            stage.append(Child(spec, self._say))

    def child(self, name: str) -> Child:
        return next(child for stage in self._stages for child in stage if child.spec.name == name)

    def tend(self) -> None:
        for stage in self._stages:
            for child in stage:
                child.tend()

    def stop(self, *, seconds: float) -> None:
        """Within `seconds`: a stage has its share of what is left, and leaves what it does not need to the next.

        Stages that are over have no share.
        """
        end = time.monotonic() + seconds
        while self._stages:
            living = sum(any(child.alive() for child in stage) for stage in self._stages)
            share = (end - time.monotonic()) / max(1, living)
            stage = self._stages.pop()
            for child in stage:
                child.ask_to_end()
            deadline = time.monotonic() + share
            for child in stage:
                child.end(deadline)


def describe(returncode: int | None) -> str:
    if returncode is None:
        return "still running"
    return f"status {returncode}" if returncode >= 0 else signal.Signals(-returncode).name
