"""Weaviate, the optional search index, built once by `make weaviate` and supervised like the other servers.

Its data can be made again from PostgreSQL: what cannot be loaded is set aside.
"""

import http.client
import os
import shutil
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

from chimera.kernel.embedded import ports
from chimera.kernel.embedded.folder import write_private
from chimera.kernel.embedded.process import Process, ServerFailed
from chimera.kernel.embedded.server import Server

VERSION = "1.38.9"
BINARY = "CHIMERA_WEAVIATE_BINARY"  # names one that was built elsewhere
START_SECONDS = 60.0  # three when it is empty; after a crash it reads its logs again
PORTS = ("http", "grpc", "gossip", "data", "raft", "rpc")  # in a row, because it looks for `data` next to `gossip`
GIB = 1 << 30
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")  # a number of bytes, or "max"
# Go's own names, for whoever wants other limits. Nothing else is inherited: Weaviate reads more than two hundred variables.
INHERITED = ("PATH", "TMPDIR", "GOMEMLIMIT", "GOMAXPROCS", "GOGC")
SETTINGS = {
    "ENABLE_MODULES": "backup-filesystem",
    "DEFAULT_VECTORIZER_MODULE": "none",
    "API_BASED_MODULES_DISABLED": "true",
    "AUTOSCHEMA_ENABLED": "false",
    "DISABLE_TELEMETRY": "true",
    "GO_PROFILING_DISABLE": "true",
    "LOG_LEVEL": "warning",
    "DISK_USE_WARNING_PERCENTAGE": "98",
    "DISK_USE_READONLY_PERCENTAGE": "99",  # its own 90 turns it read-only on many a developer's disk
    "CLUSTER_HOSTNAME": "node1",
    "CLUSTER_IN_LOCALHOST": "true",
    "CLUSTER_BIND_ADDR": ports.LOOPBACK,
    "CLUSTER_ADVERTISE_ADDR": ports.LOOPBACK,  # without it a machine without a private address is refused
    "CLUSTER_BASIC_AUTH_USERNAME": "node1",
    "RAFT_BOOTSTRAP_EXPECT": "1",
    "RAFT_TIMEOUTS_MULTIPLIER": "1",  # one node waits for nobody: ready in 3 s instead of 6
    "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "false",
    "AUTHENTICATION_APIKEY_ENABLED": "true",
    "AUTHENTICATION_APIKEY_USERS": "chimera",
    "AUTHORIZATION_ADMINLIST_ENABLED": "true",
    "AUTHORIZATION_ADMINLIST_USERS": "chimera",
}
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open  # loopback, whatever http_proxy says


class Address(NamedTuple):
    """As in WEAVIATE_URL, WEAVIATE_GRPC_URL and WEAVIATE_API_KEY."""

    url: str
    grpc_url: str
    api_key: str

    def variables(self) -> dict[str, str]:
        return {"WEAVIATE_URL": self.url, "WEAVIATE_GRPC_URL": self.grpc_url, "WEAVIATE_API_KEY": self.api_key}


def built(home: Path) -> Path:
    """Where `make weaviate` puts the binary of this version."""
    return home / "bin" / f"weaviate-server-{VERSION}"


def find(home: Path) -> Path | None:
    """The binary that CHIMERA_WEAVIATE_BINARY names, or the one in `home`; None when there is none.

    ServerFailed when the variable names no program.
    """
    named = os.environ.get(BINARY)
    if named and not (os.path.isfile(named) and os.access(named, os.X_OK)):
        raise ServerFailed(f"{BINARY}={named} is no program; unset it, or build one with `make weaviate`")
    found = Path(named).absolute() if named else built(home)
    return found if found.exists() else None


class Weaviate(Server):
    """One server in `home`/weaviate, with its backups in `home`/weaviate/backups. All its ports are kept.

    The port for gRPC and the one between nodes listen on every interface, whatever it is told: they ask for a key and
    a password. The others are bound to loopback.
    """

    name = "Weaviate"
    kind = "weaviate"

    def __init__(self, home: Path, binary: Path) -> None:
        super().__init__(home)
        self.binary = binary

    @property
    def address(self) -> Address:
        http, grpc = self._kept.get("ports")["http"], self._kept.get("ports")["grpc"]
        key = self._kept.password("api_key")
        return Address(f"http://{ports.LOOPBACK}:{http}", f"grpc://{ports.LOOPBACK}:{grpc}", key)

    @property
    def backups(self) -> Path:
        return self.folder / "backups"

    def start(self) -> Address:
        """Up and answering. Idempotent; a dead server is started again, on the same ports if they can be had.

        Refuses with AlreadyRunning when another process supervises this folder, and with ServerFailed when it does not
        come up, even with its data set aside.
        """
        deadline = time.monotonic() + START_SECONDS
        try:
            self.begin()
            while not self.answers():
                if self.alive() and time.monotonic() > deadline:
                    raise ServerFailed(f"Weaviate does not answer after {START_SECONDS:.0f} s ({self.log})")
                if not self.alive():
                    self._mend()
                time.sleep(0.02)
        except BaseException:
            self.stop()
            raise
        return self.address

    def begin(self) -> None:
        """Start it without waiting until it answers. Idempotent."""
        if self.alive():
            return
        self._take()
        self._end_leftover(f"--port={self._port('http')}")
        self._choose_ports()
        self.backups.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._process = Process(
            [str(self.binary), f"--host={ports.LOOPBACK}", f"--port={self._port('http')}", "--scheme=http"],
            log=self.log,
            environment=self._environment(),
            folder=self.home,
        )
        write_private(self._pid_file, str(self._process.pid))

    def answers(self, seconds: float = 2.0) -> bool:
        """It is ready, and it is ours: another program on its port would not know the key. `seconds` for each of three questions."""
        if not self.alive():
            return False
        url, _, key = self.address
        asked = urllib.request.Request(f"{url}/v1/meta", headers={"Authorization": f"Bearer {key}"})
        try:
            with (
                _open(f"{url}/v1/.well-known/ready", timeout=seconds),
                _open(asked, timeout=seconds),
            ):
                socket.create_connection((ports.LOOPBACK, self._port("grpc")), timeout=seconds).close()
        except (OSError, http.client.HTTPException):
            return False
        return True

    def set_data_aside(self) -> Path | None:
        """For an empty start. Where it lies now, in place of what was set aside before; None when there was none."""
        data = self.folder / "data"
        if not data.exists():
            return None
        aside = self.home / "weaviate.unreadable"
        shutil.rmtree(aside, ignore_errors=True)
        data.replace(aside)
        return aside

    def _mend(self) -> None:
        """It ended before it answered: because of a port, or of its data."""
        words = self.last_words()
        if "address already in use" not in words and not self.set_data_aside():
            raise ServerFailed(f"Weaviate did not start ({self.log}):\n{words}")
        self.begin()

    def _choose_ports(self) -> None:
        kept = self._kept.get("ports") or {}
        if set(kept) != set(PORTS) or not all(ports.is_free(port) for port in kept.values()):
            self._kept.set(ports=dict(zip(PORTS, ports.choose_row(len(PORTS)), strict=True)))

    def _port(self, name: str) -> int:
        return int((self._kept.get("ports") or {}).get(name, 0))

    def _environment(self) -> dict[str, str]:
        """Keys stand here and not in the command line, which everybody may read."""
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        own = {
            "HOME": str(self.home),
            "PERSISTENCE_DATA_PATH": str(self.folder / "data"),
            "BACKUP_FILESYSTEM_PATH": str(self.backups),
            "AUTHENTICATION_APIKEY_ALLOWED_KEYS": self._kept.password("api_key"),
            "CLUSTER_BASIC_AUTH_PASSWORD": self._kept.password("cluster"),
            "GRPC_PORT": str(self._port("grpc")),
            "CLUSTER_GOSSIP_BIND_PORT": str(self._port("gossip")),
            "CLUSTER_DATA_BIND_PORT": str(self._port("data")),
            "RAFT_PORT": str(self._port("raft")),
            "RAFT_INTERNAL_RPC_PORT": str(self._port("rpc")),
        }
        return {"GOMEMLIMIT": str(memory_bytes())} | inherited | SETTINGS | own


def memory_bytes(limit: Path = CGROUP_LIMIT) -> int:
    """What Weaviate may use before it refuses to load more: a quarter of the machine or container, and 1 GiB at least."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    written = limit.read_text().strip() if limit.exists() else "max"
    if written.isdigit():
        there = min(there, int(written))
    return max(GIB, there // 4)
