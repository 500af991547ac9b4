"""Who calls: an agent by its key, a person by a personal token or a session cookie, and for which tenant.

Before a tenant is known, SECURITY DEFINER functions answer, and nothing else crosses tenants: chimera_identify(sha256) for keys
and tokens, chimera_memberships(user id) for people; chimera_belongs_elsewhere(user id, tenant) says no more than its name.
"""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import connection

from chimera.kernel import prepared
from chimera.kernel.actors import Actor


class Role(StrEnum):
    """What agents are, and what people may do."""

    PLANNER = "planner"
    WORKER = "worker"
    JUDGE = "judge"
    OPERATOR = "operator"
    REVIEWER = "reviewer"
    FINANCE = "finance"
    AUDITOR = "auditor"
    ADMIN = "admin"


AGENT_ROLES = frozenset({Role.PLANNER, Role.WORKER, Role.JUDGE})
PERSON_ROLES = frozenset(Role) - AGENT_ROLES


@dataclass(frozen=True)
class Principal:
    """An authenticated caller, bound to one tenant."""

    tenant_id: UUID
    kind: str  # agent | person
    id: str  # agent's UUID, or the user's primary key
    name: str
    roles: frozenset[Role]
    scopes: frozenset[str] = field(default_factory=frozenset)  # empty: everything the roles allow
    credential_id: str = ""
    is_authenticated = True

    @cached_property
    def actor(self) -> Actor:
        return Actor.agent(self.id, self.name) if self.is_agent else Actor.person(self.id, self.name)

    @property
    def is_agent(self) -> bool:
        return self.kind == "agent"

    @property
    def is_person(self) -> bool:
        return self.kind == "person"

    @property
    def agent_id(self) -> UUID:
        if not self.is_agent:
            raise TypeError(f"{self.name} is no agent")
        return UUID(self.id)

    @property
    def role(self) -> Role:
        """An agent's one role."""
        (only,) = self.roles
        return only

    @property
    def writes(self) -> bool:
        """A token with scopes may only read, unless one of them is `write`."""
        return not self.scopes or "write" in self.scopes

    def has(self, *roles: Role) -> bool:
        return bool(self.roles & set(roles)) or (self.is_person and Role.ADMIN in self.roles)


def digest(secret: str) -> bytes:
    """What is stored of a key or token: SHA-256. Secrets are 256 random bits, so no slow hash is needed."""
    return hashlib.sha256(secret.encode()).digest()


def identify(secret: str) -> tuple[Principal, str] | None:
    """The caller behind a bearer secret, and '' or why it may not come in; None for a secret nobody has."""
    return identify_all([secret]).get(secret)


def identify_all(secrets: Collection[str]) -> dict[str, tuple[Principal, str]]:
    """The same for several, in one statement; left out are secrets that nobody has."""
    by_digest = {digest(secret): secret for secret in secrets}
    rows = prepared.ask(_IDENTIFY, {"digests": sorted(by_digest)})
    return {by_digest[bytes(key)]: _identified(found) for key, found in rows if found}


# In order, because it notes when each key was last used: two who ask for the same keys do not wait in a circle.
_IDENTIFY = """
    SELECT d, chimera_identify(d) FROM (SELECT unnest(%(digests)s::bytea[]) AS d OFFSET 0) asked
"""


def _identified(found: Any) -> tuple[Principal, str]:
    said: dict[str, Any] = json.loads(found) if isinstance(found, str) else found
    return (
        Principal(
            tenant_id=UUID(said["tenant_id"]),
            kind=said["kind"],
            id=str(said["id"]),
            name=said["name"],
            roles=frozenset(Role(r) for r in said["roles"]),
            scopes=frozenset(said["scopes"]),
            credential_id=said["credential_id"],
        ),
        said["refusal"],
    )


@dataclass(frozen=True, kw_only=True)
class Membership:
    id: UUID
    version: int
    tenant_id: UUID
    tenant_name: str
    roles: frozenset[Role]
    sessions_from: datetime | None  # who logged in before this must log in again
    second_factor_required: bool  # by the tenant


_MEMBERSHIPS = """
    SELECT membership_id, version, tenant_id, tenant_name, roles, sessions_from, second_factor_required
    FROM chimera_memberships(%s)
"""


def memberships(user_id: int) -> list[Membership]:
    """A person's tenants, by name; not those where the membership was switched off."""
    with connection.cursor() as cursor:
        cursor.execute(_MEMBERSHIPS, [user_id])
        return [
            Membership(
                id=id,
                version=version,
                tenant_id=tenant_id,
                tenant_name=name,
                roles=frozenset(Role(role) for role in roles),
                sessions_from=sessions_from,
                second_factor_required=required,
            )
            for id, version, tenant_id, name, roles, sessions_from, required in cursor.fetchall()
        ]


def belongs_elsewhere(user_id: int, *, but: UUID) -> bool:
    """Whether the account has a membership in any other tenant; one that was switched off counts, for it may be switched on again."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT chimera_belongs_elsewhere(%s, %s)", [user_id, but])
        return bool(cursor.fetchone()[0])


def person(user: Any, membership: Membership) -> Principal:
    return Principal(membership.tenant_id, "person", str(user.pk), user.get_username(), membership.roles)
