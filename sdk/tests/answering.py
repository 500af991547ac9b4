"""A real HTTP server on loopback that answers in order, and remembers what it was asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Answer(NamedTuple):
    status: int = 200
    body: Any = {}
    headers: dict[str, str] = {}
    lost: bool = False  # the connection breaks off instead


class Asked(NamedTuple):
    method: str
    path: str
    key: str | None
    body: Any


class Server(ThreadingHTTPServer):
    """Answers by the last word of the path, or as `""` says; the last answer is given again and again."""

    def __init__(self, answers: dict[str, list[Answer]]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.asked, self.guard = answers, list[Asked](), threading.Lock()

    def bodies(self, word: str) -> list[Any]:
        return [asked.body for asked in self.asked if asked.path.endswith(f"/{word}")]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null")
        with self.server.guard:
            self.server.asked.append(Asked(self.command, self.path, self.headers.get("Idempotency-Key"), body))
            word = self.path.split("?")[0].rpartition("/")[2]
            answers = self.server.answers.get(word) or self.server.answers[""]
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer.lost:
            self.connection.close()
            return
        raw = json.dumps(answer.body).encode()
        self.send_response(answer.status)
        sent = {"Content-Type": "application/json", "Content-Length": str(len(raw))} | answer.headers
        for name, value in sent.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_PATCH = do_POST  # noqa: N815 (the names are the base class's)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the tests read `asked`."""


@contextmanager
def answering(*answers: Answer, **by_word: list[Answer]) -> Iterator[Server]:
    server = Server({"": list(answers)} | by_word)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
