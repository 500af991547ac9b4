"""Whether the optional search index is there, asked without its client: for /readyz and `manage.py doctor`."""

import http.client
import json
import socket
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

GRPC_PORT = 50051  # where the URL names none
TIMEOUT_SECONDS = 1.0  # it answers in a millisecond, or is no help
ANSWER_BYTES_MAX = 16 << 20  # a schema; nobody else's page
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open  # a neighbour, whatever http_proxy says


@dataclass(frozen=True)
class Standing:
    """`word` is "not used", "ok" or "away"; `reason` says why it is away, `version` is that of the server."""

    word: str
    reason: str = ""
    version: str = ""


def standing(*, seconds: float = TIMEOUT_SECONDS) -> Standing:
    """One look: three questions, each of which may take `seconds`."""
    if not settings.WEAVIATE_URL:
        return Standing("not used")
    try:
        call("GET", "/.well-known/ready", seconds=seconds)
        version = str(call("GET", "/meta", seconds=seconds)["version"])
    except urllib.error.HTTPError as refusal:
        if refusal.code in (401, 403):
            return Standing("away", f"it refuses the key ({refusal.code})")
        return Standing("away", f"it is not ready ({refusal.code})")
    except (OSError, http.client.HTTPException) as failure:
        return Standing("away", str(getattr(failure, "reason", failure)) or type(failure).__name__)
    except (ValueError, KeyError, TypeError):
        return Standing("away", "what answers there is no Weaviate")
    return _with_grpc(version, seconds)


def _with_grpc(version: str, seconds: float) -> Standing:
    """Searches and batches go there; a firewall may let pass the one and not the other."""
    there = urlsplit(settings.WEAVIATE_GRPC_URL)
    try:
        socket.create_connection((there.hostname or "", there.port or GRPC_PORT), timeout=seconds).close()
    except OSError as failure:
        return Standing("away", f"{settings.WEAVIATE_GRPC_URL} cannot be reached: {failure}")
    return Standing("ok", version=version)


def call(method: str, path: str, body: Any = None, *, seconds: float = TIMEOUT_SECONDS) -> Any:
    """What /v1`path` answers, None when it is empty. OSError when it cannot be reached, HTTPError when it refuses, ValueError when
    it speaks no JSON."""
    headers = {"Content-Type": "application/json"}
    if settings.WEAVIATE_API_KEY:
        headers["Authorization"] = f"Bearer {settings.WEAVIATE_API_KEY}"
    written = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{settings.WEAVIATE_URL}/v1{path}", written, headers, method=method)
    with _open(request, timeout=seconds) as answer:
        said = answer.read(ANSWER_BYTES_MAX)
    return json.loads(said) if said.strip() else None
