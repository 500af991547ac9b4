"""Weaviate's address out of the environment, and what /readyz and the doctor say of it."""

import io
import json
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.test import Client

from chimera import env
from chimera.kernel import weaviate as index
from chimera.kernel.embedded import Weaviate, ports
from chimera.kernel.embedded.weaviate import Address, built

EMBEDDED = {"WEAVIATE_URL": "http://127.0.0.1:1", "WEAVIATE_GRPC_URL": "grpc://127.0.0.1:2", "WEAVIATE_API_KEY": "ours"}


def test_without_an_address_there_is_none(tmp_path: Path) -> None:
    assert {env.server_urls(tmp_path)[name] for name in env.WEAVIATE} == {""}


def test_the_embedded_one_is_found_by_the_file(tmp_path: Path) -> None:
    (tmp_path / "servers.json").write_text(json.dumps(EMBEDDED))
    assert env.server_urls(tmp_path).items() >= EMBEDDED.items()


def test_the_key_of_the_embedded_one_is_sent_to_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "servers.json").write_text(json.dumps(EMBEDDED))
    monkeypatch.setenv("WEAVIATE_URL", "https://weaviate.example/")
    found = env.server_urls(tmp_path)
    assert [found[name] for name in env.WEAVIATE] == ["https://weaviate.example", "grpcs://weaviate.example:50051", ""]


@pytest.mark.parametrize(
    ("url", "grpc_url"),
    [
        ("http://weaviate.example:8080", "grpc://weaviate.example:50051"),
        ("https://weaviate.example", "grpcs://weaviate.example:50051"),
        ("http://[::1]:8080", "grpc://[::1]:50051"),
    ],
)
def test_grpc_is_on_the_same_host_unless_told(url: str, grpc_url: str) -> None:
    assert env.weaviate(url, "", "")["WEAVIATE_GRPC_URL"] == grpc_url
    assert env.weaviate(url, "grpc://other.example:9", "")["WEAVIATE_GRPC_URL"] == "grpc://other.example:9"


@pytest.mark.parametrize(
    ("url", "grpc_url", "key", "words"),
    [
        ("weaviate.example:8080", "", "", "WEAVIATE_URL must be a URL such as http://weaviate.example:8080"),
        ("grpc://weaviate.example", "", "", "WEAVIATE_URL must be a URL"),
        ("http://weaviate.example:99999", "", "", "WEAVIATE_URL must be a URL"),
        ("http://weaviate.example/v1", "", "", "WEAVIATE_URL must be a URL"),
        ("http://:8080", "", "", "WEAVIATE_URL must be a URL"),
        ("http://me:secret@weaviate.example", "", "", "WEAVIATE_URL must not hold a password"),
        ("http://a.example", "http://a.example:50051", "", "WEAVIATE_GRPC_URL must be a URL such as grpc://"),
        ("", "grpc://a.example:50051", "", "need WEAVIATE_URL beside them"),
        ("", "", "key", "need WEAVIATE_URL beside them"),
    ],
)
def test_an_address_that_is_none_is_refused_by_name(url: str, grpc_url: str, key: str, words: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=words) as refusal:
        env.weaviate(url, grpc_url, key)
    assert "secret" not in str(refusal.value)


def readyz(client: Client) -> Any:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    return answer.json()


def doctor() -> str:
    """What it says of Weaviate, which is its last word."""
    written = io.StringIO()
    call_command("doctor", stdout=written)
    lines = written.getvalue().splitlines()
    return "\n".join(lines[next(number for number, line in enumerate(lines) if "Weaviate" in line) :])


def test_who_uses_none_misses_nothing(db: None, client: Client, settings: Any, tmp_path: Path) -> None:
    answer = readyz(client)
    assert (answer["weaviate"], answer["warnings"]) == ("not used", [])
    assert "no Weaviate is used" in doctor()
    assert "`make weaviate` builds one" in doctor()
    settings.HOME = tmp_path
    (tmp_path / "bin").mkdir()
    built(tmp_path).touch()
    assert "`make up` starts the one that is built" in doctor()


def test_one_that_answers_is_named_with_its_version(db: None, client: Client, weaviate: Address) -> None:
    assert readyz(client)["weaviate"] == "ok"
    assert doctor() == f"ok       Weaviate 1.38.9 at {weaviate.url}"


def test_one_that_is_away_is_a_warning_and_not_the_end(db: None, client: Client, weaviate_server: Weaviate) -> None:
    weaviate_server.kill()
    answer = readyz(client)
    assert (answer["status"], answer["weaviate"]) == ("ready", "away")
    assert any("Weaviate is away" in warning for warning in answer["warnings"])
    assert doctor().startswith(f"WARNING  Weaviate at {weaviate_server.address.url} is away: ")
    assert "logs/weaviate.log" in doctor()


def test_a_wrong_key_is_told(weaviate: Address, settings: Any) -> None:
    settings.WEAVIATE_API_KEY = "wrong"
    assert index.standing() == index.Standing("away", "it refuses the key (401)")


def test_grpc_that_cannot_be_reached_is_told(weaviate: Address, settings: Any) -> None:
    settings.WEAVIATE_GRPC_URL = f"grpc://127.0.0.1:{ports.choose()}"
    found = index.standing()
    assert found.word == "away"
    assert found.reason.startswith(f"{settings.WEAVIATE_GRPC_URL} cannot be reached")


class Stranger(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<h1>Welcome</h1>")

    def log_message(self, *words: Any) -> None:
        pass


@pytest.fixture
def stranger() -> Iterator[str]:
    """A web server that is no Weaviate."""
    server = ThreadingHTTPServer((ports.LOOPBACK, ports.choose()), Stranger)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{ports.LOOPBACK}:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_another_program_is_not_taken_for_it(stranger: str, settings: Any) -> None:
    settings.WEAVIATE_URL = stranger
    assert index.standing() == index.Standing("away", "what answers there is no Weaviate")


def test_one_that_never_answers_holds_nobody_up(settings: Any) -> None:
    with socket.create_server((ports.LOOPBACK, ports.choose())) as silent:
        settings.WEAVIATE_URL = f"http://{ports.LOOPBACK}:{silent.getsockname()[1]}"
        assert index.standing() == index.Standing("away", "timed out")
