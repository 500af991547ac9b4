"""Memory: what a search finds, how long searches and writes take among very many, and how both grow.

    make bench-memory [ARGS="--parts searches quality --memories 100000 --tenants 20 --questions 300 --write"]
    make bench-memory [ARGS="--parts growth --growth 10000 100000 1000000 --write"]

Starts private servers (durable: fsync on; shared_buffers 2 GB, since the default of 128 MB is for a laptop), a web process and a relay, and
copies memories of 1536 dimensions into PostgreSQL.

* `searches`: search and write among `--memories`, recall against exact search, beside the bare Weaviate client.
* `quality`: what is found of the judged questions of tests/memory/retrieval, hybrid beside vectors alone and words alone.
* `growth`: how long a search takes, and what it finds, at each of `--growth` memories in turn.

Where Weaviate was built (`make weaviate`) a private one is filled by Chimera's own lane, for `searches` and `quality`, and asked through
Chimera and by the bare client, in the same run. The vectors of made-up texts come from a local endpoint, and those of the questions are in
the cache of vectors when they are timed: a model's own time is not Chimera's. Judged questions are embedded by the offline model. Without
`--memories` searches are measured among the most that `--growth` names up to 100 000. For a million memories reckon with 20 GB of disk,
4 GB in this process, and 8 GB in PostgreSQL while it builds the index. Ends its servers and leaves nothing; `--write` puts each part into
docs/benchmarks.md.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import frame
from benchmarks.lifecycle import ROOT, House
from benchmarks.memory import filling, growth, quality, searching, serving, weaviate
from benchmarks.memory.figures import Figures
from benchmarks.memory.space import Space
from benchmarks.swarm.tables import complain, whole

PARTS = ("searches", "quality", "growth")
SEARCHED = 100_000  # memories among which searches are measured, and with which Weaviate is filled
SHARED_BUFFERS = "2GB"
Server = Callable[[], AbstractContextManager[Any]]  # a Weaviate that runs, or None


def main() -> None:
    words = frame.words(__doc__)
    words.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    words.add_argument("--memories", type=int)
    words.add_argument("--growth", type=int, nargs="+", default=[10_000, 100_000], metavar="MEMORIES")
    words.add_argument("--tenants", type=int, default=20)
    words.add_argument("--questions", type=int, default=300)
    words.add_argument("--writes", type=int, default=400)
    words.add_argument("--without-weaviate", action="store_true")
    frame.run(words, _measured, of="bench-memory", make="make bench-memory")


def _measured(asked: frame.Asked, home: Path) -> frame.Found:
    built_in = Path(os.environ.get("CHIMERA_HOME", ROOT / ".chimera"))
    known: dict[str, Any] = {}
    with serving.endpoint(known) as url:
        _settle(url)
        with frame.house(home) as house:
            _roomy(house)
            server = nullcontext if asked.without_weaviate else partial(weaviate.server, built_in, home / "weaviate")
            yield from _Run(asked, house, server, known).parts()


def _settle(url: str) -> None:
    """Before the servers are started: which embedder they have."""
    os.environ |= {
        "CHIMERA_EMBEDDINGS_URL": url,
        "CHIMERA_EMBEDDINGS_MODEL": filling.MODEL,
        "CHIMERA_LOG_LEVEL": "CRITICAL",
    }


def _roomy(house: House) -> None:
    with psycopg.connect(house.postgres.urls.superuser, autocommit=True) as rows:
        rows.execute(f"ALTER SYSTEM SET shared_buffers = '{SHARED_BUFFERS}'")
        rows.execute("ALTER SYSTEM SET max_wal_size = '8GB'")
    house.postgres.stop()
    house.postgres.start()
    house.wait_ready()


class _Run:
    def __init__(self, asked: frame.Asked, house: House, server: Server, known: dict[str, Any]) -> None:
        self._asked, self._house, self._server = asked, house, server
        self._space, self._filled = Space(), filling.empty()
        self._tenants = filling.tenants(asked.tenants) if {"searches", "growth"} & {*asked.parts} else []
        self._questions = searching.questions(self._space, self._tenants, asked.questions) if self._tenants else []
        known |= {question.text: question.vector for question in self._questions}

    def parts(self) -> frame.Found:
        levels: list[growth.Level] = []
        for number in self._levels():
            dsn = self._house.postgres.urls.superuser
            filling.fill(dsn, self._space, self._filled, self._tenants, number)
            complain(f"{whole(number)} memories are there; the index was built in {self._filled.built_seconds:.0f} s")
            if "growth" in self._asked.parts and number in self._asked.growth:
                levels.append(growth.level(self._filled, self._questions))
                complain(" · ".join(levels[-1].cells()))
            if number == self._searched():
                yield from self._beside_weaviate()
        if not self._searched():
            yield from self._beside_weaviate()
        if levels:
            yield "growth", growth.table_of(levels)
            yield "growth", self._about()

    def _levels(self) -> Sequence[int]:
        grown = self._asked.growth if "growth" in self._asked.parts else []
        return sorted({*grown, *filter(None, [self._searched()])})

    def _searched(self) -> int:
        """Among how many memories searches are measured; 0 where they are not."""
        if "searches" not in self._asked.parts:
            return 0
        return self._asked.memories or max((n for n in self._asked.growth if n <= SEARCHED), default=SEARCHED)

    def _beside_weaviate(self) -> frame.Found:
        """Searches and quality: what is asked of Weaviate too. It runs for that alone."""
        found = None
        if "searches" in self._asked.parts:
            found = Figures(self._house, self._filled, self._questions)
            found.postgresql()
            found.writes(self._asked.writes, self._tenants, self._space)
        judged = quality.Judged() if "quality" in self._asked.parts else None
        if found or judged:
            with self._server() as running:
                if found:
                    found.weaviate(running)
                    yield from (("memory", text) for text in (found.targets(), found.searches(), self._about()))
                if judged:
                    judged.weaviate(running)
                    yield from (("quality", text) for text in judged.texts())

    def _about(self) -> str:
        return (
            f"{whole(self._filled.number)} memories of 1536 dimensions, {self._asked.tenants} tenants, {self._asked.questions} questions, "
            f"dealt to them in turn; shared_buffers {SHARED_BUFFERS}. Copied in {self._filled.copied_seconds:.0f} s."
        )


if __name__ == "__main__":
    main()
