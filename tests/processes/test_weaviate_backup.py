"""`manage.py weaviate_backup` on a server of its own: what was saved comes back, and nothing is dropped unasked."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from chimera.kernel import weaviate as index
from chimera.kernel.embedded import Weaviate
from chimera.management import index_backups
from memory.actions.indexing import Busy, writing
from tests import weaviate as servers

pytestmark = pytest.mark.slow
GENERATION = "AgentMemory_1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weaviate]:
    started = Weaviate(tmp_path_factory.mktemp("backups") / "home", servers.built())
    started.start()
    yield started
    started.stop()


@pytest.fixture
def own(server: Weaviate, settings: Any, db: None) -> Callable[[int], None]:
    """The settings know it, and it is empty. `own(number)` writes a memory of Acme's."""
    for name, value in server.start().variables().items():
        setattr(settings, name, value)
    for found in index.call("GET", "/aliases")["aliases"]:
        index.call("DELETE", f"/aliases/{found['alias']}")
    for found in index.call("GET", "/schema")["classes"]:
        index.call("DELETE", f"/schema/{found['class']}", seconds=20)

    def write(number: int) -> None:
        if not rows_exist():
            index.call("POST", "/schema", DECLARED, seconds=20)
            index.call("POST", f"/schema/{GENERATION}/tenants", [{"name": "acme"}], seconds=20)
            index.call("POST", "/aliases", {"alias": "AgentMemory", "class": GENERATION}, seconds=20)
        row = {"class": GENERATION, "tenant": "acme", "properties": {"number": number}, "vector": [0.6, 0.8]}
        index.call("POST", "/objects", row, seconds=20)

    return write


DECLARED = {
    "class": GENERATION,
    "multiTenancyConfig": {"enabled": True},
    "properties": [{"name": "number", "dataType": ["int"]}],
}


def rows_exist() -> bool:
    return any(found["class"] == GENERATION for found in index.call("GET", "/schema")["classes"])


def numbers() -> set[int]:
    """By the alias, as searches ask."""
    found = index.call("GET", "/objects?class=AgentMemory&tenant=acme", seconds=20)["objects"]
    return {row["properties"]["number"] for row in found}


def run(*words: str) -> str:
    written = io.StringIO()
    call_command("weaviate_backup", *words, stdout=written)
    return written.getvalue()


def test_what_was_saved_comes_back_with_its_alias(own: Callable[[int], None], server: Weaviate) -> None:
    own(1)
    own(2)
    assert run("make", "first") == f"made first: {server.backups}/first\n"
    assert [line.split()[0] for line in run("list").splitlines()] == ["first"]
    own(3)
    with pytest.raises(CommandError, match=f"{GENERATION} is there; --replace drops it first"):
        run("restore", "first")
    assert numbers() == {1, 2, 3}
    assert run("restore", "first", "--replace") == "restored first\n"
    assert numbers() == {1, 2}
    index.call("DELETE", "/aliases/AgentMemory")
    index.call("DELETE", f"/schema/{GENERATION}", seconds=20)
    run("restore", "first")
    assert numbers() == {1, 2}
    with pytest.raises(CommandError, match='backup "first" already exists'):
        run("make", "first")
    with pytest.raises(CommandError, match="there is no whole backup 'second'; there are: first"):
        run("restore", "second", "--replace")
    assert numbers() == {1, 2}


def test_nobody_writes_to_the_index_meanwhile(own: Callable[[int], None], monkeypatch: pytest.MonkeyPatch) -> None:
    with index_backups.nobody_writing(), pytest.raises(Busy):
        with writing():
            pass
    with writing():
        pass
    own(1)
    monkeypatch.setattr(index_backups, "WRITER_SECONDS", 1)
    with writing(), pytest.raises(CommandError, match="somebody has been writing to the index for 1 s; try again"):
        run("make", "busy")
    assert run("make", "idle").startswith("made idle")


def test_a_name_or_a_module_that_cannot_be_is_refused_in_words(own: Callable[[int], None]) -> None:
    with pytest.raises(CommandError, match="there is no index yet"):
        run("make")
    own(1)
    with pytest.raises(CommandError, match="allowed characters are lowercase"):
        run("make", "One Two")
    with pytest.raises(CommandError, match="did you enable the right module"):
        run("make", "--backend", "s3")


def test_a_server_that_is_away_is_told(own: Callable[[int], None], server: Weaviate, settings: Any) -> None:
    server.kill()
    with pytest.raises(CommandError, match="Weaviate is away"):
        run("list")
    settings.WEAVIATE_URL = ""
    with pytest.raises(CommandError, match="no Weaviate is used"):
        run("list")
