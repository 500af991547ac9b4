"""Where a call comes from: the peer, or what our own proxies say of it."""

from ipaddress import ip_address

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
