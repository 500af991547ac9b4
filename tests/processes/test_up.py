"""`manage.py up` as a person meets it: one command, one line when it is ready, nothing left when it ends."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from chimera.kernel.embedded import ports
from chimera.kernel.embedded.weaviate import BINARY
from tests import weaviate
from tests.processes import proc

READY_SECONDS = 120  # two cores, and another test beside us
STOP_SECONDS = 10


class Up:
    """A run on a home of its own, with what it says in a file."""

    def __init__(self, home: Path, *words: str, port: int | None = None) -> None:
        self.home, self.port = home, port or ports.choose()
        self.output = home.with_suffix(".out")
        own = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "CHIMERA_SECRET_KEY", "DJANGO_SETTINGS_MODULE")
        environment = {name: value for name, value in os.environ.items() if name not in own}
        environment |= {"CHIMERA_HOME": str(home), "CHIMERA_PORT": str(self.port)}
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", *words],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=proc.ROOT,
            )  # fmt: skip

    @property
    def said(self) -> list[str]:
        return self.output.read_text().splitlines()

    def wait_ready(self) -> "Up":
        proc.until(self._ready_or_over, READY_SECONDS)
        assert self.process.poll() is None, self.said
        return self

    def _ready_or_over(self) -> bool:
        return f"ready: http://127.0.0.1:{self.port}" in self.said or self.process.poll() is not None

    def child(self, words: str) -> int:
        return proc.until(lambda: proc.child(self.process.pid, words))

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Seconds that it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(STOP_SECONDS * 3)
        return time.monotonic() - began


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Up:
    """The first run on its home; it has ended, as it should."""
    run = Up(tmp_path_factory.mktemp("first") / "home", "--no-campaign").wait_ready()
    assert run.stop() < STOP_SECONDS
    return run


@pytest.fixture
def up(first: Up, home: Path) -> Iterator[Up]:
    """A run that goes on with what the first one left: initdb and every migration cost as much as all the rest."""
    shutil.copytree(first.home, home, symlinks=True)
    run = Up(home, "--no-campaign").wait_ready()
    yield run
    if run.process.poll() is None:
        run.stop()


def test_it_serves_comes_back_from_every_kill_and_leaves_nothing(up: Up) -> None:
    assert [line for line in up.said if line.startswith("ready: ")] == [f"ready: http://127.0.0.1:{up.port}"]
    assert up.answers()
    for words in ("daphne", "manage.py relay", "procrastinate worker", "/postgres -D", "-server 127.0.0.1"):
        killed = up.child(words)
        os.kill(killed, signal.SIGKILL)
        proc.until(lambda words=words, killed=killed: up.child(words) != killed, 30)
    proc.until(up.answers, 60)
    everybody = proc.descendants(up.process.pid)
    assert len(everybody) > 5
    assert up.stop() < STOP_SECONDS
    assert up.process.returncode == 0
    assert [line for pid, line in everybody.items() if proc.lives(pid)] == []


def test_weaviate_comes_and_goes_with_the_others(first: Up, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BINARY, str(weaviate.built()))
    shutil.copytree(first.home, home, symlinks=True)
    run = Up(home, "--no-campaign").wait_ready()
    known = proc.until(lambda: json.loads((home / "servers.json").read_text()).get("WEAVIATE_URL"))
    proc.until(lambda: index_of(run) == "ok", 60)
    killed = run.child("weaviate-server")
    os.kill(killed, signal.SIGKILL)
    proc.until(lambda: any("Weaviate ended (SIGKILL" in line for line in run.said), 30)
    assert run.answers()  # whether it is back or not
    proc.until(lambda: index_of(run) == "ok", 60)
    assert run.child("weaviate-server") != killed
    assert json.loads((home / "servers.json").read_text())["WEAVIATE_URL"] == known
    everybody = proc.descendants(run.process.pid)
    assert run.stop() < STOP_SECONDS
    assert [line for pid, line in everybody.items() if proc.lives(pid)] == []


def index_of(run: Up) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{run.port}/readyz", timeout=5) as answer:
        return str(json.load(answer)["weaviate"])


def test_a_weaviate_that_does_not_start_keeps_nobody_from_working(
    first: Up, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = home.parent / "broken"
    broken.write_text("#!/bin/sh\necho no such luck\nexit 3\n")
    broken.chmod(0o700)
    monkeypatch.setenv(BINARY, str(broken))
    shutil.copytree(first.home, home, symlinks=True)
    (home / "weaviate" / "data").mkdir(parents=True)
    run = Up(home, "--no-campaign").wait_ready()
    ended = f"Weaviate ended (status 3, see {home}/logs/weaviate.log) and is started again in"
    proc.until(lambda: sum(ended in line for line in run.said) > 3, 60)
    assert index_of(run) == "away"
    aside = (
        f"Weaviate did not start 3 times with its data, which now lies in {home}/weaviate.unreadable; it begins empty"
    )
    assert run.said.count(aside) == 1
    assert (home / "weaviate.unreadable").exists()
    assert run.stop() < STOP_SECONDS


def test_dev_json_says_how_to_get_in(first: Up) -> None:
    written = first.home / "dev.json"
    assert [stat.S_IMODE((first.home / name).stat().st_mode) for name in ("dev.json", "servers.json")] == [0o600, 0o600]
    known = json.loads(written.read_text())
    assert set(known) >= {"base_url", "admin", "tenant", "token", "agents", "session"}
    assert set(known["agents"]) == {"planner", "worker", "judge"}
    assert known["base_url"] == f"http://127.0.0.1:{first.port}"
    assert known["session"] is None


def test_a_second_run_continues_and_one_beside_it_is_refused(up: Up) -> None:
    beside = Up(up.home, "--no-campaign")
    assert beside.process.wait(60) == 1
    assert f"already running on {up.home} (process {up.process.pid})" in "\n".join(beside.said)
    assert up.answers()
    known = json.loads((up.home / "dev.json").read_text())
    up.stop(signal.SIGINT)
    again = Up(up.home, "--no-campaign", port=up.port).wait_ready()
    assert json.loads((up.home / "dev.json").read_text()) == known
    again.stop()


def test_a_killed_run_leaves_nobody_and_the_next_one_starts(up: Up) -> None:
    everybody = proc.descendants(up.process.pid)
    up.process.kill()
    up.process.wait(10)
    proc.until(lambda: not any(proc.lives(pid) for pid in everybody))
    again = Up(up.home, "--no-campaign", port=up.port).wait_ready()
    assert again.stop() < STOP_SECONDS


def test_a_taken_port_is_told_in_a_sentence_with_the_way_out(home: Path) -> None:
    port = ports.choose()
    with socket.create_server((ports.LOOPBACK, port)):
        run = Up(home, "--no-campaign", port=port)
        assert run.process.wait(60) == 1
    assert f"port {port} is in use" in "\n".join(run.said)
    assert "CHIMERA_PORT=" in "\n".join(run.said)
    assert proc.descendants(run.process.pid) == {}


def test_stopped_in_the_middle_of_the_start_it_leaves_nothing(home: Path) -> None:
    run = Up(home, "--no-campaign")
    proc.until(lambda: "migrating" in run.said, 60)
    everybody = proc.descendants(run.process.pid)
    assert run.stop(signal.SIGINT) < STOP_SECONDS
    assert not any(line.startswith("ready") for line in run.said)
    assert [line for pid, line in everybody.items() if proc.lives(pid)] == []


def test_your_own_servers_take_the_place_of_the_embedded(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests import cluster

    urls = {"DATABASE_URL": cluster.postgres.urls.app, "DATABASE_OWNER_URL": cluster.postgres.urls.owner}
    for name, url in (urls | {"REDIS_URL": cluster.redis.url}).items():
        monkeypatch.setenv(name, url)
    from chimera.management.servers import Servers

    home.mkdir()
    servers = Servers(home, os.environ, print)
    servers.start()
    assert json.loads((home / "servers.json").read_text()) == urls | {"REDIS_URL": cluster.redis.url}
    assert not (home / "postgres").exists()
    assert not (home / "redis").exists()
    servers.stop()
    with psycopg.connect(cluster.postgres.urls.app) as app:
        assert app.execute("SELECT 1").fetchone() == (1,)
