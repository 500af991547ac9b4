"""What the workers of a test run share: made by one of them, whoever dies over it, and then a cluster of each one's own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from chimera.kernel.embedded import Postgres
from tests import ground
from tests.processes import proc

DYING = """
import pathlib, sys, time
from chimera.kernel.embedded import Postgres
from tests import ground
home = pathlib.Path(sys.argv[1])
ground.join(home)
def migrate():
    print("migrating", flush=True)
    time.sleep(600)
ground.prepare(Postgres(home, durable=False), migrate)
"""
PATIENCE_SECONDS = 120  # an initdb and two copies, on a machine that does other things too


class Worker:
    """Servers like those of a worker, and what it migrates: one table with one row."""

    def __init__(self, home: Path) -> None:
        home.mkdir()
        ground.join(home)
        self.postgres = Postgres(home, durable=False)
        self.postgres.start()
        self.migrated = False

    def prepare(self) -> "Worker":
        ground.prepare(self.postgres, self._migrate)
        return self

    def _migrate(self) -> None:
        self.migrated = True
        with psycopg.connect(self.postgres.urls.owner) as owner:
            owner.execute("CREATE TABLE ground (said text)")
            owner.execute("INSERT INTO ground VALUES ('migrated')")

    def says(self, words: str) -> None:
        with psycopg.connect(self.postgres.urls.app) as app:
            app.execute("INSERT INTO ground VALUES (%s)", [words])

    def said(self) -> list[str]:
        with psycopg.connect(self.postgres.urls.app) as app:
            return [words for (words,) in app.execute("SELECT said FROM ground")]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a run of its own."""
    monkeypatch.setenv(ground.RUN, "")
    monkeypatch.setattr(ground, "_shared", None)
    home = tmp_path / "run"
    home.mkdir()
    ground.share(home)
    return home


@pytest.fixture
def dying(run: Path, tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A worker in the middle of migrating."""
    (tmp_path / "dying").mkdir()
    command = [sys.executable, "-c", DYING, str(tmp_path / "dying")]
    process = subprocess.Popen(command, cwd=proc.ROOT, env=dict(os.environ), stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "migrating\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.slow
def test_one_migrates_though_another_died_and_no_worker_sees_what_another_writes(
    run: Path, tmp_path: Path, dying: "subprocess.Popen[str]"
) -> None:
    workers = [Worker(tmp_path / name) for name in ("ada", "bob")]
    try:
        with ThreadPoolExecutor() as pool:
            prepared = [pool.submit(worker.prepare) for worker in workers]
            assert not any(worker.migrated for worker in workers)  # the one that migrates still lives
            (run / "ground.new").mkdir()  # as after a death in the middle of a copy
            dying.kill()
            ada, bob = (future.result(PATIENCE_SECONDS) for future in prepared)
        assert [ada.migrated, bob.migrated].count(True) == 1
        ada.says("of Ada's")
        bob.says("of Bob's")
        assert (ada.said(), bob.said()) == (["migrated", "of Ada's"], ["migrated", "of Bob's"])
    finally:
        for worker in workers:
            worker.postgres.stop()


def test_a_run_in_one_process_has_nobody_to_share_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground, "_shared", None)
    called: list[str] = []
    ground.prepare(Postgres(tmp_path, durable=False), lambda: called.append("migrated"))
    assert called == ["migrated"]
    assert not list(tmp_path.rglob("ground*"))
