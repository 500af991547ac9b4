"""An OpenAI-compatible endpoint that knows the vectors of the questions, and makes up those of any other text."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from zlib import crc32

import numpy as np

from benchmarks.memory.space import DIMENSIONS, Array


@contextmanager
def endpoint(known: Mapping[str, Array]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
            rows = [{"index": n, "embedding": _vector(text, known)} for n, text in enumerate(asked)]
            body = json.dumps({"data": rows}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _vector(text: str, known: Mapping[str, Array]) -> list[float]:
    found = known.get(text)
    if found is None:
        found = np.random.default_rng(crc32(text.encode())).standard_normal(DIMENSIONS)
    return [round(float(x), 6) for x in found]
