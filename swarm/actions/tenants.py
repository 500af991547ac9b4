"""Tenants, memberships and personal tokens."""

import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from psycopg.errors import UniqueViolation

from chimera.kernel import clock, ids, tenancy
from chimera.kernel.errors import conflict, invalid
from chimera.kernel.identity import Role, digest
from chimera.kernel.prepared import Asked
from swarm.models import Membership, PersonalToken, Tenant
from swarm.models.tenant import check_time_zone

TOKEN_LIFE = timedelta(days=365)  # a personal token that nobody renews ends within a year


def zone() -> Asked:
    """Answers the bound tenant's IANA time zone."""
    return "SELECT time_zone FROM swarm_tenant WHERE id = %(tenant)s::uuid", {"tenant": tenancy.current()}


def found(*, name: str, time_zone: str = "UTC") -> Tenant:
    """Create a tenant in a transaction of its own kind: the caller binds it to the new id first, see `new_id`.

    Refuses a name that any tenant has, with name_taken.
    """
    name = name.strip()
    if not 1 <= len(name) <= 80:
        raise invalid("A tenant's name has 1 to 80 characters.", field_name="name")
    try:
        check_time_zone(time_zone)
    except ValidationError as error:
        raise invalid(error.messages[0], field_name="time_zone") from None
    try:
        with transaction.atomic():
            return Tenant.objects.create(id=tenancy.current(), name=name, time_zone=time_zone)
    except IntegrityError as error:  # asking first would not help: other tenants are out of sight from here
        if not isinstance(error.__cause__, UniqueViolation):
            raise
        raise conflict(f"There is a tenant {name!r} already.", code="name_taken") from None


def new_id() -> UUID:
    return ids.uuid7()


def add_member(*, user: Any, roles: set[Role]) -> Membership:
    """Make a person a member of the bound tenant with exactly these roles."""
    membership, _ = Membership.objects.update_or_create(user=user, defaults={"roles": sorted(roles)})
    return membership


def issue_token(
    *, user: Any, name: str, scopes: list[str] | None = None, life: timedelta = TOKEN_LIFE
) -> tuple[PersonalToken, str]:
    """A new personal token; the only time its secret is seen."""
    secret = f"chp_{secrets.token_urlsafe(32)}"
    token = PersonalToken.objects.create(
        user=user,
        name=name,
        prefix=secret[:12],
        digest=digest(secret),
        scopes=scopes or [],
        expires_at=clock.now() + life,
    )
    return token, secret
