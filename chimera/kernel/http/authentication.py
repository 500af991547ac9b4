"""Bearer secrets (agents' keys, people's tokens) and the session cookie, each giving a Principal as `request.user`."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.request import Request

from chimera.kernel import identity
from chimera.kernel.entrance import second_factor
from chimera.kernel.errors import forbidden, unauthenticated
from chimera.kernel.http import callers, sessions
from chimera.kernel.identity import Membership, Principal

TENANT_IN_SESSION = "chimera_tenant"
SECOND_FACTOR_IN_SESSION = "chimera_second_factor"


class BearerAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Principal, str] | None:
        header = request.headers.get("Authorization", "")
        if not header:
            return None
        return principal_of_bearer(header), "bearer"

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="chimera"'


class CookieAuthentication(BaseAuthentication):
    """The admin's session, for people's calls from a page; unsafe methods need the CSRF token."""

    def authenticate(self, request: Request) -> tuple[Principal, str] | None:
        user = getattr(request._request, "user", None)
        if user is None or not user.is_authenticated or not user.is_active:
            return None
        check = CSRFCheck(lambda _request: None)  # type: ignore[arg-type, return-value]
        check.process_request(request._request)
        if reason := check.process_view(request._request, None, (), {}):  # type: ignore[arg-type]
            raise forbidden(f"The page's CSRF token is missing or old; reload it. ({reason})", code="csrf")
        return principal_of_session(request._request), "cookie"


def principal_of_bearer(header: str) -> Principal:
    """Authenticate an Authorization header; raises 401 with what is wrong."""
    secret = callers.secret_of(header)
    if secret is None:
        raise unauthenticated(
            "Send `Authorization: Bearer chm_…` (an agent's key) or `Bearer chp_…` (a personal token)."
        )
    return callers.principal_of(secret)


def principal_of_session(request: HttpRequest) -> Principal:
    """The person behind a session cookie, for the tenant chosen in it or the one they have belonged to for longest."""
    found = memberships_of_session(request)
    if not found:
        raise forbidden("You are a member of no tenant; ask an admin of one to add you.", code="no_membership")
    chosen = membership_of_session(request, found)
    if lacks_second_factor(request, chosen):
        raise forbidden(
            f"{chosen.tenant_name} asks for a second factor; set one up at /admin/second-factor/ and log in with it.",
            code="second_factor",
        )
    return identity.person(request.user, chosen)


def memberships_of_session(request: HttpRequest) -> list[Membership]:
    """The tenants for which this login still speaks; raises 401 where an admin has ended it for all of them."""
    found = identity.memberships(int(request.user.pk or 0))
    since = sessions.started(request.session)
    standing = [m for m in found if m.sessions_from is None or (since is not None and m.sessions_from < since)]
    if found and not standing:
        raise unauthenticated("Your session was ended; log in to /admin/ again.")
    return standing


def membership_of_session(request: HttpRequest, found: Sequence[Membership]) -> Membership:
    """The one that the person chose, else the oldest: nobody is put to work for a tenant because its admin has just added them."""
    chosen = request.session.get(TENANT_IN_SESSION)
    return next((m for m in found if str(m.tenant_id) == chosen), min(found, key=lambda m: m.id))


def lacks_second_factor(request: HttpRequest, membership: Membership) -> bool:
    """Whether the tenant asks for one and this session was not opened with the person's present one."""
    if not membership.second_factor_required:
        return False
    return not second_factor.holds(request.user, request.session.get(SECOND_FACTOR_IN_SESSION))


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = BearerAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "chm_… (agents) or chp_… (people)"}


class CookieScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = CookieAuthentication
    name = "cookie"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}
