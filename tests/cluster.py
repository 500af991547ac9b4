"""A pytest plugin: real, private servers for every process that runs tests. Load it with `-p tests.cluster`.

It sets the environment before pytest-django reads the settings. Under xdist each worker has servers of its
own (on one cluster workers would hold back each other's event log, docs/architecture.md) and the controller has none. The
servers end with the process, also when that is killed.

Tests may kill and restart `cluster.postgres` and `cluster.redis`; `start()` brings back a dead server at its
old port. Weaviate (100 MB, three seconds) is started for the first test that asks (`tests.weaviate`).
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from chimera.kernel.embedded import Postgres, Redis, Weaviate
from tests import ground
from tests.weaviate import forget

DATABASE = "chimera_test"
PREFIX = "chimera-test-"

home: Path
postgres: Postgres
redis: Redis
weaviate: Weaviate | None = None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """A wrapper: pytest-django reads the settings in this very hook, and asks to be first."""
    _sweep()
    _make_home()
    options = early_config.known_args_namespace
    if "PYTEST_XDIST_WORKER" in os.environ:
        ground.join(home)
    elif getattr(options, "numprocesses", None):
        ground.share(home)
        return (yield)
    _start()
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    for server in (weaviate, globals().get("redis"), globals().get("postgres")):
        if server is not None:
            server.stop()
    shutil.rmtree(home, ignore_errors=True)


def _make_home() -> None:
    global home
    home = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir="/tmp"))
    forget()
    os.environ["CHIMERA_HOME"] = str(home)
    os.environ["CHIMERA_SECRET_KEY"] = secrets.token_urlsafe(48)
    os.environ.setdefault("CHIMERA_LOG_LEVEL", "ERROR")
    os.environ["CHIMERA_RETRY_BASE_SECONDS"] = "0"  # nobody waits before another attempt, unless a test is about that
    # Processes are started hundreds of times: our own modules are compiled for the first of them.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL"):
        os.environ.pop(name, None)  # never somebody's own servers


def _start() -> None:
    global postgres, redis
    postgres = Postgres(home, durable=False, database=DATABASE)
    redis = Redis(home, durable=False)
    postgres.start()
    redis.start()
    os.environ["DATABASE_URL"] = postgres.urls.app
    os.environ["DATABASE_OWNER_URL"] = postgres.urls.owner
    os.environ["REDIS_URL"] = redis.url


def _sweep() -> None:
    """Folders of runs that were killed."""
    for folder in Path("/tmp").glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX).split("-")[0]
        try:
            mine = folder.stat(follow_symlinks=False).st_uid == os.geteuid()
        except FileNotFoundError:
            continue  # another run was quicker
        if mine and pid.isdigit() and not _lives(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
