"""A whole house out of real processes, on the servers of this test run: web, relay and agents, each of which can be killed."""

import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import connections

from chimera.kernel.embedded import Process, ports
from tests import cluster
from tests.emptying import empty
from tests.processes import proc

LEASE_SECONDS = 3  # short, so that what a killed process held is soon another's
RETRY_BASE_SECONDS = 0.1  # tasks do wait before another attempt, and none for long
ASK_AGAIN_SECONDS = 0.1
READY_SECONDS = 60  # two cores, and other tests beside us


def until(ask: Callable[[], object], seconds: float) -> None:
    """Wait until `ask` says yes; AssertionError after `seconds`. Asks seldom, because the others need the machine."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"still {answer!r} after {seconds} s"
        time.sleep(ASK_AGAIN_SECONDS)


@contextmanager
def shared(folder: Path) -> Iterator["House"]:
    """One for several tests: each is a tenant of its own, who sees nothing of what the others left."""
    house = House(folder, [])
    try:
        house.start("relay", "web")
        yield house
    finally:
        house.stop()
        connections["default"].close()
        empty()


class House:
    """`start` and `kill` take the name of a process: web, relay, agents, other agents."""

    def __init__(self, folder: Path, keys: Sequence[str]) -> None:
        self.folder, self.port = folder, ports.choose()
        self.url = f"http://127.0.0.1:{self.port}"
        self.complaints = folder / "complaints"
        self._running: dict[str, Process] = {}
        self.employ(keys)

    def start(self, *names: str) -> None:
        for name in names:
            command = [sys.executable, *self._words(name)]
            log = self.folder / f"{name}.log"
            self._running[name] = Process(command, log=log, environment=self._environment(name), folder=proc.ROOT)
        if "web" in names:
            until(self._is_ready, READY_SECONDS)

    def employ(self, keys: Sequence[str]) -> None:
        """From now on agents have these keys, and nobody has complained yet."""
        self._keys = list(keys)
        self.complaints.write_text("")

    def complete(self, *names: str) -> None:
        """Start those that are not there, because a test that failed had killed them."""
        self.start(*(name for name in names if name not in self._running))

    def kill(self, name: str) -> None:
        """SIGKILL, and nothing is tidied up."""
        process = self._running.pop(name)
        assert process.alive(), process.last_words()
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait(10)

    def freeze(self, name: str) -> None:
        """SIGSTOP: it lives, and does nothing."""
        os.killpg(self._running[name].pid, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        os.killpg(self._running[name].pid, signal.SIGCONT)

    def stop(self, *names: str) -> None:
        """As an operator would; all when none is named."""
        self.stop_those(names or self._running)

    def stop_those(self, names: Iterable[str]) -> None:
        for name in list(names):
            self._running.pop(name).stop(signal.SIGTERM, seconds=8)

    def stop_agents(self) -> None:
        self.stop_those(name for name in self._running if name.endswith("agents"))

    def leave(self, *names: str) -> None:
        """Whoever is not of these stops."""
        self.stop_those(name for name in self._running if name not in names)

    def all_alive(self) -> bool:
        dead = {name: process.last_words() for name, process in self._running.items() if not process.alive()}
        assert not dead, dead
        return True

    def restart_redis(self) -> None:
        cluster.redis.kill()
        cluster.redis.start()

    def restart_postgres(self) -> None:
        cluster.postgres.kill()
        cluster.postgres.start()

    def get(self, path: str, secret: str) -> Any:
        request = urllib.request.Request(f"{self.url}{path}", headers={"Authorization": f"Bearer {secret}"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def complained(self) -> list[Any]:
        """What the agents were answered that no agent should be."""
        return [json.loads(line) for line in self.complaints.read_text().splitlines()]

    def _words(self, name: str) -> list[str]:
        match name:
            case "web":
                return f"-m daphne --verbosity 0 -b 127.0.0.1 -p {self.port} chimera.asgi:application".split()
            case "agents" | "other agents":
                return ["-m", "tests.processes.agents"]
            case _:
                return ["manage.py", *name.split()]

    def _environment(self, name: str) -> dict[str, str]:
        if name.endswith("agents"):
            told = {"CHIMERA_URL": self.url, "CHIMERA_KEYS": ",".join(self._keys), "COMPLAINTS": str(self.complaints)}
            return {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"} | told
        own = {
            "CHIMERA_LEASE_SECONDS": str(LEASE_SECONDS),
            "CHIMERA_RETRY_BASE_SECONDS": str(RETRY_BASE_SECONDS),
            "CHIMERA_LOG_LEVEL": "WARNING",
            "CHIMERA_PROCESS": name,
            "CHIMERA_PORT": str(self.port),
            "DJANGO_SETTINGS_MODULE": "chimera.settings",
            "PYTHONUNBUFFERED": "1",
        }
        return dict(os.environ) | own

    def _is_ready(self) -> bool:
        self.all_alive()
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False
