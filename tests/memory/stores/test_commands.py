"""`manage.py memory`: drift is named, repaired or refused with the command to run; the index is written anew and can be cut short."""

import os
import signal
import subprocess
import sys
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from chimera.checks import the_index_is_as_declared
from chimera.kernel import tenancy
from chimera.kernel.embedded.weaviate import Address
from memory.actions import drift, generations, indexing, lane
from memory.limits import INDEX_BATCH
from memory.models import Generation, MemoryRecord
from memory.stores.weaviate import collections, schema
from memory.stores.weaviate.schema import ALIAS, Repair
from memory.stores.weaviate.wire import wire
from tests.cast import Stage
from tests.memory.stores.conftest import drain, fresh, proposal, serving, waiting
from tests.processes.proc import until

WELL = "the index is as declared"


def say(*words: str) -> tuple[int, str]:
    """The status that it ends with, and what it says."""
    out = StringIO()
    try:
        call_command("memory", *words, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


def write(stage: Stage, number: int) -> list[MemoryRecord]:
    with stage.bound():
        return MemoryRecord.objects.bulk_create(MemoryRecord(content=f"harbour {n}") for n in range(number))


def test_without_weaviate_there_is_nothing_to_do(db: None) -> None:
    assert say("migrate", "--check") == (
        0,
        "PostgreSQL is the index (WEAVIATE_URL is not set); there is nothing to do\n",
    )
    assert "index: PostgreSQL" in say("status")[1]


@pytest.mark.usefixtures("db", "weaviate")
def test_the_first_migrate_begins_the_index(acme: Stage) -> None:
    fresh()
    write(acme, 1)
    assert say("migrate", "--check") == (1, "there is no index yet; run: manage.py memory migrate\n")
    status, said = say("migrate")
    assert (status, "for 1 memories" in said) == (0, True)
    drain()
    assert say("migrate", "--check") == (0, f"{Generation.objects.get()}\n{WELL}\n")


def test_what_is_made_is_what_is_declared(index: Address) -> None:
    """The server gives back each setting as it was declared; a version that does not is noticed here."""
    assert [one.drifts for one in drift.compare()] == [[]]


def _drifted(change: Any) -> str:
    """The serving generation, made otherwise."""
    generation = Generation.objects.get()
    collections.drop(generation.collection)
    declared: dict[str, Any] = schema.declaration(generation.collection)
    declared["properties"] = [dict(said) for said in schema.PROPERTIES]
    declared["multiTenancyConfig"] = dict(schema.TENANCY)
    declared["invertedIndexConfig"] = dict(schema.WORD_INDEX)
    vectors = {"vectorizer": {"none": {}}, "vectorIndexType": "hnsw", "vectorIndexConfig": dict(schema.VECTOR_INDEX)}
    declared["vectorConfig"] = {schema.VECTOR: vectors}
    change(declared)
    wire().rest("POST", "/schema", declared, seconds=20)
    if declared["multiTenancyConfig"]["enabled"]:
        collections.ensure(generation.collection)
    Generation.objects.update(mark=0)
    collections.point_at(generation.collection)
    return generation.collection


def _vectors(declared: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = declared["vectorConfig"][schema.VECTOR]["vectorIndexConfig"]
    return found


def _without(declared: dict[str, Any], name: str) -> None:
    declared["properties"] = [said for said in declared["properties"] if said["name"] != name]


def _other(declared: dict[str, Any], name: str, **said: Any) -> None:
    declared["properties"] = [one | said if one["name"] == name else one for one in declared["properties"]]


REPAIRED = {
    "vectorConfig.default.vectorIndexConfig.ef: 7 instead of 160 (is set)": lambda d: _vectors(d).update(ef=7),
    "vectorConfig.default.vectorIndexConfig.flatSearchCutoff: 7 instead of 2000 (is set)": lambda d: _vectors(d).update(
        flatSearchCutoff=7
    ),
    "invertedIndexConfig.bm25: {'b': 0.5, 'k1': 1.2} instead of {'b': 0.75, 'k1': 1.2} (is set)": lambda d: d[
        "invertedIndexConfig"
    ].update(bm25={"b": 0.5, "k1": 1.2}),
    "invertedIndexConfig.stopwords.preset: en instead of none (is set)": lambda d: d["invertedIndexConfig"].update(
        stopwords={"preset": "en"}
    ),
    "multiTenancyConfig.autoTenantCreation: True instead of False (is set)": lambda d: d["multiTenancyConfig"].update(
        autoTenantCreation=True
    ),
    "properties.persona: nothing instead of text (is added, and the index filled anew)": lambda d: _without(
        d, "persona"
    ),
}
REFUSED = {
    "multiTenancyConfig.enabled: False instead of True": lambda d: d.update(multiTenancyConfig={"enabled": False}),
    "properties.words.tokenization: word instead of whitespace": lambda d: _other(d, "words", tokenization="word"),
    "properties.version.dataType: ['number'] instead of ['int']": lambda d: _other(d, "version", dataType=["number"]),
    "properties.created_at.indexRangeFilters: False instead of True": lambda d: _other(
        d, "created_at", indexRangeFilters=False
    ),
    "vectorConfig.default.vectorIndexConfig.distance: dot instead of cosine": lambda d: _vectors(d).update(
        distance="dot"
    ),
    "vectorConfig.default.vectorIndexConfig.maxConnections: 8 instead of 16": lambda d: _vectors(d).update(
        maxConnections=8
    ),
}


@pytest.mark.parametrize("named", sorted(REPAIRED))
def test_a_drift_that_can_be_repaired_is(index: Address, acme: Stage, named: str) -> None:
    _drifted(REPAIRED[named])
    status, said = say("migrate", "--check")
    assert status == 1
    assert f"  {named}\n" in said
    assert said.endswith("differ; run: manage.py memory migrate\n")
    assert say("migrate")[0] == 0
    write(acme, 1)
    drain()
    status, said = say("migrate", "--check")
    assert (status, said.endswith(f"{WELL}\n")) == (0, True), said
    assert len(proposal(acme, "harbour").ids) == 1


@pytest.mark.parametrize("named", sorted(REFUSED))
def test_a_drift_that_cannot_is_refused_with_the_command_to_run(index: Address, acme: Stage, named: str) -> None:
    write(acme, 2)
    drain()
    _drifted(REFUSED[named])
    status, said = say("migrate")
    assert status == 1
    assert f"  {named} (cannot be changed as it stands)\n" in said
    assert said.endswith("Run: manage.py memory reindex\n")
    assert say("reindex")[0] == 0
    status, said = say("migrate", "--check")
    assert (status, said.endswith(f"{WELL}\n")) == (0, True), said
    assert len(proposal(acme, "harbour").ids) == 2


def test_more_than_was_declared_is_named_and_left(index: Address) -> None:
    collections.add_property(serving(), {"name": "colour", "dataType": ["text"]})
    status, said = say("migrate", "--check")
    assert (status, "properties.colour: there instead of nothing (nobody minds)" in said) == (0, True)


def test_an_alias_that_points_elsewhere_is_put_right(index: Address) -> None:
    collections.ensure(f"{ALIAS}_other")
    collections.point_at(f"{ALIAS}_other")
    status, said = say("migrate", "--check")
    assert status == 1
    assert f"alias {ALIAS}: {ALIAS}_other instead of {serving()}" in said
    assert say("migrate")[0] == 0
    assert collections.pointed_at() == serving()


def test_the_system_check_names_it_with_what_to_run(index: Address) -> None:
    assert the_index_is_as_declared(None) == []
    _drifted(lambda declared: (_vectors(declared).update(ef=7), _other(declared, "words", tokenization="word")))
    found = {warned.hint: warned.msg for warned in the_index_is_as_declared(None)}
    assert "properties.words.tokenization: word instead of whitespace" in found["manage.py memory reindex"]
    assert "vectorIndexConfig.ef: 7 instead of 160" in found["manage.py memory migrate"]


def test_whoever_leads_the_lane_repairs_at_its_start(index: Address) -> None:
    _drifted(lambda declared: _vectors(declared).update(ef=7))
    lane.look_at_once()
    drain()
    assert [one.wants(Repair.SET) for one in drift.compare()] == [[]]


def test_reindex_tells_how_far_it_is_and_drops_the_old_one(index: Address, acme: Stage) -> None:
    write(acme, INDEX_BATCH + 1)
    drain()
    old = serving()
    status, said = say("reindex")
    assert status == 0
    assert f"{INDEX_BATCH + 1:,} memories" in said
    assert serving() != old
    assert collections.all_of_ours() == [serving()]


def test_one_tenants_part_is_written_anew(index: Address, acme: Stage, zenith: Stage) -> None:
    ours, theirs = write(acme, 3), write(zenith, 2)
    drain()
    collections.drop_tenant(serving(), str(acme.tenant_id))
    assert proposal(acme, "harbour").fallback
    kept = serving()
    assert say("reindex", "--tenant", str(acme.tenant_id)) == (
        0,
        "3 memories are on the list\nall are in the index\n",
    )
    assert serving() == kept
    assert not proposal(acme, "harbour").fallback
    assert set(proposal(acme, "harbour").ids) == {row.pk for row in ours}
    assert set(proposal(zenith, "harbour").ids) == {row.pk for row in theirs}


def test_what_is_no_tenant_is_said(index: Address) -> None:
    with pytest.raises(CommandError, match="is no tenant's id"):
        say("reindex", "--tenant", "acme")
    assert say("reindex", "--tenant", str(uuid4())) == (0, "0 memories are on the list\nall are in the index\n")


def test_status_says_what_is_refused_and_why(index: Address, acme: Stage) -> None:
    (row,) = write(acme, 1)
    with tenancy.system():
        indexing.note({row.pk: acme.tenant_id}, {row.pk: "it does not like it"})
    assert f"refused 1 times: memory {row.pk} of tenant {acme.tenant_id}: it does not like it" in say("status")[1]


def test_away_is_one_line(index: Address, settings: Any) -> None:
    settings.WEAVIATE_URL, settings.WEAVIATE_GRPC_URL = "http://127.0.0.1:9", "grpc://127.0.0.1:9"
    try:
        with pytest.raises(
            CommandError, match=r"Weaviate is away .*; searches go on in PostgreSQL, and nothing is lost"
        ):
            say("migrate")
        assert "it does not answer" in say("status")[1]
    finally:
        settings.WEAVIATE_URL, settings.WEAVIATE_GRPC_URL = index.url, index.grpc_url


def test_given_up_nothing_is_noted(index: Address, acme: Stage, settings: Any) -> None:
    assert say("retire")[0] == 1
    settings.WEAVIATE_URL = ""
    status, said = say("retire")
    assert (status, said.splitlines()[0]) == (
        0,
        "given up: 1 collections, which stay where they are; nothing is noted any more",
    )
    write(acme, 1)
    assert waiting() == 0
    settings.WEAVIATE_URL = index.url


@pytest.mark.slow
def test_a_reindex_that_is_killed_goes_on_when_it_is_called_again(index: Address, acme: Stage) -> None:
    write(acme, 12 * INDEX_BATCH)
    drain()
    old = serving()
    first = _process(index)
    until(lambda: Generation.objects.filter(serving_since=None, walked__gt=0).exists(), seconds=60)
    os.kill(first.pid, signal.SIGKILL)
    first.wait(20)
    begun = Generation.objects.get(serving_since=None)
    assert 0 < begun.walked < 12 * INDEX_BATCH, "it was killed in the middle"
    assert proposal(acme, "harbour").fallback == "", "and the old one answers"
    (late,) = write(acme, 1)
    second = _process(index)
    said, _ = second.communicate(timeout=120)
    assert f"goes on with {begun.collection}" in said
    assert second.returncode == 0
    assert serving() == begun.collection != old
    assert collections.held(serving(), acme.tenant_id, late.pk)
    assert Generation.objects.get().walked >= 12 * INDEX_BATCH


def _process(index: Address) -> "subprocess.Popen[str]":
    command = [sys.executable, "manage.py", "memory", "reindex"]
    own = os.environ | index.variables()
    return subprocess.Popen(command, cwd=settings.BASE_DIR, env=own, stdout=subprocess.PIPE, text=True)


def test_two_begin_the_same(index: Address) -> None:
    assert generations.begin(why="one").collection == generations.begin(why="another").collection
