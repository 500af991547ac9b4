"""The home folder: its owner's alone; ports and passwords made once and kept; one supervisor at a time."""

import fcntl
import json
import os
import secrets
from pathlib import Path
from typing import Any

from chimera.kernel.embedded.process import AlreadyRunning


def open_home(home: Path) -> Path:
    home = home.absolute()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if home.stat().st_uid == os.geteuid():
        home.chmod(0o700)
    return home


def write_private(path: Path, content: str) -> None:
    """Whole or not at all, mode 0600 from the first byte on."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as written:
        written.write(content)
        written.flush()
        os.fsync(written.fileno())
    fresh.replace(path)


class Kept:
    """A small JSON object in a private file: what a server must find again at its next start."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}

    def get(self, name: str) -> Any:
        return self._values.get(name)

    def set(self, **values: Any) -> None:
        self._values |= values
        write_private(self._path, json.dumps(self._values, indent=1) + "\n")

    def password(self, name: str) -> str:
        """Made at the first asking."""
        if name not in self._values:
            self.set(**{name: secrets.token_urlsafe(24)})
        return str(self._values[name])


class Hold:
    """A lock file held as long as this process lives; its content names the holder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self, what: str) -> None:
        """Refuses with AlreadyRunning when another process (or another object here) holds it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode().strip() or "unknown"
            os.close(descriptor)
            raise AlreadyRunning(f"{what} is already running on {self._path.parent} (process {holder})") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
