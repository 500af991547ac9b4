"""What a killed supervisor left behind: ended before a new server takes its folder."""

import os
import signal
import subprocess
import time
from pathlib import Path

from chimera.kernel.embedded.process import ServerFailed

WAIT_SECONDS = 20.0


def command_line(pid: int) -> list[str]:
    """[] when there is no such process."""
    entry = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self/cmdline").exists():
        try:
            return entry.read_bytes().decode(errors="replace").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            return []
    listed = subprocess.run(["ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, timeout=10)
    return listed.stdout.split()


def end(pid: int, *, marker: str, numbers: tuple[int, ...]) -> None:
    """End process `pid`, if `marker` is in its command line (a number may be somebody else's by now)."""
    for number in (*numbers, signal.SIGKILL):
        if not _is(pid, marker):
            return
        os.kill(pid, number)
        deadline = time.monotonic() + WAIT_SECONDS / (len(numbers) + 1)
        while time.monotonic() < deadline:
            if not _is(pid, marker):
                return
            time.sleep(0.02)
    raise ServerFailed(f"process {pid}, a server left behind by an earlier run, does not end")


def _is(pid: int, marker: str) -> bool:
    return any(marker in word for word in command_line(pid))
