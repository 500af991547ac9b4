"""Where a call comes from, and whether by TLS: what the connection says, or our own proxies."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str:
    """'' where it is not known, as over a Unix socket.

    Each proxy appends whom it heard; so with `CHIMERA_PROXIES` of ours in front, the last as many entries of X-Forwarded-For were
    written by them, and what stands before was claimed by whoever called.
    """
    said = request.META.get("REMOTE_ADDR", "")
    if settings.PROXIES:
        heard = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
        said = heard[-settings.PROXIES] if len(heard) >= settings.PROXIES else said
    try:
        return str(ip_address(said))
    except ValueError:
        return ""


def is_secure(scope: Mapping[str, Any]) -> bool:
    """As Django's `HttpRequest.is_secure`, of an ASGI scope."""
    if settings.SECURE_PROXY_SSL_HEADER:
        name, secure = settings.SECURE_PROXY_SSL_HEADER
        known = name.removeprefix("HTTP_").replace("_", "-").lower().encode()
        for each, value in scope["headers"]:
            if each == known:
                return bool(value.decode("latin1").split(",")[0].strip() == secure)
    return scope.get("scheme") in {"https", "wss"}
