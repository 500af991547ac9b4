"""What the supervised servers have in common: a folder, one holder, one process, and ways to end it."""

import os
import signal
from pathlib import Path
from typing import ClassVar

from chimera.kernel.embedded import orphan
from chimera.kernel.embedded.folder import Hold, Kept, open_home
from chimera.kernel.embedded.process import Process, ServerFailed


class Server:
    """Its data in `home`/`kind`, what it keeps between starts in `home`/`kind`.json."""

    name: ClassVar[str]
    kind: ClassVar[str]
    ends_by: ClassVar[tuple[int, ...]] = (signal.SIGTERM,)  # in turn, `stop_seconds` apart, before SIGKILL
    stop_seconds: ClassVar[float] = 2.0

    def __init__(self, home: Path) -> None:
        self.home = open_home(home)
        self.folder = self.home / self.kind
        self._kept = Kept(self.home / f"{self.kind}.json")
        self._hold = Hold(self.home / f"{self.kind}.lock")
        self._process: Process | None = None

    @property
    def log(self) -> Path:
        return self.home / "logs" / f"{self.kind}.log"

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def returncode(self) -> int | None:
        return self._running.returncode

    def alive(self) -> bool:
        return self._process is not None and self._process.alive()

    def stop(self) -> None:
        """So that what is in memory is written. Idempotent."""
        if self._process is not None and self._process.alive():
            self._process.stop(*self.ends_by, seconds=self.stop_seconds)
        self._process = None
        self._hold.release()

    def kill(self) -> None:
        """SIGKILL, as a crash would; `start` recovers."""
        os.kill(self.pid, signal.SIGKILL)
        self._running.wait(10)

    def last_words(self) -> str:
        return self._running.last_words()

    @property
    def _running(self) -> Process:
        if self._process is None:
            raise ServerFailed(f"{self.name} was not started")
        return self._process

    def _take(self) -> None:
        """The folder is ours. AlreadyRunning when another process supervises it."""
        if self._process is None:
            self._hold.take(self.name)

    @property
    def _pid_file(self) -> Path:
        return self.home / f"{self.kind}.pid"

    def _end_leftover(self, marker: str) -> None:
        """What an earlier supervisor left running, known by its pid file and by `marker` in its command line."""
        if self._pid_file.exists():
            first = self._pid_file.read_text().splitlines()[:1]
            if first and first[0].strip().isdigit():
                orphan.end(int(first[0]), marker=marker, numbers=self.ends_by)
            self._pid_file.unlink(missing_ok=True)
