"""The gates are red when they must be: each check of `make check` on a planted fault, `make test` on tests that do not run.

On what was committed, through the Makefile's own lines, with the packages that this Python has.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.architecture.tree import committed

pytestmark = pytest.mark.slow

PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Plant:
    """A line that is added to a file, and what the check then says."""

    path: str
    line: str
    said: str


FIELD = 'ReviewCard.add_to_class("planted", models.TextField(default=""))'
PLANTS = {
    "ruff check .": Plant("chimera/kernel/clock.py", "import os", "F401"),
    "ruff format --check .": Plant("chimera/kernel/clock.py", "PLANTED = ( 1,2 )", "1 file would be reformatted"),
    "lint-imports": Plant(
        "swarm/dispatch/lists.py", "from commerce import limits", "Swarm imports no other app BROKEN"
    ),
    "python -m chimera.kernel.embedded python manage.py makemigrations --check --dry-run": Plant(
        "safety/models/review.py", FIELD, "Add field planted to reviewcard"
    ),
    "python manage.py draw_states --check": Plant("docs/states.md", "planted", "docs/states.md is stale"),
    "python manage.py draw_events --check": Plant("docs/events.md", "planted", "docs/events.md is stale"),
    "python manage.py draw_roles --check": Plant("docs/roles.md", "planted", "docs/roles.md is stale"),
}
# A minute on a cold cache, so it is only looked for in the list.
UNPLANTED = {"mypy ."}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all: what Python has compiled of it once need not be compiled by each check."""
    return committed(tmp_path_factory.mktemp("gates") / "house")


def make(folder: Path, *words: str) -> tuple[int, str]:
    """`make` as from a shell of its own, with this Python's packages in place of .venv, which counts as furnished."""
    furnished = [word for stamp in ("runs", "tests") for word in ("-o", f"{sys.prefix}/{stamp}")]
    command = ["make", "--no-print-directory", *furnished, f"VENV={sys.prefix}", "WORKERS=0", *words]
    return said(command, folder)


def said(command: list[str], folder: Path, path: str = "") -> tuple[int, str]:
    environment = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR", "USER") if name in os.environ}
    environment["PATH"] = f"{path}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    return done.returncode, done.stdout


def checks(folder: Path) -> list[str]:
    """The lines of CHECKS in the Makefile."""
    _, _, below = (folder / "Makefile").read_text().partition("\ndefine CHECKS\n")
    return below.partition("\nendef\n")[0].splitlines()


@contextmanager
def with_fault(folder: Path, planted: Plant) -> Iterator[None]:
    path = folder / planted.path
    sound = path.read_text()
    path.write_text(f"{sound}\n{planted.line}\n")
    try:
        yield
    finally:
        path.write_text(sound)


def test_no_check_was_dropped_and_none_is_without_a_plant(house: Path) -> None:
    assert sorted(checks(house)) == sorted({*PLANTS, *UNPLANTED})


@pytest.mark.parametrize("check", PLANTS)
def test_a_check_is_green_until_its_fault_is_planted(house: Path, check: str) -> None:
    status, text = make(house, "check", f"CHECKS={check}")
    assert status == 0, text
    with with_fault(house, PLANTS[check]):
        status, text = make(house, "check", f"CHECKS={check}")
    assert status != 0
    assert PLANTS[check].said in text


def test_one_red_check_fails_the_whole_and_the_others_are_still_run(house: Path) -> None:
    with with_fault(house, PLANTS["lint-imports"]):
        status, text = make(house, "check", "CHECKS=ruff --version\nlint-imports\nmypy --version")
    assert status != 0
    assert [line.rpartition(" ")[2] for line in text.splitlines() if " --version " in line] == ["ok", "ok"]


def test_a_test_file_that_cannot_be_imported_fails_the_tests(house: Path) -> None:
    bodies = {"test_sound.py": "def test_nothing() -> None:\n    pass\n", "test_broken.py": "import nowhere\n"}
    for name, body in bodies.items():
        (house / "tests" / name).write_text(body)
    status, text = make(house, "test", "ARGS=tests/test_sound.py")
    assert (status, "1 passed" in text) == (0, True), text
    status, text = make(house, "test", "ARGS=tests/test_sound.py tests/test_broken.py")
    assert status != 0
    assert "No module named 'nowhere'" in text
    for name in bodies:
        (house / "tests" / name).unlink()


def test_tests_that_are_none_fail(house: Path) -> None:
    status, text = make(house, "test", "ARGS=tests/architecture/test_names.py -k nothing_is_called_so")
    assert status != 0
    assert "deselected" in text
    assert "Error 5" in text  # pytest's word for an empty run


@pytest.mark.parametrize("red", ["", ".venv/tests", "weaviate", "check", "test", "test-next"])
def test_ci_runs_the_gates_and_ends_red_with_the_first_that_is(tmp_path: Path, red: str) -> None:
    """A `make` that only writes down what it was asked for, and fails for one target. Weaviate is built beside the checks."""
    folder, stand_ins, asked = committed(tmp_path / "house"), tmp_path / "bin", tmp_path / "asked"
    stand_ins.mkdir()
    for name, body in {"make": f'echo "$1" >> {asked}; [ "$1" != "{red}" ]', "chromium-headless-shell": ""}.items():
        (stand_ins / name).write_text(f"#!/bin/sh\n{body}\n")
        (stand_ins / name).chmod(0o755)
    status, text = said([str(folder / ".ci/run")], tmp_path, path=f"{stand_ins}:")
    gates = [".venv/tests", "check", "test", "test-next"]
    last = {"": "test-next", "weaviate": "check"}.get(red, red)
    assert (status != 0) == bool(red), text
    found = asked.read_text().split()
    assert [gate for gate in found if gate != "weaviate"] == gates[: gates.index(last) + 1]
    assert "weaviate" in found or red in (".venv/tests", "check"), "the tests wait for it"
