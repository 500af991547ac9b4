"""The embedded Weaviate: it survives a kill, starts with whatever it finds, and is nobody else's."""

import json
import os
import socket
import stat
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chimera.kernel.embedded import AlreadyRunning, ServerFailed, Weaviate, ports
from chimera.kernel.embedded.weaviate import BINARY, built, find, memory_bytes
from tests import weaviate as servers
from tests.processes import proc

pytestmark = pytest.mark.slow


@pytest.fixture
def binary() -> Path:
    return servers.built()


@pytest.fixture
def server(binary: Path, tmp_path: Path) -> Iterator[Weaviate]:
    started = Weaviate(tmp_path / "home with a blank", binary)
    started.start()
    yield started
    started.stop()


def call(server: Weaviate, path: str, body: Any = None, *, key: str | None = None) -> Any:
    request = urllib.request.Request(
        f"{server.address.url}/v1/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {server.address.api_key if key is None else key}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def write(server: Weaviate, number: int) -> str:
    """A row of the class Note, which is made with the first."""
    if not call(server, "schema")["classes"]:
        call(server, "schema", {"class": "Note", "properties": [{"name": "number", "dataType": ["int"]}]})
    note = {"class": "Note", "properties": {"number": number}, "vector": [0.6, 0.8]}
    return str(call(server, "objects", note)["id"])


def number(server: Weaviate, row: str) -> int:
    return int(call(server, f"objects/Note/{row}")["properties"]["number"])


def test_what_was_written_survives_a_kill(server: Weaviate) -> None:
    before = server.address
    rows = [write(server, number) for number in range(20)]
    server.kill()
    assert not server.answers()
    assert server.start() == before
    assert [number(server, row) for row in rows] == list(range(20))


def test_it_comes_back_on_other_ports_when_its_own_are_taken(server: Weaviate) -> None:
    before, row = server.address, write(server, 7)
    server.stop()
    with socket.create_server((ports.LOOPBACK, server._port("raft"))):
        assert server.start() != before
    assert number(server, row) == 7


def test_data_that_cannot_be_read_is_set_aside(server: Weaviate) -> None:
    write(server, 1)
    server.stop()
    for part in (server.folder / "data").rglob("*"):
        if part.is_file():
            part.write_bytes(b"\0damaged")
    server.start()
    assert call(server, "schema")["classes"] == []
    assert any((server.home / "weaviate.unreadable").rglob("*"))


def test_a_server_left_behind_is_ended_before_the_next(server: Weaviate) -> None:
    left, row = server.pid, write(server, 3)
    server._hold.release()
    following = Weaviate(server.home, server.binary)
    following.start()
    assert not proc.lives(left)
    assert number(following, row) == 3
    following.stop()


def test_a_second_supervisor_is_refused(server: Weaviate) -> None:
    with pytest.raises(AlreadyRunning, match="already running"):
        Weaviate(server.home, server.binary).start()
    assert server.answers()


def test_it_is_closed_to_everybody_else(server: Weaviate) -> None:
    key, between = server._kept.password("api_key"), server._kept.password("cluster")
    line = proc.command_line(server.pid)
    assert key not in line
    assert between not in line
    assert stat.S_IMODE((server.home / "weaviate.json").stat().st_mode) == 0o600
    for stranger in ("", "wrong"):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            call(server, "schema", key=stranger)


def test_what_it_has_to_open_to_every_interface_asks_who_is_there(server: Weaviate) -> None:
    assert open_to_all(server.pid) == {server._port("grpc"), server._port("data")}
    between = f"http://{ports.LOOPBACK}:{server._port('data')}/nodes/status"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(between, timeout=20)


def open_to_all(pid: int) -> set[int]:
    """Ports on which a process listens beyond loopback (Linux)."""
    mine = {os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink()}
    found = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
            words = line.split()
            address, port = words[1].rsplit(":", 1)
            if words[3] == "0A" and f"socket:[{words[9]}]" in mine and int(address, 16) == 0:
                found.add(int(port, 16))
    return found


def test_it_ends_with_whoever_started_it(binary: Path, tmp_path: Path) -> None:
    owner = proc.start_weaviate(tmp_path / "home", binary)
    owner.process.kill()
    owner.process.wait(10)
    proc.until(lambda: not any(proc.lives(pid) for pid in owner.servers))


def test_a_program_that_is_none_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho no such luck\nexit 3\n")
    broken.chmod(0o700)
    server = Weaviate(tmp_path / "home", broken)
    with pytest.raises(ServerFailed, match="no such luck"):
        server.start()
    assert not server.alive()


def test_the_binary_is_the_built_one_or_the_named_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find(tmp_path) is None
    built(tmp_path).parent.mkdir()
    built(tmp_path).touch(mode=0o700)
    assert find(tmp_path) == built(tmp_path)
    monkeypatch.setenv(BINARY, "/bin/true")
    assert find(tmp_path) == Path("/bin/true")
    for wrong in ("/nowhere", str(tmp_path), __file__):
        monkeypatch.setenv(BINARY, wrong)
        with pytest.raises(ServerFailed, match=f"CHIMERA_WEAVIATE_BINARY={wrong} is no program"):
            find(tmp_path)


def test_it_may_use_a_quarter_of_the_machine_or_container(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    machine = memory_bytes(limit)
    limit.write_text("max\n")
    assert memory_bytes(limit) == machine
    limit.write_text(f"{1 << 60}\n")
    assert memory_bytes(limit) == machine
    limit.write_text(f"{2 << 30}\n")
    assert memory_bytes(limit) == 1 << 30
