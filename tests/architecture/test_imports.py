"""Imports point down. Each contract of pyproject.toml holds, and a planted import breaks it."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.tree import PACKAGES, ROOT, copied

# For each contract a file, and an import that has no business there.
PLANTS = {
    "Swarm imports no other app": ("swarm/dispatch/lists.py", "from commerce import limits"),
    "Commerce imports no other app": ("commerce/actions/spending.py", "from safety import triggers"),
    "Safety imports no other app": ("safety/triggers.py", "from memory import limits"),
    "Memory imports no other app": ("memory/actions/records.py", "import swarm.models"),
    "The kernel knows nothing of ours": ("chimera/kernel/clock.py", "import chimera.management"),
    "Flows know no door": ("chimera/flows/change_budget.py", "from swarm.api import tasks"),
    "Rooms of an app import downwards": ("commerce/states.py", "import commerce.models"),
}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    return copied(tmp_path, *PACKAGES, "pyproject.toml")


def linted(folder: Path) -> tuple[int, set[str]]:
    """The exit status of lint-imports, and the contracts that it calls broken."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    broken = {name for name in PLANTS if f"{name} BROKEN" in said.stdout}
    assert broken or all(f"{name} KEPT" in said.stdout for name in PLANTS), said.stdout + said.stderr
    return said.returncode, broken


def test_every_contract_holds() -> None:
    assert linted(ROOT) == (0, set())


def test_every_contract_has_a_plant() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert {contract["name"] for contract in contracts} == set(PLANTS)


@pytest.mark.parametrize("contract", PLANTS)
def test_a_planted_import_breaks_its_contract(house: Path, contract: str) -> None:
    path, line = PLANTS[contract]
    planted = house / path
    planted.write_text(f"{planted.read_text()}\n{line}\n")
    assert linted(house) == (1, {contract})


def test_an_import_for_types_alone_may_look_sideways(house: Path) -> None:
    path = house / "swarm/dispatch/lists.py"
    path.write_text(
        f"{path.read_text()}\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import commerce.models\n"
    )
    assert linted(house) == (0, set())
