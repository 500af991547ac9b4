"""What processes cost, read from /proc: a process together with all that descend from it."""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
Cpu = dict[str, float]


class Meter:
    """Of named process trees; a tree that is gone costs nothing any more, so ask before it ends."""

    def __init__(self, roots: Mapping[str, int]) -> None:
        self.roots = dict(roots)

    def cpu_seconds(self) -> Cpu:
        """User and system time by name, with that of children which have ended and were waited for."""
        trees = _trees()
        return {name: sum(_cpu(pid) for pid in _below(root, trees)) for name, root in self.roots.items()}

    def rss_mb(self) -> dict[str, float]:
        """Resident memory by name; what a tree's processes share (PostgreSQL's buffers) counts once, not in each."""
        trees = _trees()
        return {name: _rss(list(_below(root, trees))) for name, root in self.roots.items()}


def spent(before: Cpu, after: Cpu) -> Cpu:
    return {name: after[name] - before[name] for name in after if name in before}


def _trees() -> dict[int, list[int]]:
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children[int(fields[1])].append(int(entry.name))
    return children


def _below(root: int, children: Mapping[int, list[int]]) -> Iterator[int]:
    yield root
    for child in children.get(root, ()):
        yield from _below(child, children)


def _stat(pid: int) -> list[str]:
    """The fields from the state on; none for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _cpu(pid: int) -> float:
    return sum(int(field) for field in _stat(pid)[11:15]) / TICKS_PER_SECOND


def _rss(pids: list[int]) -> float:
    own, shared = 0, [0]
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        kib = {
            name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines) if "Rss" in name
        }
        own += kib.get("RssAnon", 0) + kib.get("RssFile", 0)
        shared.append(kib.get("RssShmem", 0))
    return (own + max(shared)) / 1024
