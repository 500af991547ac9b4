"""What runs is what is pinned: a package that caps Django must not have put another one there."""

import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

PIN = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==([\w.]+)", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    """Of the file that this Python was furnished from: another Django has a copy of its own (`make test-next`)."""
    copy = Path(sys.prefix) / name
    return dict(PIN.findall((copy if copy.is_file() else ROOT / name).read_text()))


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_what_is_required_is_installed_exactly(file: str) -> None:
    assert {name: version(name) for name in pins(file)} == pins(file)


def test_what_that_brings_along_is_what_is_pinned() -> None:
    """A pin for another Python (async-timeout) is not installed here."""
    pinned = {name: at for name, at in pins("constraints.txt").items() if _installed(name)}
    assert {name: version(name) for name in pinned} == pinned
    assert len(pinned) > 80


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_exact_and_constrained_alike(file: str) -> None:
    lines = [line for line in (ROOT / file).read_text().splitlines() if line and not line.startswith(("#", "-r "))]
    assert [line for line in lines if not PIN.match(line)] == []
    required = {name.lower().replace("_", "-"): at for name, at in PIN.findall("\n".join(lines))}
    constrained = {n.lower().replace("_", "-"): at for n, at in PIN.findall((ROOT / "constraints.txt").read_text())}
    assert required.items() <= constrained.items()


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
