"""The processes of `manage.py up`, each with its own log file."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chimera import env
from chimera.kernel.embedded.ports import LOOPBACK
from chimera.management.supervisor import Spec

AGENT_SLOTS = {"planner": (1,), "worker": (4, 4), "judge": (2,)}  # tasks at once, for each process of a role
PRIVATE = (*env.SERVERS, *env.WEAVIATE, "CHIMERA_SECRET_KEY", "CHIMERA_HOME")


@dataclass(frozen=True)
class Plan:
    base: Path
    home: Path
    port: int
    base_url: str
    urls: Mapping[str, str]

    def prepare(self, *, only_serve: bool) -> Spec:
        return self._manage("prepare", *(["--only-serve"] if only_serve else []), lasting=False)

    def serving(self) -> list[Spec]:
        server = [
            "-m",
            "daphne",
            "--verbosity",
            "0",
            "-b",
            LOOPBACK,
            "-p",
            str(self.port),
            "chimera.asgi:application",
        ]
        return [
            self._python("web", server),
            self._manage("relay"),
            self._manage("procrastinate", "worker", name="worker"),
        ]

    def agents(self, keys: Mapping[str, str]) -> list[Spec]:
        """They know the public API and their key, and nothing else of ours."""
        outside = {name: value for name, value in os.environ.items() if name not in PRIVATE}
        return [
            Spec(
                name=f"agent-{role}-{number}",
                command=[sys.executable, "-m", "examples.agents", "--role", role, "--slots", str(slots)],
                environment=outside
                | {"CHIMERA_URL": self.base_url, "CHIMERA_KEY": keys[role], "PYTHONUNBUFFERED": "1"},
                folder=self.base,
                log=self.home / "logs" / f"agent-{role}-{number}.log",
            )
            for role, processes in AGENT_SLOTS.items()
            for number, slots in enumerate(processes, start=1)
        ]

    def campaign(self, brief: str) -> Spec:
        """Its progress is for the one who looks at our own output."""
        command = [sys.executable, "manage.py", "campaign", brief]
        return Spec("campaign", command, self._environment("campaign"), self.base, log=None, lasting=False)

    def _manage(self, command: str, *words: str, name: str | None = None, lasting: bool = True) -> Spec:
        return self._python(name or command, ["manage.py", command, *words], lasting=lasting)

    def _python(self, name: str, words: list[str], *, lasting: bool = True) -> Spec:
        log = self.home / "logs" / f"{name}.log"
        return Spec(name, [sys.executable, *words], self._environment(name), self.base, log, lasting)

    def _environment(self, name: str) -> dict[str, Any]:
        own = {"CHIMERA_HOME": str(self.home), "CHIMERA_PROCESS": name, "PYTHONUNBUFFERED": "1"}
        return dict(os.environ) | dict(self.urls) | own
