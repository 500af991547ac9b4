"""The migrated data folder of a test run: made once, by the first worker that needs it, and copied by the others.

Migrating from zero costs 7 s of CPU, a copy 0.2 s. The folder lies in the home of xdist's controller, which all workers of the run know
and which is gone with it; a run in one process has nobody to share with, and migrates. A copy is a cluster of its own, with a
port of its own: nothing that one test writes is seen by another worker's. Only the passwords are the whole run's.

The maker holds a lock that the kernel takes from it when it dies. It dies before the folder has its name: the next worker finds none,
removes what is half made, and makes it. Afterwards: the folder is whole, for it is renamed last. A copy cut short belongs to a worker
that is dead, and whose home is swept away.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from chimera.kernel.embedded import Postgres
from chimera.kernel.embedded.folder import Kept
from chimera.kernel.roles import APP, OWNER

RUN = "CHIMERA_TESTRUN"
_PASSWORDS = "postgres.json"
_shared: Path | None = None


def share(home: Path) -> None:
    """The controller's: workers that are started from now on have these passwords, and look here."""
    kept = Kept(home / _PASSWORDS)
    for role in ("postgres", OWNER, APP):
        kept.password(role)
    os.environ[RUN] = str(home)


def join(home: Path) -> None:
    """A worker's, before it has servers."""
    global _shared
    _shared = Path(os.environ[RUN])
    shutil.copy(_shared / _PASSWORDS, home / _PASSWORDS)


def prepare(postgres: Postgres, migrate: Callable[[], None]) -> None:
    """`postgres`, running and empty before, is migrated: by `migrate`, which leaves no connection behind, or as a copy."""
    if _shared is None:
        migrate()
        return
    ground = _shared / "ground"
    with _alone(ground.with_suffix(".lock")):
        if made := not ground.exists():
            migrate()
            postgres.stop()  # the last checkpoint: what is copied needs no recovery
            fresh = ground.with_suffix(".new")
            shutil.rmtree(fresh, ignore_errors=True)
            shutil.copytree(postgres.folder, fresh, symlinks=True)
            fresh.rename(ground)
    if not made:
        postgres.stop()
        shutil.rmtree(postgres.folder)
        shutil.copytree(ground, postgres.folder, symlinks=True)
    postgres.start()


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
