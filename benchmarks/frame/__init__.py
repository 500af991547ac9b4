"""The frame of a benchmark with private servers: its arguments, the servers, the heading, and its parts of docs/benchmarks.md.

    words = frame.words(__doc__)
    words.add_argument("--times", type=int, default=100)
    frame.run(words, _measured, of="review_queue")

`_measured(asked, home)` yields (part, text) as it finds them; `frame.servers(home)` and `frame.house(home)` give it servers. Import it
before anything of Chimera's: it says which settings there are.
"""

import argparse
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import TypeVar

from benchmarks.lifecycle import ROOT, House, Servers
from benchmarks.swarm.report import heading
from benchmarks.swarm.writing import write

Asked = argparse.Namespace
Found = Generator[tuple[str, str]]  # a part of the page, and a text of it; several of one part stand below one another
Kind = TypeVar("Kind", bound=Servers)


def words(doc: str | None) -> argparse.ArgumentParser:
    """With `--write`; a benchmark adds its own."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--write", action="store_true", help="put what is found into docs/benchmarks.md")
    return made


def run(known: argparse.ArgumentParser, measure: Callable[[Asked, Path], Found], *, of: str, make: str = "") -> None:
    """Says what is found as soon as it is there, and at the end writes each part between its marks, `<!-- of part -->`.

    `make` is the target by which one starts it; without one it is started as a file. The folder that it measures in ends with it.
    """
    asked = known.parse_args()
    said: dict[str, list[str]] = {}
    head = heading(sys.argv[1:], make) if make else heading((), _as_a_file())
    print(head, flush=True)
    home = Path(tempfile.mkdtemp(prefix="chimera-bench-"))
    try:
        with closing(measure(asked, home)) as found:
            for part, text in found:
                said.setdefault(part, [head]).append(text)
                print(f"\n{text}", flush=True)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    load = f"Load at the end: {os.getloadavg()[0]:.1f}."
    print(f"\n{load}", flush=True)
    if asked.write:
        for part, texts in said.items():
            write(part, "\n\n".join([*texts, load]), of=of)


def _as_a_file() -> str:
    return shlex.join(["python", str(Path(sys.argv[0]).resolve().relative_to(ROOT)), *sys.argv[1:]])


def servers(home: Path) -> AbstractContextManager[Servers]:
    """PostgreSQL and Redis (durable: fsync on), migrated, with one tenant; this process uses them from here on."""
    return _started(Servers, home)


def house(home: Path) -> AbstractContextManager[House]:
    """The same, with a web process and a relay."""
    return _started(House, home)


@contextmanager
def _started(kind: type[Kind], home: Path) -> Generator[Kind]:
    for name in ("WEAVIATE_URL", "WEAVIATE_GRPC_URL", "WEAVIATE_API_KEY"):
        os.environ.pop(name, None)  # no index of somebody's own
    made = kind(home)
    try:
        os.environ |= made.environment
        import django

        django.setup()
        yield made
    finally:
        made.stop()
