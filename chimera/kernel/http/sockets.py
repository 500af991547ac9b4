"""Who opens a WebSocket: the same bearer secrets as over HTTP, or the session cookie of a page of ours. Synchronous."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest
from django.http.cookie import parse_cookie
from django.http.request import split_domain_port, validate_host

from chimera.kernel.errors import forbidden, not_found, unauthenticated
from chimera.kernel.http.address import is_secure
from chimera.kernel.http.authentication import TENANT_IN_SESSION, principal_of_bearer, principal_of_session
from chimera.kernel.http.permissions import ANYONE, check
from chimera.kernel.http.sessions import SessionStore, Watching
from chimera.kernel.identity import Principal


def principal_of_scope(scope: Mapping[str, Any]) -> Principal:
    """Authenticate a handshake; raises 401, or 403 for a cookie that comes from another site's page, and for what came without TLS."""
    if settings.SECURE_SSL_REDIRECT and not is_secure(scope):
        raise forbidden(
            "Connect with wss://; what was sent has travelled in the clear, so make a new key.", code="insecure"
        )
    headers = _headers(scope)
    if header := headers.get("authorization"):
        return principal_of_bearer(header)
    if settings.SESSION_COOKIE_NAME not in parse_cookie(headers.get("cookie", "")):
        raise unauthenticated("Send `Authorization: Bearer chm_…` or `chp_…`, or log in to /admin/ first.")
    check_origin(headers, secure=settings.TLS or is_secure(scope))
    return _principal_of_cookie(headers, SessionStore)


def check_again(scope: Mapping[str, Any], *, tenant_id: UUID) -> None:
    """Whether whoever was let in may still look on for this tenant; raises 401, 403 or 404 as at the handshake. Who has chosen another
    of their tenants since goes on looking."""
    headers = _headers(scope)
    header = headers.get("authorization")
    principal = principal_of_bearer(header) if header else _principal_of_cookie(headers, Watching, chosen=tenant_id)
    check(principal, ANYONE)
    if principal.tenant_id != tenant_id:
        raise not_found("session")


def _headers(scope: Mapping[str, Any]) -> dict[str, str]:
    return {name.decode("latin1").lower(): value.decode("latin1") for name, value in scope["headers"]}


def _principal_of_cookie(
    headers: Mapping[str, str], store: type[SessionStore], chosen: UUID | None = None
) -> Principal:
    request = HttpRequest()
    request.COOKIES = parse_cookie(headers.get("cookie", ""))
    request.session = store(request.COOKIES[settings.SESSION_COOKIE_NAME])
    request.user = get_user(request)
    if not request.user.is_authenticated or not request.user.is_active:
        raise unauthenticated("Your session has ended; log in to /admin/ again.")
    if chosen:
        request.session[TENANT_IN_SESSION] = str(chosen)  # for this question alone: nothing here is saved
    return principal_of_session(request)


def check_origin(headers: Mapping[str, str], *, secure: bool) -> None:
    """Browsers send cookies along with any page's socket, and say whose page it is: it must be ours."""
    origin, host = headers.get("origin", ""), headers.get("host", "")
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return
    domain, _ = split_domain_port(host)
    ours = validate_host(domain, settings.ALLOWED_HOSTS) if domain else False
    parts = urlsplit(origin)
    if not (ours and parts.scheme == ("https" if secure else "http") and parts.netloc.lower() == host.lower()):
        raise forbidden("A socket with a cookie must be opened by a page of this site.", code="origin")
