"""Whether the optional search index is there, asked without its client: for /readyz and `manage.py doctor`."""

import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from django.conf import settings

TIMEOUT_SECONDS = 1.0  # it answers in a millisecond, or is no help
ANSWER_BYTES_MAX = 1 << 20
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open  # a neighbour, whatever http_proxy says


@dataclass(frozen=True)
class Standing:
    """`word` is "not used", "ok" or "away"; `reason` says why it is away, `version` is that of the server."""

    word: str
    reason: str = ""
    version: str = ""


def standing() -> Standing:
    """One look, which takes two seconds at most."""
    if not settings.WEAVIATE_URL:
        return Standing("not used")
    try:
        _ask("/v1/.well-known/ready")
        return Standing("ok", version=str(_ask("/v1/meta")["version"]))
    except urllib.error.HTTPError as refusal:
        if refusal.code in (401, 403):
            return Standing("away", f"it refuses the key ({refusal.code})")
        return Standing("away", f"it is not ready ({refusal.code})")
    except (OSError, http.client.HTTPException) as failure:
        return Standing("away", str(getattr(failure, "reason", failure)) or type(failure).__name__)
    except (ValueError, KeyError, TypeError):
        return Standing("away", "what answers there is no Weaviate")


def _ask(path: str) -> Any:
    headers = {"Authorization": f"Bearer {settings.WEAVIATE_API_KEY}"} if settings.WEAVIATE_API_KEY else {}
    request = urllib.request.Request(settings.WEAVIATE_URL + path, headers=headers)
    with _open(request, timeout=TIMEOUT_SECONDS) as answer:
        body = answer.read(ANSWER_BYTES_MAX)
    return json.loads(body) if body.strip() else None
