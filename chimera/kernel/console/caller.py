"""Who works in the console, and for which tenant. Set by the site before any page runs."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse

from chimera.kernel import identity
from chimera.kernel.http.authentication import membership_of_session, memberships_of_session
from chimera.kernel.identity import Membership, Principal, Role

_PLACE = "_chimera_caller"


@dataclass(frozen=True, slots=True)
class Caller:
    """The person for this request, and all the tenants they belong to."""

    principal: Principal
    membership: Membership
    memberships: list[Membership]


def recognise(request: HttpRequest) -> Caller | None:
    """Find out who calls and keep it on the request; None for a member of no tenant. Raises 401 when the session was ended."""
    found = memberships_of_session(request)
    if not found:
        return None
    chosen = membership_of_session(request, found)
    known = Caller(identity.person(request.user, chosen), chosen, found)
    setattr(request, _PLACE, known)
    return known


def caller(request: HttpRequest) -> Caller | None:
    return getattr(request, _PLACE, None)


def principal(request: HttpRequest) -> Principal:
    """The person behind a page that needs a tenant; LookupError on one that needs none."""
    known = caller(request)
    if known is None:
        raise LookupError("this page is bound to no tenant")
    return known.principal


def may(request: HttpRequest, roles: frozenset[Role]) -> bool:
    """Whether the membership has one of these roles, or is an admin's."""
    known = caller(request)
    return known is not None and known.principal.has(*roles)


def tenant_name(request: HttpRequest) -> str:
    """For the sidebar, below the house's name."""
    known = caller(request)
    return known.membership.tenant_name if known else ""


def tenant_links(request: HttpRequest) -> list[dict[str, str]]:
    """For the sidebar's head: where people with several tenants choose one."""
    known = caller(request)
    several = known is not None and len(known.memberships) > 1
    return [{"title": "Switch tenant", "icon": "swap_horiz", "link": reverse("admin:tenant")}] if several else []
