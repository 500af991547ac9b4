"""The servers under `manage.py up`: yours where the environment names them, else embedded; Weaviate where it was built."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from chimera import env
from chimera.kernel.embedded import Postgres, Redis, ServerFailed
from chimera.kernel.embedded.folder import write_private
from chimera.kernel.embedded.weaviate import find
from chimera.management.index import Index

PAUSE_SECONDS = 1.0  # between two tries to bring a server back


class Servers:
    """ServerFailed when the environment names only half of a database."""

    def __init__(self, home: Path, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
        self._home, self._say = home, say
        self._given = {name: environment[name] for name in (*env.SERVERS, *env.WEAVIATE) if environment.get(name)}
        if ("DATABASE_URL" in self._given) != ("DATABASE_OWNER_URL" in self._given):
            raise ServerFailed(
                "set both DATABASE_URL (the role that serves) and DATABASE_OWNER_URL (who migrates), "
                "or neither; `manage.py doctor` prints the SQL that makes them"
            )
        self._postgres = None if "DATABASE_URL" in self._given else Postgres(home)
        self._redis = None if "REDIS_URL" in self._given else Redis(home)
        binary = None if any(name in self._given for name in env.WEAVIATE) else find(home)
        self._index = Index(home, binary, say) if binary else None
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
        if self._index:
            known |= self._index.variables
        return known

    def start(self) -> None:
        """All up, and `servers.json` written, from which every other command knows them.

        Nobody waits for Weaviate, because searches do without it until it answers.
        """
        if self._index:
            self._index.begin()
        for server in (self._postgres, self._redis):
            if server is not None:
                server.start()
                self._say(f"{server.name}: process {server.pid}, data in {server.folder}")
        self._write()

    def tend(self) -> set[str]:
        """One look; a dead server is started again. The variables that have changed by it."""
        before = self.urls
        self._revive()
        if self._index:
            self._index.tend()
        changed = {name for name, value in self.urls.items() if before.get(name) != value}
        if changed:
            self._write()
        return changed

    def _revive(self) -> None:
        dead = [server for server in (self._postgres, self._redis) if server is not None and not server.alive()]
        if not dead or time.monotonic() < self._again_at:
            return
        try:
            for server in dead:
                self._say(f"{server.name} ended and is started again")
                server.start()
        except ServerFailed as failure:
            self._say(str(failure))
            self._again_at = time.monotonic() + PAUSE_SECONDS

    def stop(self) -> None:
        for server in (self._index, self._redis, self._postgres):
            if server is not None:
                server.stop()

    def _write(self) -> None:
        write_private(self._home / "servers.json", json.dumps(self.urls, indent=1) + "\n")
