"""One post: what a receiver answers decides, nothing is followed, nothing is waited for beyond the deadline."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from safety.senders import posting
from safety.senders.outcome import Outcome
from tests.safety.receiver import LOOPBACK, listening


@pytest.fixture(autouse=True)
def _allowed(settings: Any) -> None:
    settings.NOTIFY_NETWORKS = LOOPBACK


def post(url: str) -> Outcome:
    return posting.post(url, body=b'{"type":"test"}', headers={"webhook-id": "msg_1"})


@pytest.mark.parametrize(
    ("status", "headers", "taken", "final", "wait"),
    [
        (200, {}, True, False, None),
        (204, {}, True, False, None),
        (302, {"Location": "http://127.0.0.1:1/"}, False, False, None),
        (400, {}, False, False, None),
        (410, {}, False, True, None),
        (429, {"Retry-After": "30"}, False, False, 30),
        (503, {"Retry-After": "999999"}, False, False, posting.WAIT_SECONDS_MAX),
        (503, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, False, False, None),
        (500, {}, False, False, None),
    ],
)
def test_what_it_answers_decides(
    status: int, headers: dict[str, str], taken: bool, final: bool, wait: int | None
) -> None:
    with listening() as receiver:
        receiver.answers, receiver.headers = [status], headers
        outcome = post(receiver.url)
    assert (outcome.taken, outcome.status_code, outcome.final, outcome.wait_seconds) == (taken, status, final, wait)
    assert len(receiver.calls) == 1
    assert receiver.calls[0][0]["content-type"] == "application/json"
    assert receiver.calls[0][1] == b'{"type":"test"}'


def test_nobody_there_is_told_as_that() -> None:
    with listening() as receiver:
        url = receiver.url
    outcome = post(url)
    assert (outcome.taken, outcome.final, outcome.status_code) == (False, False, None)
    assert outcome.detail.startswith("No answer: ")


@contextmanager
def speaking(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that takes one connection and behaves as it is told."""
    server = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        connection, _ = server.accept()
        with connection:
            behave(connection)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}/"
    server.close()
    thread.join(10)


def test_who_never_ends_its_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then, for ever: each single wait is short, and all together end with the deadline."""
    monkeypatch.setattr(posting, "TIMEOUT_SECONDS", 0.5)
    ended = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-")
        while not ended.wait(0.05):
            connection.sendall(b"a")

    with speaking(drip) as url:
        outcome = post(url)
        ended.set()
    assert (outcome.taken, outcome.detail) == (False, f"No answer within {posting.TIMEOUT_SECONDS:g} seconds.")


def test_a_body_without_end_is_not_read() -> None:
    def pour(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                connection.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        except OSError:
            return

    with speaking(pour) as url:
        assert post(url).taken


def test_what_speaks_another_protocol_is_told_as_that() -> None:
    with speaking(lambda connection: connection.sendall(b"220 mail.example ESMTP\r\n")) as url:
        outcome = post(url)
    assert (outcome.taken, outcome.final) == (False, False)
