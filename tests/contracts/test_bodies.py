"""Bodies as they come over the wire: chunked, oversized, of another kind."""

import asyncio
import json
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator

from chimera.asgi import application
from tests.cast import Stage

LARGE = b'{"name": "' + b"x" * 5_000_000 + b'"}'


def sent(
    path: str, secret: str, body: bytes, *, kind: bytes = b"application/json", length: bool = False
) -> tuple[int, bytes, Any]:
    """POST in two pieces; without `length` as a chunked body, which has no Content-Length."""
    headers = [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {secret}".encode()), (b"content-type", kind)]
    headers += [(b"content-length", str(len(body)).encode())] if length else []

    async def call() -> tuple[int, bytes, Any]:
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": headers,
        }
        wire = ApplicationCommunicator(
            application, scope | {"http_version": "1.1", "scheme": "http", "client": ("127.0.0.1", 1)}
        )
        half = len(body) // 2
        await wire.send_input({"type": "http.request", "body": body[:half], "more_body": True})
        await wire.send_input({"type": "http.request", "body": body[half:], "more_body": False})
        start, rest = await wire.receive_output(20), await wire.receive_output(20)
        await wire.wait(20)  # until the response is closed, and its connection back in the pool
        return start["status"], dict(start["headers"]).get(b"Content-Type", b""), json.loads(rest["body"])

    return asyncio.run(call())


def test_a_chunked_body_is_read(acme: Stage) -> None:
    status, _, session = sent("/api/v1/sessions", acme.pia.secret, b'{"name": "in pieces"}')
    assert (status, session["name"]) == (201, "in pieces")
    status, _, refused = sent("/api/v1/claims", acme.ada.secret, b'{"bogus": 1}')
    assert (status, refused["code"]) == (422, "unknown_field")


@pytest.mark.parametrize("length", [True, False], ids=["with a length", "chunked"])
@pytest.mark.parametrize("path", ["/api/v1/sessions", "/api/v1/claims", "/api/v1/claims/results"])
def test_an_oversized_body_is_413(acme: Stage, path: str, length: bool) -> None:
    secret = acme.pia.secret if path.endswith("sessions") else acme.ada.secret
    status, kind, refused = sent(path, secret, LARGE, length=length)
    assert (status, kind, refused["code"]) == (413, b"application/problem+json", "too_large")


@pytest.mark.parametrize("kind", [b"multipart/form-data", b"text/plain", b"application/x-www-form-urlencoded"])
def test_a_body_of_another_kind_is_a_problem(acme: Stage, kind: bytes) -> None:
    status, answered, refused = sent("/api/v1/sessions", acme.pia.secret, b"name=x", kind=kind, length=True)
    assert status in (400, 415)
    assert answered == b"application/problem+json"
    assert refused["code"] in ("bad_request", "unsupported_media_type")
