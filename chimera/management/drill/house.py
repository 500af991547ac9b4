"""The drill's own servers and processes, in a folder that is gone afterwards, and what is done to them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import redis

from chimera import env
from chimera.kernel.embedded import Postgres, Process, Redis
from chimera.kernel.embedded.folder import write_private
from chimera.management.drill.orders import Orders
from chimera.management.drill.plan import LEASE_SECONDS, Plan

PREPARE_SECONDS = 300.0  # migrations on a machine that does other things too
DOWN_SECONDS = 1.0  # Redis stays away so long when it is restarted
RECONCILE_SECONDS = 300.0


class DrillFailed(RuntimeError):
    """It could not be run to its end; this proves nothing."""


class House:
    """`start` before anything else, `stop` in any case."""

    def __init__(self, plan: Plan, base: Path) -> None:
        self.plan, self.base = plan, base
        self.home = Path(tempfile.mkdtemp(prefix="chimera-drill-"))
        self.postgres, self.redis = Postgres(self.home, durable=False), Redis(self.home, durable=False)
        self.orders = Orders()
        self.killed = 0
        self._orders_file, self._cast_file = self.home / "orders.json", self.home / "cast.json"
        self._relay: Process | None = None
        self._spenders: list[Process] = []
        self._cast: dict[str, object] = {}

    def start(self, say: Callable[[str], None]) -> None:
        say("starting PostgreSQL and Redis of its own")
        self.postgres.start()
        self.redis.start()
        say("migrating; making agents, tasks and budgets")
        plan_file = self.home / "plan.json"
        write_private(plan_file, json.dumps(asdict(self.plan)))
        self.orders.write(self._orders_file)
        prepare = self._process("prepare", str(plan_file), str(self._cast_file))
        if not prepare.wait(PREPARE_SECONDS) or prepare.returncode != 0:
            raise DrillFailed(f"the drill's house could not be made:\n{prepare.last_words(30)}")
        self._cast = json.loads(self._cast_file.read_text())
        self._relay = self._process("relay", str(self._orders_file))
        say(f"starting {self.plan.processes} processes")
        self._spenders = [self._spender(number) for number in range(self.plan.processes)]

    def now(self) -> datetime:
        """By the clock that the drill's processes have."""
        return datetime.now(UTC) + timedelta(seconds=self.orders.ahead_seconds)

    def tend(self) -> None:
        """DrillFailed when a process ended that nobody killed."""
        for process in [*self._spenders, *([self._relay] if self._relay else [])]:
            if not process.alive():
                raise DrillFailed(f"a process ended by itself ({process.returncode}):\n{process.last_words(30)}")

    # --- what is done to it

    def kill(self) -> str:
        """SIGKILL in the middle of whatever it does; another one takes its place."""
        number = self.killed % len(self._spenders)
        self._end(self._spenders[number])
        self._spenders[number] = self._spender(number)
        self.killed += 1
        return f"process {number + 1} was killed and replaced"

    def flush(self) -> str:
        with redis.Redis.from_url(self.redis.url, socket_timeout=5) as client:
            client.flushall()
        return "FLUSHALL"

    def restart(self) -> str:
        self.redis.kill()
        time.sleep(DOWN_SECONDS)
        self.redis.start()
        return f"Redis was killed, and started again after {DOWN_SECONDS:.0f} s, empty"

    def leap(self, to: datetime, lead_seconds: float) -> str:
        start = to - timedelta(seconds=lead_seconds)
        self._order(Orders((start - datetime.now(UTC)).total_seconds(), self.orders.asset))
        return f"every clock leaps to {start.isoformat(timespec='seconds')}"

    def switch(self, asset: str) -> str:
        self._order(Orders(self.orders.ahead_seconds, asset))
        return f"what is spent is {asset} from now on"

    def stop_spending(self) -> None:
        """All at once, and nothing is given back."""
        for process in self._spenders:
            self._end(process)
        self._spenders = []

    def reconcile(self) -> tuple[int, list[str]]:
        """Exit code and lines of `manage.py reconcile --json` on this house."""
        command = [sys.executable, "-m", "chimera.management.drill", "reconcile", str(self._orders_file)]
        done = subprocess.run(
            command,
            cwd=self.base,
            env=self._environment("reconcile"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RECONCILE_SECONDS,
        )
        return done.returncode, (done.stdout + done.stderr).splitlines()

    def stop(self) -> None:
        self.stop_spending()
        if self._relay is not None:
            self._relay.stop(signal.SIGTERM, seconds=5)
        self.redis.stop()
        self.postgres.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    # --- how

    def _order(self, orders: Orders) -> None:
        self.orders = orders
        orders.write(self._orders_file)

    def _end(self, process: Process) -> None:
        if process.alive():
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def _spender(self, number: int) -> Process:
        agents = self._cast["agents"]
        assert isinstance(agents, list)
        guard = "naive" if self.plan.naive else "guarded"
        words = [str(self._orders_file), str(self._cast["tenant"]), str(agents[number]), str(self.plan.holds), guard]
        return self._process("spend", *words, log=f"spend-{number}")

    def _process(self, role: str, *words: str, log: str = "") -> Process:
        name = log or role
        command = [sys.executable, "-m", "chimera.management.drill", role, *words]
        logs = self.home / "logs" / f"{name}.log"
        return Process(command, log=logs, environment=self._environment(name), folder=self.base)

    def _environment(self, name: str) -> dict[str, str]:
        urls = self.postgres.urls
        own = dict.fromkeys(env.WEAVIATE, "") | {
            "CHIMERA_HOME": str(self.home),
            "DATABASE_URL": urls.app,
            "DATABASE_OWNER_URL": urls.owner,
            "REDIS_URL": self.redis.url,
            "CHIMERA_LEASE_SECONDS": str(LEASE_SECONDS),
            "CHIMERA_RETRY_BASE_SECONDS": "0",  # who lost a lease goes on at once
            "CHIMERA_LOG_LEVEL": "ERROR",
            "CHIMERA_PROCESS": name,
            "DJANGO_SETTINGS_MODULE": "chimera.settings",
            "PYTHONUNBUFFERED": "1",
        }
        return dict(os.environ) | own
