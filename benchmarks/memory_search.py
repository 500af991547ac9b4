"""Memory search: recall of sketches and of the vector index against an exact scan, and how long a search takes.

    python benchmarks/memory_search.py [--rows 10000] [--queries 200]

Rows have structure, as memories do: sentences about many topics, embedded by the offline model (on isotropic random
vectors every index looks bad). A second tenant has the same rows in the same index, so that half of all finds are not
to be had. Starts a private PostgreSQL unless DATABASE_URL and DATABASE_OWNER_URL name yours, where it leaves no rows.
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chimera.settings")
os.environ.setdefault("CHIMERA_LOG_LEVEL", "ERROR")

TOP = 10
BATCH = 100
# fmt: off
PLACES = ("harbour", "quay", "lighthouse", "market", "ferry", "museum", "theatre", "library", "station", "bakery",
          "garden", "tower", "bridge", "square", "beach")
SUBJECTS = ("opening", "ticket", "concert", "tour", "workshop", "film", "sale", "race", "lecture", "dinner",
            "exhibition", "regatta", "parade", "picnic", "fair")
# fmt: on
FACTS = (
    "starts at {n} o'clock on {day}",
    "costs {n} euros for adults",
    "drew {n} visitors last {season}",
    "was moved to {day} because of the weather",
    "needs {n} volunteers before {day}",
    "was praised by {n} readers on {day}",
    "will be streamed live in {season}",
    "is closed for repairs until {season}",
)
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
SEASONS = ["spring", "summer", "autumn", "winter"]
QUESTIONS = (
    "When does the {subject} at the {place} start?",
    "How much is the {subject} at the {place}?",
    "How many people came to the {place} for the {subject}?",
    "Is the {place} open for the {subject}?",
    "What do readers say about the {subject} at the {place}?",
)


def sentence(dice: random.Random) -> str:
    fact = dice.choice(FACTS).format(n=dice.randint(2, 900), day=dice.choice(DAYS), season=dice.choice(SEASONS))
    return f"The {dice.choice(SUBJECTS)} at the {dice.choice(PLACES)} number {dice.randint(1, 40)} {fact}."


def question(dice: random.Random) -> str:
    return dice.choice(QUESTIONS).format(subject=dice.choice(SUBJECTS), place=dice.choice(PLACES))


def fill(rows: int, dice: random.Random) -> tuple[Any, Any]:
    """Two new tenants with the same rows: whoever is nearest in one is in the other's way."""
    from chimera.kernel import ids, tenancy
    from memory.embedders import embedder
    from memory.models import MemoryRecord

    chosen = embedder()
    asked, other = ids.uuid7(), ids.uuid7()
    for start in range(0, rows, BATCH):
        texts = [sentence(dice) for _ in range(min(BATCH, rows - start))]
        embedded = list(zip(texts, chosen.embed(texts), strict=True))
        for tenant in (asked, other):
            with tenancy.bound(tenant):
                MemoryRecord.objects.bulk_create(
                    MemoryRecord(tenant_id=tenant, content=text, embedding=vector, embedding_model=chosen.model)
                    for text, vector in embedded
                )
        print(f"\r{start + len(texts)} rows", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return asked, other


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    begun = time.perf_counter()
    found = call()
    return found, (time.perf_counter() - begun) * 1000


def measure(tenant: Any, queries: list[str]) -> dict[str, Any]:
    from chimera.kernel import clock, tenancy
    from memory import search
    from memory.queries import Sought, Viewer
    from memory.ranking import Mode
    from memory.stores import PostgresStore

    store = PostgresStore()
    names = ("embed", "sketched", "indexed", "exact", "hybrid", "vector", "keyword")
    took: dict[str, list[float]] = {name: [] for name in names}
    hits = {"sketched": 0, "indexed": 0}
    for text in queries:
        asked, ms = timed(lambda text=text: search.ask(text=text, mode=Mode.HYBRID, tenant_id=tenant))
        took["embed"].append(ms)
        sought = Sought(viewer=Viewer(), at=clock.now())
        arguments = {"vector": asked.vector, "model": asked.model, "most": TOP}
        with tenancy.bound(tenant):
            exact, ms = timed(lambda s=sought, a=arguments: store.exact(s, **a))
            took["exact"].append(ms)
            for way in hits:
                near, ms = timed(lambda s=sought, a=arguments, w=way: getattr(store, w)(s, **a))
                took[way].append(ms)
                hits[way] += _as_near(asked.vector, near, exact)
        for mode in Mode:
            took[mode.value].append(timed(lambda t=text, m=mode: _search(tenant, t, m))[1])
    recall = {way: round(found / (TOP * len(queries)), 4) for way, found in hits.items()}
    return {"recall_at_10": recall, "ms": {k: _spread(v) for k, v in took.items()}}


def _as_near(vector: Any, near: list[Any], exact: list[Any]) -> int:
    """How many of `near` are as near as the last of `exact`: equally near memories are equally right."""
    from pgvector.django import CosineDistance

    from memory.models import MemoryRecord

    rows = MemoryRecord.objects.filter(pk__in=[*near, *exact]).annotate(distance=CosineDistance("embedding", vector))
    distance = dict(rows.values_list("pk", "distance"))
    return sum(distance[key] <= distance[exact[-1]] for key in near)


def _search(tenant: Any, text: str, mode: Any) -> Any:
    """As the door does it: embed, then find in a transaction."""
    from chimera.kernel import clock, tenancy
    from memory import search
    from memory.queries import Sought, Viewer

    asked = search.ask(text=text, mode=mode, tenant_id=tenant)
    with tenancy.bound(tenant):
        return search.find(asked, Sought(viewer=Viewer(), at=clock.now()), limit=TOP)


def _spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        name: round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2)
        for name, share in (("p50", 0.5), ("p95", 0.95))
    }


def private_server(home: Path) -> Any:
    from chimera.kernel.embedded import Postgres

    server = Postgres(home, durable=False, database="chimera_bench")
    server.start()
    os.environ |= {"DATABASE_URL": server.urls.app, "DATABASE_OWNER_URL": server.urls.owner, "CHIMERA_HOME": str(home)}
    return server


def run(rows: int, queries: int) -> dict[str, Any]:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    from memory.models import MemoryRecord

    call_command("migrate", verbosity=0)
    dice = random.Random(20260501)
    (asked, other), loaded = timed(lambda: fill(rows, dice))
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE memory_memoryrecord")
    try:
        figures = measure(asked, [question(dice) for _ in range(queries)])
    finally:
        MemoryRecord.objects.using("owner").filter(tenant_id__in=[asked, other]).delete()
        connections.close_all()
    return {"rows": rows, "queries": queries, "loaded_seconds": round(loaded / 1000, 1)} | figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--queries", type=int, default=200)
    given = parser.parse_args()
    server, home = None, Path(tempfile.mkdtemp(prefix="chimera-bench-", dir="/tmp"))
    try:
        if not os.environ.get("DATABASE_URL"):
            server = private_server(home)
        print(json.dumps(run(given.rows, given.queries), indent=2))
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
