"""Memory among very many: search and write, recall against exact search, beside the bare Weaviate client, and how it grows.

    make bench-memory [ARGS="--memories 100000 --tenants 20 --questions 300 --growth 10000 100000 --write"]

Starts private servers (durable: fsync on; shared_buffers 2 GB, since the default of 128 MB is for a laptop), a web process and a relay,
copies memories of 1536 dimensions into PostgreSQL, and asks. Where Weaviate was built (`make weaviate`) a private one is filled by
Chimera's own lane, and asked through Chimera and by the bare client, in the same run. `--growth` names how many memories there are in
turn; the last of them is what the rest is measured on. The queries' vectors come from a local endpoint and are in the cache of vectors when
they are timed: a model's own time is not Chimera's. Ends its servers and leaves nothing; `--write` puts what it finds into
docs/benchmarks.md.
"""

import argparse
import os
import shlex
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chimera.settings")
os.environ.setdefault("CHIMERA_LOG_LEVEL", "CRITICAL")

import psycopg  # noqa: E402

from benchmarks.lifecycle import House  # noqa: E402
from benchmarks.memory import filling, searching, serving, weaviate  # noqa: E402
from benchmarks.memory.searching import Timed, timed  # noqa: E402
from benchmarks.memory.space import Space  # noqa: E402
from benchmarks.swarm.report import heading  # noqa: E402
from benchmarks.swarm.tables import complain, table, whole  # noqa: E402
from benchmarks.swarm.writing import write  # noqa: E402

TO_BE_REACHED = {"write": 50.0, "search": 20.0, "ratio": 1.3, "recall": 0.95}
MODES = ("vector", "hybrid", "keyword")
SHARED_BUFFERS = "2GB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--growth", type=int, nargs="+", default=[10_000, 100_000], metavar="MEMORIES")
    parser.add_argument("--tenants", type=int, default=20)
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--writes", type=int, default=400)
    parser.add_argument("--without-weaviate", action="store_true")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    weaviate_home = Path(os.environ.get("CHIMERA_HOME", ROOT / ".chimera"))
    home = Path(tempfile.mkdtemp(prefix="chimera-bench-"))
    try:
        said = [heading(sys.argv[1:], "make bench-memory")]
        print(said[0], flush=True)
        with ExitStack() as servers:
            said += _measured(asked, home, weaviate_home, servers)
        said.append(f"Load at the end: {os.getloadavg()[0]:.1f}.")
        print("\n\n".join(said[1:]), flush=True)
        if asked.write:
            write("memory", "\n\n".join(said), of="bench-memory")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _measured(asked: argparse.Namespace, home: Path, weaviate_home: Path, servers: ExitStack) -> list[str]:
    space = Space()
    known: dict[str, Any] = {}
    os.environ["CHIMERA_EMBEDDINGS_URL"] = servers.enter_context(serving.endpoint(known))
    os.environ["CHIMERA_EMBEDDINGS_MODEL"] = filling.MODEL
    for name in ("WEAVIATE_URL", "WEAVIATE_GRPC_URL", "WEAVIATE_API_KEY"):
        os.environ.pop(name, None)
    house = House(home)
    servers.callback(house.stop)
    _roomy(house)
    os.environ |= house.environment
    import django

    django.setup()
    tenants = filling.tenants(asked.tenants)
    questions = searching.questions(space, tenants, asked.questions)
    known |= {question.text: question.vector for question in questions}
    filled, growth = filling.empty(), []
    for number in sorted(asked.growth):
        filling.fill(house.postgres.urls.superuser, space, filled, tenants, number)
        complain(f"{whole(number)} memories are there; the index was built in {filled.built_seconds:.0f} s")
        growth.append(_level(filled, questions))
        complain(" · ".join(growth[-1]))
    found = _Found(house, filled, questions)
    found.postgresql()
    found.writes(asked.writes, tenants, space)
    if not asked.without_weaviate:
        with weaviate.server(weaviate_home, home / "weaviate") as running:
            found.weaviate(running)
    return [found.targets(), found.searches(), _grown(growth), _about(filled, asked)]


def _roomy(house: House) -> None:
    with psycopg.connect(house.postgres.urls.superuser, autocommit=True) as rows:
        rows.execute(f"ALTER SYSTEM SET shared_buffers = '{SHARED_BUFFERS}'")
        rows.execute("ALTER SYSTEM SET max_wal_size = '8GB'")
    house.postgres.stop()
    house.postgres.start()
    house.wait_ready()


# ---------------------------------------------------------------- figures


class _Found:
    def __init__(self, house: House, filled: filling.Filled, questions: list[searching.Question]) -> None:
        self._house, self._filled, self._questions = house, filled, questions
        self._right = searching.truth(filled, questions)
        self.times: dict[str, Timed] = {}
        self.recalls: dict[str, float] = {}
        self.indexed_seconds = 0.0
        self.not_tried = ""

    def _time(self, name: str, call: Any) -> list[Any]:
        self.times[name], found = timed(self._questions, call)
        complain(f"{name}: p50 {self.times[name].at(0.5):.1f} ms, p95 {self.times[name].at(0.95):.1f} ms")
        return found

    def postgresql(self) -> None:
        near = self._time("pgvector, the nearest alone", searching.nearest_rows)
        self.recalls["pgvector"] = searching.recall(near, self._right)
        for mode in MODES:
            self._time(f"memory.search, pgvector, {mode}", searching.search(mode))
        for mode in MODES:
            self._time(f"HTTP, pgvector, {mode}", searching.over_http(self._house, mode))

    def writes(self, number: int, tenants: list[filling.Tenant], space: Space) -> None:
        texts, _ = space.draw(number + 100, seed=2 * 10**9)
        self.times["HTTP, write"] = searching.write_over_http(
            self._house, number, tenants, lambda n: f"{texts[n]} note {n}"
        )
        complain(f"HTTP, write: p95 {self.times['HTTP, write'].at(0.95):.1f} ms")

    def weaviate(self, running: Any) -> None:
        if running is None:
            self.not_tried = "Not tried: Weaviate, because it is not built (`make weaviate`)."
            return
        from django.conf import settings

        address = running.address
        settings.WEAVIATE_URL, settings.WEAVIATE_GRPC_URL, settings.WEAVIATE_API_KEY = address
        self.indexed_seconds = weaviate.fill(self._filled.number)
        with weaviate.bare(address) as ways:
            near = self._time("bare Weaviate client, vector", ways["vector"])
            self.recalls["Weaviate"] = searching.recall(near, self._right)
            self._time("bare Weaviate client, hybrid", ways["hybrid"])
            for mode in MODES:
                self._time(f"memory.search, Weaviate, {mode}", searching.search(mode))
        settings.WEAVIATE_URL = ""

    # ------------------------------------------------------------ as tables

    def targets(self) -> str:
        lines = [
            self._at_most("write acknowledged over HTTP, p95", "HTTP, write", "write"),
            self._at_most("memory.search, pgvector, hybrid, p95", "memory.search, pgvector, hybrid", "search"),
            self._at_most("memory.search, pgvector, vector, p95", "memory.search, pgvector, vector", "search"),
            self._at_most("the same over HTTP, hybrid, p95", "HTTP, pgvector, hybrid", "search"),
        ]
        for name, value in self.recalls.items():
            aim = TO_BE_REACHED["recall"]
            lines.append([f"recall@10, {name}, tenant's own, at least {aim}", f"{value:.3f}", _met(value >= aim)])
        for index in ("pgvector", "Weaviate"):
            for mode in ("vector", "hybrid"):
                ours, bare = (
                    self.times.get(name)
                    for name in (f"memory.search, {index}, {mode}", f"bare Weaviate client, {mode}")
                )
                if ours and bare:
                    ratio, aim = ours.at(0.95) / bare.at(0.95), TO_BE_REACHED["ratio"]
                    said = f"memory.search, {index}, {mode}, p95 ÷ bare Weaviate client, at most {aim}"
                    lines.append([said, f"{ratio:.2f}", _met(ratio <= aim)])
        return "\n\n".join(filter(None, [table(["Target", "measured", ""], lines), self.not_tried]))

    def _at_most(self, name: str, of: str, aim: str) -> list[str]:
        value = self.times[of].at(0.95)
        return [f"{name}, at most {TO_BE_REACHED[aim]:.0f} ms", f"{value:.1f} ms", _met(value <= TO_BE_REACHED[aim])]

    def searches(self) -> str:
        lines = [
            [name, *(f"{found.at(share):.1f}" for share in (0.5, 0.95, 0.99)), f"{max(found.spans_ms):.0f}"]
            for name, found in self.times.items()
        ]
        return table(
            [f"among {whole(self._filled.number)}, one after the other", "p50 ms", "p95 ms", "p99 ms", "most ms"], lines
        )


def _level(filled: filling.Filled, questions: list[searching.Question]) -> list[str]:
    right = searching.truth(filled, questions)
    near_times, near = timed(questions, searching.nearest_rows)
    hybrid, _ = timed(questions, searching.search("hybrid"))
    times = [f"{found.at(share):.1f}" for found in (near_times, hybrid) for share in (0.5, 0.95)]
    return [whole(filled.number), *times, f"{searching.recall(near, right):.3f}", f"{filled.built_seconds:.0f}"]


def _grown(levels: list[list[str]]) -> str:
    head = [
        "memories",
        "nearest p50 ms",
        "p95 ms",
        "memory.search hybrid p50 ms",
        "p95 ms",
        "recall@10",
        "index built in s",
    ]
    return table(head, levels)


def _about(filled: filling.Filled, asked: argparse.Namespace) -> str:
    return (
        f"{whole(filled.number)} memories of 1536 dimensions, {asked.tenants} tenants, {asked.questions} questions, dealt to them in turn; "
        f"shared_buffers {SHARED_BUFFERS}. Copied in {filled.copied_seconds:.0f} s."
    )


def _met(is_met: bool) -> str:
    return "met" if is_met else "**missed**"


if __name__ == "__main__":
    began = time.monotonic()
    main()
    complain(f"{time.monotonic() - began:.0f} s, {shlex.join(sys.argv)}")
