"""The comparison with other queues starts, as far as that can be seen without measuring."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

JOBS = ROOT / "benchmarks/swarm/jobs"
PIN = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==[\w.]+(?:\s+#.*)?$")


def test_its_help_names_what_one_may_ask_for() -> None:
    asked = [sys.executable, "-m", "benchmarks.swarm", "--help"]
    said = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert said.returncode == 0, said.stderr
    assert {"--quick", "--huge", "--only", "--jobs"} <= set(re.findall(r"--[a-z-]+", said.stdout))


def test_a_row_that_nobody_knows_is_refused_before_anything_starts() -> None:
    asked = [sys.executable, "-m", "benchmarks.swarm", "--only", "sidekiq"]
    said = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert said.returncode == 1
    assert "nobody is called sidekiq" in said.stderr


@pytest.mark.parametrize("page", sorted(JOBS.glob("*.py")), ids=lambda page: page.stem)
def test_the_others_jobs_know_nothing_of_the_project(page: Path) -> None:
    """They run in a venv without it."""
    imported = set(re.findall(r"^(?:from|import) (\w+)", page.read_text(), re.MULTILINE))
    assert not imported & {"django", "chimera", "swarm", "commerce", "safety", "memory"}


def test_the_other_queues_are_pinned_and_not_the_projects() -> None:
    lines = [line for line in (ROOT / "benchmarks/requirements.txt").read_text().splitlines() if line[:1] != "#"]
    assert [line for line in lines if not PIN.match(line)] == []
    projects = (ROOT / "constraints.txt").read_text().lower()
    assert not [name for name in ("celery", "dramatiq", "rq") if f"\n{name}==" in projects]


def test_a_stamp_is_seen_by_whoever_maps_the_file(tmp_path: Path) -> None:
    from benchmarks.swarm.jobs.stamps import BEGUN, CALLED, Stamps

    mine = Stamps.create(tmp_path / "stamps", 3)
    theirs = Stamps(tmp_path / "stamps")
    mine.note(CALLED, 1)
    mine.note(BEGUN, 2)
    assert theirs.begun() == 1
    assert [at > 0 for at in theirs.column(CALLED)] == [False, True, False]
    assert [at > 0 for at in theirs.column(BEGUN, 1, 3)] == [False, True]
