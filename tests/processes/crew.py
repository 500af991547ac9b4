"""A house of real processes with agents of the SDK, each of which can be killed, and what they did."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from chimera.kernel.actors import SYSTEM
from chimera.kernel.eventlog import Event
from swarm.actions import agents
from swarm.models import Task
from tests.cast import Stage
from tests.processes import proc
from tests.processes.harness import House, until

SLOTS = 8
SECONDS = 90  # for whatever should take one or two


class Crew:
    """Agents by name: a process and a key each."""

    def __init__(self, acme: Stage, house: House, folder: Path) -> None:
        self.acme, self.house, self.folder = acme, house, folder
        self.go = folder / "go"
        self._effects, self._answers = folder / "effects", folder / "answers"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.keys: dict[str, str] = {}
        self.session: str = acme.session()["id"]

    # ------------------------------------------------------------------ agents

    def hire(self, name: str, transport: str, *, slots: int = SLOTS) -> None:
        with self.acme.bound():
            _, key = agents.register(
                name=name, role="worker", capabilities=[], tools_config={}, max_slots=slots, by=SYSTEM
            )
        self.keys[name] = key
        told = {
            "NAME": name,
            "TRANSPORT": transport,
            "SLOTS": str(slots),
            "GO": str(self.go),
            "EFFECTS": str(self._effects),
            "ANSWERS": str(self._answers),
            "CHIMERA_URL": self.house.url,
            "CHIMERA_KEY": key,
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(proc.ROOT / "sdk/src"),
        }
        command = [sys.executable, "-m", "tests.processes.sdk_agent"]
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command, env=told, cwd=proc.ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def kill(self, name: str) -> None:
        process = self._processes.pop(name)
        assert process.poll() is None, (self.folder / f"{name}.log").read_text()[-2000:]
        process.kill()
        process.wait(10)

    def freeze(self, name: str) -> None:
        self._processes[name].send_signal(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self._processes[name].send_signal(signal.SIGCONT)

    def end(self) -> None:
        for name in list(self._processes):
            self.thaw(name)
            self._processes[name].kill()
            self._processes.pop(name).wait(10)

    # ------------------------------------------------------------------ work

    def offer(self, number: int, *, priority: int = 50, **payload: Any) -> list[str]:
        body = {"session": self.session, "type": "research", "input_payload": payload, "priority": priority}
        made = self.acme.pia.post("tasks/batch", {"tasks": [body | {"max_attempts": 10}] * number}).ok(201)["tasks"]
        return [task["id"] for task in made]

    def offer_to(self, name: str, number: int, **payload: Any) -> list[str]:
        """Tasks that this agent has begun: nobody else is there, or has a slot left."""
        made = self.offer(number, waits=True, **payload)
        until(lambda: {task for task, _, who in self.effects() if who == name} >= set(made), SECONDS)
        return made

    def is_at_work(self, name: str) -> None:
        """Wait until it has come, and done something."""
        (task,) = self.offer(1)
        until(lambda: any(who == name for done, _, who in self.effects() if done == task), SECONDS)
        self.completed([task])

    def completed(self, tasks: list[str]) -> None:
        until(lambda: self.house.all_alive() and self.number_of(tasks, "completed") == len(tasks), SECONDS)

    # ------------------------------------------------------------------ what happened

    def number_of(self, tasks: list[str], status: str) -> int:
        with self.acme.bound():
            return Task.objects.filter(pk__in=tasks, status=status).count()

    def effects(self) -> list[tuple[str, int, str]]:
        """(task, attempt, agent), in the order in which they began."""
        words = [line.split() for line in _lines(self._effects)]
        return [(task, int(attempt), who) for task, attempt, who in words]

    def answers(self) -> dict[str, str]:
        """What was answered to each agent's stubborn result."""
        return dict(line.split() for line in _lines(self._answers))

    def told(self, tasks: list[str], kind: str) -> list[Event]:
        """Facts of this kind about these tasks."""
        with self.acme.bound():
            return list(Event.objects.filter(type=f"swarm.task.{kind}.v1", task_id__in=tasks).order_by("xid", "seq"))


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []
