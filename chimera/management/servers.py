"""PostgreSQL and Redis under `manage.py up`: yours where the environment names them, else embedded."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from chimera.kernel.embedded import Postgres, Redis, ServerFailed
from chimera.kernel.embedded.folder import write_private

PAUSE_SECONDS = 1.0  # between two tries to bring a server back


class Servers:
    """ServerFailed when the environment names only half of a database."""

    def __init__(self, home: Path, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
        self._home, self._say = home, say
        self._given = {
            name: environment[name]
            for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")
            if environment.get(name)
        }
        if ("DATABASE_URL" in self._given) != ("DATABASE_OWNER_URL" in self._given):
            raise ServerFailed(
                "set both DATABASE_URL (the role that serves) and DATABASE_OWNER_URL (who migrates), "
                "or neither; `manage.py doctor` prints the SQL that makes them"
            )
        self._postgres = None if "DATABASE_URL" in self._given else Postgres(home)
        self._redis = None if "REDIS_URL" in self._given else Redis(home)
        self._again_at = 0.0

    @property
    def urls(self) -> dict[str, str]:
        known = dict(self._given)
        if self._postgres:
            known |= {
                "DATABASE_URL": self._postgres.urls.app,
                "DATABASE_OWNER_URL": self._postgres.urls.owner,
            }
        if self._redis:
            known["REDIS_URL"] = self._redis.url
        return known

    def start(self) -> None:
        """All up, and `servers.json` written, from which every other command knows them."""
        for server in (self._postgres, self._redis):
            if server is not None:
                server.start()
                self._say(f"{server.name}: process {server.pid}, data in {server.folder}")
        self._write()

    def tend(self) -> bool:
        """One look; a dead server is started again. True when an address has changed by it."""
        dead = [server for server in (self._postgres, self._redis) if server is not None and not server.alive()]
        if not dead or time.monotonic() < self._again_at:
            return False
        before = self.urls
        try:
            for server in dead:
                self._say(f"{server.name} ended and is started again")
                server.start()
        except ServerFailed as failure:
            self._say(str(failure))
            self._again_at = time.monotonic() + PAUSE_SECONDS
            return False
        self._write()
        return self.urls != before

    def stop(self) -> None:
        for server in (self._redis, self._postgres):
            if server is not None:
                server.stop()

    def _write(self) -> None:
        write_private(self._home / "servers.json", json.dumps(self.urls, indent=1) + "\n")
