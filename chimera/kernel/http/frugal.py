"""What daphne and Twisted do for every HTTP request and nobody needs; a sixth of what a quick way's request costs them."""

from functools import lru_cache
from typing import Any

from daphne.http_protocol import HTTPFactory
from twisted.web import http as _http

http: Any = _http
CONTENT_TYPES_MAX = 64  # remembered; clients send one or two


def install() -> None:
    """Once per process, before daphne serves. Other servers are not changed."""
    # Parsed as an e-mail's header, to find out whether the body is a form.
    http._parseContentType = lru_cache(CONTENT_TYPES_MAX)(http._parseContentType)
    HTTPFactory.log = _write_nothing  # into Twisted's log, which daphne does not open; its own stands beside it


def _write_nothing(factory: HTTPFactory, request: Any) -> None:
    """Our own line stands in our own log."""
