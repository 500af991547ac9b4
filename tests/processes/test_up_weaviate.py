"""Weaviate among the servers of `manage.py up`, whose PostgreSQL and Redis are the tests' own here."""

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chimera import env
from chimera.kernel.embedded import ports
from chimera.kernel.embedded.weaviate import BINARY
from chimera.management.servers import Servers
from tests import cluster, weaviate
from tests.processes import proc

pytestmark = pytest.mark.slow
Begin = Callable[..., Servers]


class Heard(list[str]):
    def has(self, *words: str) -> bool:
        return any(all(word in line for word in words) for line in self)


@pytest.fixture
def said() -> Heard:
    return Heard()


@pytest.fixture
def begin(tmp_path: Path, said: Heard, monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    """`begin(WEAVIATE_URL="…")` starts the servers with this in the environment."""
    urls = cluster.postgres.urls
    given = {"DATABASE_URL": urls.app, "DATABASE_OWNER_URL": urls.owner, "REDIS_URL": cluster.redis.url}
    started: list[Servers] = []

    def start(**more: str) -> Servers:
        servers = Servers(tmp_path, given | more, said.append)
        started.append(servers)
        servers.start()
        return servers

    monkeypatch.setenv(BINARY, str(weaviate.built()))
    yield start
    for servers in started:
        servers.stop()


def written(home: Path) -> dict[str, Any]:
    known: dict[str, Any] = json.loads((home / "servers.json").read_text())
    return known


def tended(servers: Servers, ready: Callable[[], object]) -> set[str]:
    """Looks after them until then; the variables that changed meanwhile."""
    changed: set[str] = set()

    def look() -> object:
        changed.update(servers.tend())
        return ready()

    proc.until(look, 60)
    return changed


def times_ready(said: Heard) -> int:
    return sum("Weaviate: process" in line for line in said)


def listening(port: int) -> socket.socket | None:
    """None while its last owner still has it: of a process that is killed the threads end one after another."""
    try:
        return socket.create_server((ports.LOOPBACK, port))
    except OSError:
        return None


def test_nobody_waits_for_it_and_it_says_when_it_is_there(begin: Begin, said: Heard, tmp_path: Path) -> None:
    servers = begin()
    assert times_ready(said) == 0
    known = written(tmp_path)
    assert known["WEAVIATE_URL"].startswith("http://127.0.0.1:")
    assert known["WEAVIATE_API_KEY"]
    assert tended(servers, lambda: times_ready(said)) == set()
    assert said.has("Weaviate: process", f"data in {tmp_path}/weaviate")


def test_it_comes_back_elsewhere_when_its_port_was_taken(begin: Begin, said: Heard, tmp_path: Path) -> None:
    servers = begin()
    tended(servers, lambda: times_ready(said))
    before = written(tmp_path)
    pid = int((tmp_path / "weaviate.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    port = int(before["WEAVIATE_URL"].rsplit(":", 1)[1])
    with proc.until(lambda: listening(port)):
        changed = tended(servers, lambda: times_ready(said) == 2)
    assert changed == {"WEAVIATE_URL", "WEAVIATE_GRPC_URL"}
    assert written(tmp_path)["WEAVIATE_URL"] == servers.urls["WEAVIATE_URL"] != before["WEAVIATE_URL"]
    assert said.has("Weaviate ended (SIGKILL", "searches use PostgreSQL meanwhile")


def test_one_that_hangs_while_it_starts_is_told_and_left_alone(
    begin: Begin, said: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chimera.management.index.PATIENCE_SECONDS", 1.0)
    servers = begin()
    pid = int((tmp_path / "weaviate.pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    tended(servers, lambda: said.has("Weaviate does not answer after", "logs/weaviate.log"))
    os.kill(pid, signal.SIGCONT)
    tended(servers, lambda: times_ready(said))
    assert sum("does not answer" in line for line in said) == 1
    assert proc.lives(pid)


def test_one_that_hangs_is_killed_and_started_again(
    begin: Begin, said: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chimera.management.index.WATCH_SECONDS", 0.1)
    servers = begin()
    tended(servers, lambda: times_ready(said))
    before, pid = written(tmp_path), int((tmp_path / "weaviate.pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    tended(servers, lambda: said.has("Weaviate did not answer for", "it was killed and is started again in 0.5 s"))
    assert not proc.lives(pid)
    tended(servers, lambda: times_ready(said) == 2)
    assert proc.lives(int((tmp_path / "weaviate.pid").read_text()))
    assert written(tmp_path) == before, "on its old ports, so that nobody else is started again"
    assert not said.has("Weaviate ended"), "it is said in one line"


def test_one_that_hangs_again_and_again_is_started_ever_more_seldom(
    begin: Begin, said: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("WATCH_SECONDS", 0.0), ("HEAR_SECONDS", 0.2), ("MISSES_MAX", 1)):
        monkeypatch.setattr(f"chimera.management.index.{name}", value)
    servers = begin()
    for time in (1, 2):
        tended(servers, lambda time=time: times_ready(said) == time)  # type: ignore[misc]
        os.kill(int((tmp_path / "weaviate.pid").read_text()), signal.SIGSTOP)
        tended(servers, lambda time=time: sum("it was killed" in line for line in said) == time)  # type: ignore[misc]
    assert said.has("it was killed and is started again in 1.0 s")


def test_one_that_pauses_for_a_moment_is_left_alone(
    begin: Begin, said: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chimera.management.index.WATCH_SECONDS", 0.0)
    monkeypatch.setattr("chimera.management.index.MISSES_MAX", 3)
    servers = begin()
    tended(servers, lambda: times_ready(said))
    pid = int((tmp_path / "weaviate.pid").read_text())
    for _ in range(2):
        os.kill(pid, signal.SIGSTOP)
        for _ in range(2):
            servers.tend()
        os.kill(pid, signal.SIGCONT)
        assert servers._index
        proc.until(servers._index._weaviate.answers)
        servers.tend()  # and what it missed before counts no more
    assert proc.lives(pid)
    assert not said.has("killed")


def test_one_that_hangs_does_not_hold_up_the_end(begin: Begin, said: Heard, tmp_path: Path) -> None:
    servers = begin()
    tended(servers, lambda: times_ready(said))  # from now on it answers SIGTERM itself, if it can
    pid = int((tmp_path / "weaviate.pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    servers.stop()
    assert not proc.lives(pid)


def test_your_own_takes_its_place_with_its_own_key(begin: Begin, said: Heard, tmp_path: Path) -> None:
    begin().stop()
    servers = begin(WEAVIATE_URL="https://weaviate.example")
    assert not (tmp_path / "weaviate.pid").exists() or not proc.lives(int((tmp_path / "weaviate.pid").read_text()))
    assert {name for name in env.WEAVIATE if name in written(tmp_path)} == {"WEAVIATE_URL"}
    assert servers.urls["WEAVIATE_URL"] == "https://weaviate.example"


def test_who_built_none_has_none(begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(BINARY)
    begin()
    assert not set(env.WEAVIATE).intersection(written(tmp_path))
    assert not (tmp_path / "weaviate").exists()
