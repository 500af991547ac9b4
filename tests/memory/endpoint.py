"""A real OpenAI-compatible endpoint on loopback that embeds with 1536 dimensions, or misbehaves as it is told."""

import json
import math
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from memory.embedders import EndpointEmbedder
from memory.limits import DIMENSIONS


def vector_for(text: str, dimensions: int) -> list[float]:
    """Not of unit length, as not every model's are."""
    return ([float(len(text)), 1.0, float(len(set(text)))] + [0.0] * dimensions)[:dimensions]


def unit(text: str) -> list[float]:
    """The same, of unit length: what is made of it."""
    vector = vector_for(text, DIMENSIONS)
    length = math.hypot(*vector)
    return [x / length for x in vector]


class Endpoint:
    """`status` is sent always, `statuses` one after the other before it; `answers` instead of vectors; `calls` keeps what was asked."""

    def __init__(self) -> None:
        self.dimensions = 1536
        self.status = 200
        self.statuses: list[int] = []
        self.headers: dict[str, str] = {}
        self.answers: Any = None
        self.raw: bytes | None = None  # sent as it is
        self.cut_at: int | None = None  # bytes of the body after which it hangs up
        self.slow_seconds = 0.0  # before the answer
        self.drip_seconds = 0.0  # between one byte of the body and the next
        self.refuses = ""  # a text that gets 400, alone or among others
        self.refuses_too: set[str] = set()  # several
        self.breaks: set[str] = set()  # texts that get 500, alone or among others
        self.zero = ""  # a text that gets the zero vector
        self.texts_max = 2048
        self.calls: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.url = ""
        self.stopped = threading.Event()

    @property
    def asked(self) -> Counter[str]:
        return Counter(text for call in self.calls for text in call["input"])

    def answer(self, asked: dict[str, Any]) -> Any:
        if self.answers is not None:
            return self.answers
        dimensions = asked.get("dimensions", self.dimensions)
        vectors = [[0.0] * dimensions if text == self.zero else vector_for(text, dimensions) for text in asked["input"]]
        rows = [{"object": "embedding", "index": number, "embedding": vector} for number, vector in enumerate(vectors)]
        return {"object": "list", "data": rows[::-1], "model": asked["model"]}  # any order is allowed, the index counts

    def status_of(self, asked: dict[str, Any]) -> int:
        if self.statuses:
            return self.statuses.pop(0)
        if self.breaks.intersection(asked["input"]):
            return 500
        if self.refuses in asked["input"] or self.refuses_too & set(asked["input"]):
            return 400
        return 413 if len(asked["input"]) > self.texts_max else self.status


@contextmanager
def serving() -> Iterator[Endpoint]:
    endpoint = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            endpoint.calls.append({"path": self.path, "at": time.monotonic()} | asked)
            endpoint.keys.append(self.headers.get("Authorization"))
            endpoint.stopped.wait(endpoint.slow_seconds)
            body = endpoint.raw if endpoint.raw is not None else json.dumps(endpoint.answer(asked)).encode()
            self.send_response(endpoint.status_of(asked))
            self.send_header("Content-Length", str(len(body)))
            for name, value in endpoint.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.send_body(body)

        def send_body(self, body: bytes) -> None:
            if endpoint.cut_at is not None:
                self.wfile.write(body[: endpoint.cut_at])
                self.close_connection = True
            elif endpoint.drip_seconds:
                for number in range(len(body)):
                    self.wfile.write(body[number : number + 1])
                    if endpoint.stopped.wait(endpoint.drip_seconds):
                        return
            else:
                self.wfile.write(body)

        def handle(self) -> None:
            with suppress(BrokenPipeError, ConnectionResetError):  # who asked may have gone
                super().handle()

        def log_message(self, *args: Any) -> None:
            """Says nothing: the test asserts on `calls`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    endpoint.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield endpoint
    finally:
        endpoint.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()


def at(endpoint: Endpoint, **more: Any) -> EndpointEmbedder:
    """An embedder that asks it."""
    return EndpointEmbedder(base_url=endpoint.url, key=more.pop("key", ""), model="tiny", **more)
