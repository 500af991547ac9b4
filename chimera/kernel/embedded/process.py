"""One child process: its log file, its end, and its place in nobody's way."""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from chimera.kernel.embedded.identity import LAUNCHER, SAME

LOG_BYTES_MAX = 32 * 1024 * 1024  # a log that is larger at a start is set aside as .1


class ServerFailed(RuntimeError):
    """A server did not come up; the message carries the end of its log."""


class AlreadyRunning(RuntimeError):
    """Another process runs servers on this folder."""


class Process:
    """A child in a session of its own (the terminal's Ctrl-C does not reach it), writing to `log`.

    It gets `death_signal` when we die (Linux). A server needs a log: our own standard output, held open by
    it, would hang whoever reads that. `log=None`, which does hand ours on, is for children that come and go.
    """

    def __init__(
        self,
        command: list[str],
        *,
        log: Path | None,
        death_signal: int = signal.SIGTERM,
        identity: str = SAME,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.log = log
        self.log_begin = _make_room(log) if log else 0
        prefix = launched(identity, death_signal)
        with log.open("ab") if log else nullcontext() as output:
            self._popen = _in_nursery(
                lambda: subprocess.Popen(
                    prefix + command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT if output else None,
                    start_new_session=True,
                    env=dict(environment) if environment is not None else None,
                    cwd=folder,
                )
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        return self._popen.poll()

    def alive(self) -> bool:
        return self._popen.poll() is None

    def signal(self, number: int) -> None:
        self._popen.send_signal(number)

    def wait(self, seconds: float) -> bool:
        """True when it has ended."""
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self, *numbers: int, seconds: float) -> None:
        """Send each signal in turn until it ends, `seconds` apart; SIGKILL to its session at last."""
        for number in numbers:
            self.signal(number)
            if self.wait(seconds):
                return
        if self.alive():
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()

    def last_words(self, lines: int = 15) -> str:
        """The end of what it has written since it was started."""
        if self.log is None:
            return ""
        with self.log.open("rb") as written:
            written.seek(self.log_begin)
            return "\n".join(written.read().decode(errors="replace").splitlines()[-lines:])


def launched(identity: str, death_signal: int = signal.SIGTERM) -> list[str]:
    """What to write before a command, so that it runs as `identity` and dies with us."""
    return [sys.executable, "-I", "-S", LAUNCHER, str(os.getpid()), str(int(death_signal)), identity, "--"]


def _make_room(log: Path) -> int:
    """Its size, from which on the new child writes."""
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_name(log.name + ".1"))
    return log.stat().st_size if log.exists() else 0


_requests: "queue.SimpleQueue[tuple[Callable[[], Any], queue.SimpleQueue[Any]]]" = queue.SimpleQueue()
_nursery: threading.Thread | None = None
_lock = threading.Lock()


def _in_nursery(start: "Callable[[], subprocess.Popen[bytes]]") -> "subprocess.Popen[bytes]":
    """Call `start` in a thread that lives as long as we do: the death signal comes when the *thread* ends."""
    global _nursery
    with _lock:
        if _nursery is None or not _nursery.is_alive():
            _nursery = threading.Thread(target=_serve_nursery, name="nursery", daemon=True)
            _nursery.start()
    answer: queue.SimpleQueue[Any] = queue.SimpleQueue()
    _requests.put((start, answer))
    result = answer.get()
    if isinstance(result, BaseException):
        raise result
    child: subprocess.Popen[bytes] = result
    return child


def _serve_nursery() -> None:
    while True:
        start, answer = _requests.get()
        try:
            answer.put(start())
        except BaseException as error:  # Handed to the caller, who raises it.
            answer.put(error)
