"""Who may call a door: each view states `allow = {method: roles}`; what is not stated is refused."""

from typing import Any

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from chimera.kernel.errors import forbidden, unauthenticated
from chimera.kernel.identity import AGENT_ROLES, PERSON_ROLES, Principal, Role

ANYONE = frozenset(Role)
PEOPLE = PERSON_ROLES
AGENTS = AGENT_ROLES
OPERATORS = frozenset({Role.OPERATOR, Role.ADMIN})


class MayCall(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        principal = request.user
        if not isinstance(principal, Principal):
            raise unauthenticated(
                "Send `Authorization: Bearer chm_…` (an agent's key) or `Bearer chp_…` (a personal token)."
            )
        if request.method not in view.allow and request.method not in {"HEAD", "OPTIONS"}:
            raise MethodNotAllowed(request.method or "")
        check(principal, view.allow.get(request.method or "", frozenset()))
        if request.method not in {"GET", "HEAD"} and not principal.writes:
            raise forbidden("This token may only read; use one with the scope `write`.", code="scope")
        return True


def check(principal: Principal, allowed: frozenset[Role]) -> None:
    """Raises 403 unless one of the principal's roles is allowed."""
    if not (
        principal.roles & allowed or (principal.is_person and Role.ADMIN in principal.roles and allowed & PERSON_ROLES)
    ):
        needed = ", ".join(sorted(allowed)) or "nobody"
        mine = ", ".join(sorted(principal.roles)) or "no role"
        raise forbidden(f"This call is for: {needed}. You have: {mine}.", code="role")
