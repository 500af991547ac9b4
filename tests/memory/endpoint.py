"""A real OpenAI-compatible endpoint on loopback that embeds with two dimensions, or misbehaves as it is told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Endpoint:
    """`answers` is the body to send instead of vectors; `status` the status. `calls` keeps what was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.answers: Any = None
        self.refuses = ""  # a text that gets 400
        self.calls: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.url = ""

    def answer(self, asked: dict[str, Any]) -> Any:
        if self.answers is not None:
            return self.answers
        vectors = [[float(len(text)), 1.0] for text in asked["input"]]
        rows = [{"index": number, "embedding": vector} for number, vector in enumerate(vectors)]
        return {"data": rows[::-1]}  # any order is allowed, the index counts


@contextmanager
def serving() -> Iterator[Endpoint]:
    endpoint = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            endpoint.calls.append({"path": self.path} | asked)
            endpoint.keys.append(self.headers.get("Authorization"))
            body = json.dumps(endpoint.answer(asked)).encode()
            self.send_response(400 if endpoint.refuses in asked["input"] else endpoint.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Says nothing: the test asserts on `calls`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    endpoint.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
