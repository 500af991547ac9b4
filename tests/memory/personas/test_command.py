"""`manage.py persona`."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.cast import Stage
from tests.memory.personas.conftest import soul


def run(*words: str) -> str:
    out = StringIO()
    call_command("persona", "--as", "otto@acme", *words, stdout=out)
    return out.getvalue().strip()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "SOUL.md"
    path.write_text(soul())
    return path


def test_a_file_becomes_a_version(acme: Stage, file: Path) -> None:
    assert run("add", str(file)).startswith("harbour-notebook: version 1 added, ")
    assert run("add", str(file)).startswith("harbour-notebook: version 1 is current, as before, ")
    made = acme.ada.get("personas/harbour-notebook").ok()
    assert made["created_by"] == f"person:{acme.otto.id}"
    assert run("list") == "harbour-notebook: version 1, The Harbour Notebook"
    assert run("show", "harbour-notebook") == made["soul"].strip()


def test_versions_are_compared_and_retired(acme: Stage, file: Path) -> None:
    run("add", str(file))
    file.write_text(soul(name="The Notebook", body="You are a real person."))
    added = run("add", str(file)).splitlines()
    assert added[0].startswith("harbour-notebook: version 2 added")
    assert added[1] == "  line 10: “You are a real person” contradicts honesty, which outranks it"
    assert '+name: "The Notebook"' in run("show", "harbour-notebook", "--against", "1")
    assert json.loads(run("--json", "show", "harbour-notebook", "--number", "1"))["version"] == 1
    assert run("retire", "harbour-notebook", "--reason", "over") == "harbour-notebook: retired"
    assert ", retired at " in run("list")
    assert json.loads(run("--json", "list")) == {"id": "harbour-notebook", "version": 2, "name": "The Notebook"}


def test_what_is_wrong_is_said_with_its_lines(acme: Stage, file: Path) -> None:
    file.write_text("---\nid: Bad Id\nmood: x\n---\n")
    with pytest.raises(CommandError) as caught:
        run("add", str(file))
    assert "Line 2: `id` is small letters" in str(caught.value)
    assert "  Line 3: There is no key `mood`" in str(caught.value)


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"x" * 40_000])
def test_what_is_no_soul_is_refused(acme: Stage, file: Path, raw: bytes) -> None:
    file.write_bytes(raw)
    with pytest.raises(CommandError):
        run("add", str(file))
    assert run("list") == ""


def test_a_file_that_is_not_there_is_named(acme: Stage, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        run("add", str(tmp_path / "none.md"))
    with pytest.raises(CommandError, match="No such persona"):
        run("show", "nobody")
