"""Files are named after the domain, fit in the head, and know no machine."""

import re
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, python, tracked

NO_NAMES = {"util", "utils", "helper", "helpers", "common", "service", "services", "manager", "managers"}
EXCUSED = {
    "templates/unfold/helpers": "django-unfold looks for its own templates there",
}
LINES_MAX = 350
# Written in two parts, so that this file does not name what it looks for.
MACHINE_PATHS = re.compile(r"(?<![\w.<>}*-])/" + r"(?:work|root|home/\w+|Users/\w+|tmp/b(?:ash|ase))[/_]")


def test_no_file_or_folder_has_a_name_that_says_nothing() -> None:
    silent = [
        str(path)
        for path in tracked()
        if {part.partition(".")[0] for part in path.parts} & NO_NAMES
        and not any(path.is_relative_to(excused) for excused in EXCUSED)
    ]
    assert silent == []


def test_no_source_is_longer_than_a_head_holds() -> None:
    lengths = {str(p): len((ROOT / p).read_text().splitlines()) for p in python() if p.parent.name != "migrations"}
    assert {path: length for path, length in lengths.items() if length > LINES_MAX} == {}


@pytest.mark.parametrize(
    "line", ["cd /work" + "/main", "HOME=/root" + "/x", '"/home' + '/ann/x"', "/tmp/bash" + "_jobs/1"]
)
def test_a_planted_machine_path_is_found(line: str) -> None:
    assert MACHINE_PATHS.search(line)


def test_nothing_names_a_machine() -> None:
    assert [place for path in tracked() for place in _named(path)] == []


def _named(path: Path) -> list[str]:
    try:
        text = (ROOT / path).read_text()
    except UnicodeDecodeError:
        return []  # a picture
    return [f"{path}: {found[0]}" for found in MACHINE_PATHS.finditer(text)]
