"""A real HTTP server on loopback that answers as a test says, and remembers what it was asked."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, Any]]
Body = dict[str, Any]


class Server(ThreadingHTTPServer):
    """`seen` holds (path, Idempotency-Key, body) of every call."""

    def __init__(self, answer: Callable[[str, Body], Answer]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.seen: list[tuple[str, str | None, Body]] = []
        self.guard = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def bodies(self, path: str) -> list[Body]:
        return [body for seen, _, body in self.seen if seen == path]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        with self.server.guard:
            self.server.seen.append((self.path, self.headers.get("Idempotency-Key"), body))
            status, answer = self.server.answer(self.path, body)
        raw = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST  # noqa: N815 (the name is the base class's)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the tests read `seen`."""


@contextmanager
def serving(answer: Callable[[str, Body], Answer]) -> Iterator[Server]:
    server = Server(answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def answering(*answers: Answer) -> Iterator[Server]:
    """These answers, in order, whatever is asked; the last one again and again."""
    left = list(answers)
    with serving(lambda path, body: left.pop(0) if len(left) > 1 else left[0]) as server:
        yield server
