"""Many memories for many tenants: copied in, with the index over the vectors built at the end, as after a restore."""

import io
import json
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from uuid import UUID

import numpy as np
import psycopg

from benchmarks.memory.space import DIMENSIONS, Array, Space, slices
from benchmarks.swarm.tables import complain, whole

SLICE = 2_000
PROGRESS_SECONDS = 15.0  # between two lines of it
MODEL = "bench"
SIGNATURE = b"PGCOPY\n\xff\r\n\x00" + struct.pack(">ii", 0, 0)
END = struct.pack(">h", -1)


@dataclass(frozen=True)
class Tenant:
    id: UUID
    key: str  # of its worker


def tenants(number: int, *, named: str = "bench") -> list[Tenant]:
    """Through the same command as anybody's."""
    from django.core.management import call_command

    made = []
    for n in range(number):
        said = io.StringIO()
        call_command("tenant", "add", f"{named} {n}", "--json", stdout=said)
        keys = json.loads(said.getvalue())
        made.append(Tenant(UUID(keys["tenant"]), keys["agents"]["worker"]))
    return made


@dataclass
class Filled:
    """What is there: each tenant's ids and vectors, as half floats, as PostgreSQL has them."""

    ids: dict[UUID, list[object]]
    vectors: dict[UUID, list[Array]]
    copied_seconds: float = 0.0
    built_seconds: float = 0.0

    @property
    def number(self) -> int:
        return sum(map(len, self.ids.values()))

    def rows(self, tenant_id: UUID) -> Array:
        return np.concatenate(self.vectors[tenant_id]).astype(np.float32)


def empty() -> Filled:
    return Filled({}, {})


def fill(dsn: str, space: Space, filled: Filled, all_tenants: Sequence[Tenant], number: int) -> None:
    """Up to `number` memories in all, dealt to the tenants in turn; past the triggers, which look at each row by itself."""
    began = told = time.monotonic()
    with psycopg.connect(dsn, autocommit=True) as rows:
        rows.execute("SET session_replication_role = replica")
        rows.execute("DROP INDEX IF EXISTS memory_nearest")
        for part in slices(number - filled.number, SLICE):
            start = filled.number
            texts, vectors = space.draw(len(part), seed=start)
            halves = vectors.astype(np.float16)
            owners = [all_tenants[(start + n) % len(all_tenants)].id for n in range(len(part))]
            _stage(rows, texts, halves, owners)
            for (tenant_id, key), half in zip(rows.execute(*_insert()).fetchall(), halves, strict=True):
                filled.ids.setdefault(tenant_id, []).append(key)
                filled.vectors.setdefault(tenant_id, []).append(half[None, :])
            if (now := time.monotonic()) - told > PROGRESS_SECONDS:
                complain(f"copied {whole(filled.number)} of {whole(number)} after {now - began:.0f} s")
                told = now
    filled.copied_seconds += time.monotonic() - began
    filled.built_seconds = build(dsn)


def build(dsn: str) -> float:
    """The index as the migrations declare it."""
    from memory.models import MemoryVector

    began = time.monotonic()
    index = next(i for i in MemoryVector._meta.indexes if i.name == "memory_nearest")
    with psycopg.connect(dsn, autocommit=True) as rows, _watched(dsn, began):
        rows.add_notice_handler(
            lambda said: complain(f"PostgreSQL: {said.message_primary}")
        )  # that it has no room, say
        rows.execute("SET maintenance_work_mem = '6GB'")
        rows.execute("SET max_parallel_maintenance_workers = 2")
        rows.execute(
            f"CREATE INDEX memory_nearest ON memory_memoryvector USING hnsw (embedding {index.opclasses[0]}) "
            f"WITH (m = {index.m}, ef_construction = {index.ef_construction})"
        )
        rows.execute("VACUUM (ANALYZE) memory_memoryrecord, memory_memoryvector")
        rows.execute("CHECKPOINT")
    return time.monotonic() - began


@contextmanager
def _watched(dsn: str, began: float) -> Iterator[None]:
    """A line now and then: how far the building is."""
    over = threading.Event()

    def watch() -> None:
        with psycopg.connect(dsn, autocommit=True) as rows:
            while not over.wait(PROGRESS_SECONDS):
                for phase, done in rows.execute(_PROGRESS):
                    complain(f"the index after {time.monotonic() - began:.0f} s: {phase}, {done or 0} %")

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


_PROGRESS = "SELECT phase, 100 * blocks_done / nullif(blocks_total, 0) FROM pg_stat_progress_create_index"


def _stage(rows: psycopg.Connection, texts: Sequence[str], halves: Array, owners: Sequence[UUID]) -> None:
    rows.execute(_STAGE)
    out = bytearray(SIGNATURE)
    raw = halves.astype(">f2")
    for n, (text, owner) in enumerate(zip(texts, owners, strict=True)):
        said = text.encode()
        out += struct.pack(">hii", 4, 4, n) + struct.pack(">i", 16) + owner.bytes
        out += struct.pack(">i", len(said)) + said
        out += struct.pack(">ihh", 4 + 2 * DIMENSIONS, DIMENSIONS, 0) + raw[n].tobytes()
    out += END
    with rows.cursor().copy("COPY bench_staged FROM STDIN (FORMAT BINARY)") as copy:
        copy.write(bytes(out))


_STAGE = """
    DROP TABLE IF EXISTS bench_staged;
    CREATE TEMP TABLE bench_staged (n int, tenant_id uuid, content text, embedding halfvec(1536))
"""
_SAID = {
    "id": "id",
    "tenant_id": "tenant_id",
    "content": "content",
    "digest": "sha256(content::bytea)",
    "embedding_model": f"'{MODEL}'",
    "created_at": "now() - n * interval '1 minute'",
}


@cache
def _insert() -> tuple[str, dict[str, object]]:
    """Whatever columns a memory has, with what they have when nobody says anything."""
    from django.db import connection
    from django.db.models.expressions import DatabaseDefault

    from memory.models import MemoryRecord

    plain = MemoryRecord(tenant_id=UUID(int=0), content="-", category="semantic", agent_role="worker")
    fields = [field for field in MemoryRecord._meta.concrete_fields if not field.generated]
    values = {f.column: getattr(plain, f.attname) for f in fields if f.column not in _SAID}
    unsaid = {
        f.column: f.get_db_prep_save(values[f.column], connection)
        for f in fields
        if f.column in values and not isinstance(values[f.column], DatabaseDefault)
    }
    columns = [*_SAID, *unsaid]
    said = [*_SAID.values(), *(f"%({name})s" for name in unsaid)]
    sql = f"""
        WITH staged AS MATERIALIZED (SELECT *, uuidv7() AS id FROM bench_staged ORDER BY n), made AS (
            INSERT INTO memory_memoryrecord ({", ".join(columns)}) SELECT {", ".join(said)} FROM staged RETURNING id
        ), known AS (
            INSERT INTO memory_memoryvector (memory_id, tenant_id, model, embedding)
            SELECT id, tenant_id, '{MODEL}', embedding FROM staged ORDER BY n
        )
        SELECT staged.tenant_id, staged.id FROM staged JOIN made USING (id) ORDER BY staged.n
    """
    return sql, unsaid
