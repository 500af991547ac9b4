"""What the kernel knows about processes (Linux), and a process of its own that owns servers."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from chimera.kernel.embedded.process import launched

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]


def stat(pid: int) -> tuple[str, int] | None:
    """State letter and parent, or None when there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0], int(fields[1])


def lives(pid: int) -> bool:
    """A zombie does not: it has ended, and waits for somebody to notice."""
    known = stat(pid)
    return known is not None and known[0] not in "ZX"


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def children(pid: int) -> dict[int, str]:
    """Living children and their command lines."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    mine = [child for child in pids if (known := stat(child)) and known[1] == pid and known[0] not in "ZX"]
    return {child: command_line(child) for child in mine}


def descendants(pid: int) -> dict[int, str]:
    found = children(pid)
    for child in list(found):
        found |= descendants(child)
    return found


def child(pid: int, words: str) -> int | None:
    """The child whose command line contains `words`."""
    return next((number for number, line in children(pid).items() if words in line), None)


def until(ask: Callable[[], T], seconds: float = 20) -> T:
    """The first true answer; AssertionError with the last one after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"still {answer!r} after {seconds} s"
        time.sleep(0.02)
    return answer


class Owner(NamedTuple):
    pid: int
    process: "subprocess.Popen[str]"
    servers: list[int]


OWNING = """
import pathlib, sys, time
from chimera.kernel.embedded import Postgres, Redis
postgres, redis = Postgres(pathlib.Path(sys.argv[1]), durable=False), Redis(pathlib.Path(sys.argv[1]), durable=False)
postgres.start(), redis.start()
print(postgres.pid, redis.pid, flush=True)
time.sleep(600)
"""


OWNING_WEAVIATE = """
import pathlib, sys, time
from chimera.kernel.embedded import Weaviate
weaviate = Weaviate(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
weaviate.begin()
print(weaviate.pid, flush=True)
time.sleep(600)
"""


def start_weaviate(home: Path, binary: Path) -> Owner:
    """A process that starts Weaviate on `home`, and then does nothing."""
    return _owner([sys.executable, "-c", OWNING_WEAVIATE, str(home), str(binary)])


def start_servers(home: Path, *, as_nobody: bool = False) -> Owner:
    """A process that starts PostgreSQL and Redis on `home`, and then does nothing."""
    prefix: list[str] = []
    if as_nobody:
        home.mkdir()
        os.chown(home, 65534, 65534)
        prefix = launched("drop:65534:65534")  # it keeps the right to pass folders of root's, such as pytest's
    return _owner([*prefix, sys.executable, "-c", OWNING, str(home)])


def _owner(command: list[str]) -> Owner:
    """It says the process ids of its servers in one line."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    return Owner(process.pid, process, [int(word) for word in process.stdout.readline().split()])


def heed_ctrl_c() -> None:
    """As at a terminal. What a script starts in its background, these tests perhaps, is deaf to it, and so are its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
