"""The nearest memories and those with a word, by indexes, under row-level security and whatever filters."""

import re
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import numpy
import pytest
from django.db import connection, connections
from pgvector.django import CosineDistance

from chimera.kernel import clock, prepared
from memory.actions import vectors
from memory.embedders import embedder
from memory.models import MemoryRecord
from memory.queries import Sought, Viewer
from memory.ranking import Mode
from memory.stores import PostgresStore, Wanted, judging, postgres
from tests.cast import Stage
from tests.memory.conftest import Ask, Remember, texts


def _sought() -> Sought:
    return Sought(viewer=Viewer(), at=clock.now())


def _many(acme: Stage, number: int) -> None:
    (vector,) = embedder().embed(["ferry"])
    rows = [
        MemoryRecord(
            tenant_id=acme.tenant_id,
            content=f"ferry {n} leaves",
            category="soul" if n == 0 else "episodic",
        )
        for n in range(number)
    ]
    near = [[x + (n % 7 + 1) / 1000 * (1 if i == n % 512 else 0) for i, x in enumerate(vector)] for n in range(number)]
    with acme.bound():
        MemoryRecord.objects.bulk_create(rows)
        vectors.keep({row.pk: one for row, one in zip(rows, near, strict=True)}, model="usem3")


@pytest.fixture
def many(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """More memories than are measured one by one, and than the word index proposes; one of them is of the soul."""
    monkeypatch.setattr(postgres, "SKETCHED_MIN", 100)
    monkeypatch.setattr(postgres, "_sizes", {})
    _many(acme, 400)
    return acme


@pytest.mark.parametrize("matches", [100, 1_000])
def test_a_selective_filter_finds_its_row_among_many_that_are_as_near(
    many: Stage, ask: Ask, matches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the word index may not propose as many as there are, and where it is asked a second time."""
    monkeypatch.setattr(postgres, "WORD_MATCHES_MAX", matches)
    for mode in ("hybrid", "vector", "keyword"):
        assert texts(ask(many.bob, "ferry", mode=mode, category="soul")) == ["ferry 0 leaves"]


@pytest.mark.parametrize("asked", ["ferry zeppelin", "Which ferry leaves beside the zeppelin?", "zeppelin's ferry"])
def test_the_only_one_with_a_rare_word_comes_before_hundreds_with_a_common_one(
    acme: Stage, remember: Remember, ask: Ask, asked: str
) -> None:
    remember(acme.ada, "A zeppelin above the dunes")
    _many(acme, 400)
    assert texts(ask(acme.bob, asked, mode="keyword", limit=10))[0] == "A zeppelin above the dunes"


def test_a_rare_word_is_found_where_a_filter_lets_so_few_through_that_every_row_is_read(
    acme: Stage, remember: Remember, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The word index is asked for all that it may propose, and then for none."""
    monkeypatch.setattr(postgres, "WORD_MATCHES_MAX", 100)
    remember(acme.ada, "A zeppelin above the dunes", category="soul")
    for number in range(50):
        remember(acme.ada, f"A ferry, {number}", category="soul")
    _many(acme, 400)
    assert texts(ask(acme.bob, "ferry zeppelin", mode="keyword", category="soul", limit=1)) == [
        "A zeppelin above the dunes"
    ]


def test_the_word_index_answers_nobody_without_a_tenant_and_each_tenant_its_own(
    acme: Stage, zenith: Stage, remember: Remember
) -> None:
    mine = remember(acme.ada, "ferry")["id"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT chimera_memories_with('ferri', '{ferri}', 10, 10, 10)")
        assert cursor.fetchall() == []
    with acme.bound(), connection.cursor() as cursor:
        cursor.execute("SELECT chimera_memories_with('ferri', '{ferri}', 10, 10, 10)")
        assert [str(row[0]) for row in cursor.fetchall()] == [mine]
    with zenith.bound(), connection.cursor() as cursor:
        cursor.execute("SELECT chimera_memories_with('ferri', '{ferri}', 10, 10, 10)")
        assert cursor.fetchall() == []


@pytest.mark.parametrize(("common_from", "proposed"), [(15, "red blue"), (50, "red blue green")])
def test_what_has_all_common_words_is_proposed_beside_what_has_a_rarer_one(
    acme: Stage, common_from: int, proposed: str
) -> None:
    """Of words that so many have not all is listed; together they may weigh more than the rarer one does."""
    said = ["red"] * 20 + ["blue"] * 20 + ["green"] * 5 + [proposed]
    with acme.bound():
        MemoryRecord.objects.bulk_create(
            MemoryRecord(tenant_id=acme.tenant_id, content=f"{words} {n}", category="semantic")
            for n, words in enumerate(said)
        )
        best = MemoryRecord.objects.get(content__startswith=proposed)
        asked = "SELECT chimera_memories_with('red | blue | green', '{red,blue,green}', 46, 3, %s)"
        with connection.cursor() as cursor:
            cursor.execute(asked, [common_from])
            found = [row[0] for row in cursor.fetchall()]
        assert best.pk in found[:2], "beside the newest with the rarer word"
        assert MemoryRecord.objects.filter(pk__in=found, content__contains="green").exists()


def test_what_a_word_is_looked_up_by_is_written_at_once(acme: Stage) -> None:
    """A list of what is to be written would be read through by each search."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reloptions FROM pg_class WHERE relname = 'memory_word_keys'")
        assert cursor.fetchone() == (["fastupdate=off"],)


def _wanted(vector: list[float]) -> Wanted:
    return Wanted(sought=_sought(), mode=Mode.VECTOR, most=10, best=10, vector=vector, model="usem3")


def _plan(statement: str, vector: list[float]) -> str:
    said = judging.asked(_wanted(vector)) | {"sketched": 100}
    return "\n".join(row[0] for row in prepared.ask(f"EXPLAIN {statement}", said))


def _vacuumed(table: str) -> None:
    """Until every page is known to be visible to all; whoever reads at the same time keeps it from that."""
    deadline = time.monotonic() + 20
    with connections["owner"].cursor() as cursor:
        while True:
            cursor.execute(f"VACUUM ANALYZE {table}")
            cursor.execute("SELECT relallvisible = relpages FROM pg_class WHERE oid = %s::regclass", [table])
            if cursor.fetchone()[0]:
                return
            assert time.monotonic() < deadline


def test_of_many_the_sketches_are_compared_and_can_be_read_from_their_index_alone(many: Stage) -> None:
    (vector,) = embedder().embed(["ferry"])
    _vacuumed("memory_memoryvector")
    with many.bound():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        plan = _plan(postgres.NEAREST_SKETCHES, vector)
        assert "Index Only Scan using memory_sketches" in plan, plan[-900:]
        assert len(PostgresStore().look_up(_wanted(vector)).best) == 10


def test_what_the_word_index_proposes_is_fetched_by_its_ids(many: Stage) -> None:
    """And not looked for among all that the tenant has: PostgreSQL reckons with a thousand rows of a function."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE memory_memoryrecord")
    wanted = Wanted(sought=_sought(), mode=Mode.KEYWORD, most=10, best=10, text="ferry")
    with many.bound():
        said = judging.asked(wanted) | {"size": 400, "matches": 20, "common": 100}
        plan = "\n".join(row[0] for row in prepared.ask(f"EXPLAIN {postgres.MATCHED}", said))
    assert re.search(r"Index Cond: .*\bid = \w+\.id\b", plan), plan[-900:]
    assert "Seq Scan on memory_memoryrecord" not in plan, plan[-900:]


@pytest.mark.parametrize("near", [postgres.SKETCHED, postgres.INDEXED], ids=["sketched", "indexed"])
@pytest.mark.parametrize("mode", list(Mode))
def test_of_a_new_table_too_rows_are_joined_by_their_keys(acme: Stage, mode: Mode, near: str) -> None:
    """Planned while it was empty, a search would read all that the tenant has by then for each candidate."""
    (vector,) = embedder().embed(["ferry"])
    said = {"sketched": 100, "size": 0, "matches": 20, "common": 100, "ids": [], "vouched": []}
    wanted = Wanted(sought=_sought(), mode=mode, most=10, best=10, text="ferry", vector=vector, model="usem3")
    with acme.bound():
        for candidates in (postgres.candidates(mode, near), judging.by_ids(mode)):
            asked = f"EXPLAIN (FORMAT JSON) {judging.statement(candidates, mode)}"
            ((plan,),) = prepared.ask(asked, judging.asked(wanted) | said)
            assert list(_read_for_each(plan[0]["Plan"])) == []


def _read_for_each(node: dict[str, Any]) -> Iterator[str]:
    """Tables that are read for each row of something else, of which most rows are then thrown away."""
    below = node.get("Plans", [])
    if node["Node Type"] == "Nested Loop" and "Join Filter" in node:
        inner = next(one for one in below if one["Parent Relationship"] == "Inner")
        yield from {inner["Relation Name"]} if "Relation Name" in inner else ()
    for one in below:
        yield from _read_for_each(one)


def _exact(vector: list[float]) -> set[UUID]:
    rows = MemoryRecord.objects.sought(_sought()).order_by(CosineDistance("vector__embedding", vector) + 0.0)
    return set(rows.values_list("pk", flat=True)[:10])


def test_sketches_find_what_an_exact_scan_finds(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "SKETCHED_MIN", 100)
    monkeypatch.setattr(postgres, "_sizes", {})
    dice = numpy.random.default_rng(7)
    frame = dice.standard_normal((24, 1536))
    rows = [MemoryRecord(tenant_id=acme.tenant_id, content=f"{n}") for n in range(500)]
    somewhere = (dice.standard_normal((500, 24)) @ frame).tolist()
    with acme.bound():
        MemoryRecord.objects.bulk_create(rows)
        vectors.keep({row.pk: one for row, one in zip(rows, somewhere, strict=True)}, model="usem3")
        found = 0
        for vector in (dice.standard_normal((10, 24)) @ frame).tolist():
            nearest = PostgresStore().nearest(_wanted(vector))
            assert len(nearest) == 10
            found += len(_exact(vector) & set(nearest))
    assert found >= 95


def test_of_very_many_the_nearest_are_looked_up_in_the_index(many: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    (vector,) = embedder().embed(["ferry"])
    with many.bound():
        by_sketches = set(PostgresStore().nearest(_wanted(vector)))
        monkeypatch.setattr(postgres, "SKETCHED_BELOW", 300)
        monkeypatch.setattr(postgres, "_sizes", {})
        by_index = PostgresStore().look_up(_wanted(vector)).best
        with connection.cursor() as cursor:
            cursor.execute("SHOW enable_sort")
            assert cursor.fetchone() == ("on",), "the planner is as it was"
            cursor.execute("SET LOCAL enable_sort = off")
        plan = _plan(postgres.INDEXED, vector)
    assert "memory_nearest" in plan
    assert "Sort" not in plan
    assert len(by_index) == len(by_sketches) == 10
