"""Tenants with an owner, keys and a token: for `manage.py tenant add`, and for development by `manage.py up`."""

import json
import secrets
from pathlib import Path
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model

from chimera.kernel import tenancy
from chimera.kernel.actors import SYSTEM
from chimera.kernel.embedded.folder import write_private
from chimera.kernel.identity import PERSON_ROLES
from swarm.actions import agents, tenants
from swarm.models import Tenant

WORKER_SLOTS = 64  # the development worker's key serves a test harness as well as one agent


def add_tenant(*, name: str, time_zone: str = "UTC", base_url: str) -> dict[str, Any]:
    """A tenant with an owner (every role), a personal token and three agents' keys. Secrets are shown only here."""
    tenant_id = tenants.new_id()
    with tenancy.bound(tenant_id):
        return _furnished(name=name, time_zone=time_zone, base_url=base_url)


def _furnished(*, name: str, time_zone: str, base_url: str) -> dict[str, Any]:
    """Everything of the new tenant that is bound."""
    tenant = tenants.found(name=name, time_zone=time_zone)
    username, password = _username(tenant.name), secrets.token_urlsafe(15)
    user = get_user_model().objects.create_user(username, password=password, is_staff=True)
    tenants.add_member(user=user, roles=set(PERSON_ROLES))
    _, token = tenants.issue_token(user=user, name="owner")
    keys = {}
    for role in ("planner", "worker", "judge"):
        slots = WORKER_SLOTS if role == "worker" else 4
        _, keys[role] = agents.register(
            name=role, role=role, capabilities=[], tools_config={}, max_slots=slots, by=SYSTEM
        )
    return {
        "base_url": base_url,
        "admin": {"username": username, "password": password},
        "tenant": str(tenant.id),
        "token": token,
        "agents": keys,
    }


def ensure_development(home: Path, base_url: str) -> dict[str, Any]:
    """The content of dev.json: made once, then what it was, at today's address. `session` is filled by the campaign.

    Who makes the tenant writes dev.json before it is committed: a start cut off at any moment leaves either a file that
    opens the tenant, or one that names nobody and is made anew; never a tenant whose keys are lost.
    """
    kept = home / "dev.json"
    if kept.exists():
        known: dict[str, Any] = json.loads(kept.read_text())
        if _exists(UUID(known["tenant"])):
            return known | {"base_url": base_url}
    name = _free_name("chimera")
    with tenancy.bound(tenants.new_id()):
        made = _furnished(name=name, time_zone="UTC", base_url=base_url) | {"session": None}
        write_dev(home, made)
    return made


def write_dev(home: Path, content: dict[str, Any]) -> None:
    """Whole or not at all, for its owner alone."""
    write_private(home / "dev.json", json.dumps(content, indent=1) + "\n")


def _exists(tenant_id: UUID) -> bool:
    with tenancy.bound(tenant_id):
        return Tenant.objects.filter(pk=tenant_id).exists()


def _free_name(name: str) -> str:
    """The database outlives dev.json where it is not ours: take the next free name then."""
    with tenancy.system():
        taken = set(Tenant.objects.filter(name__startswith=name).values_list("name", flat=True))
    return name if name not in taken else next(f"{name}-{n}" for n in range(2, 10_000) if f"{name}-{n}" not in taken)


def _username(tenant: str) -> str:
    User = get_user_model()  # noqa: N806
    plain = "".join(c if c.isalnum() else "-" for c in tenant.lower())[:60]
    wanted = f"{plain}-owner" if User.objects.filter(username="admin").exists() else "admin"
    return wanted if not User.objects.filter(username=wanted).exists() else f"{plain}-{secrets.token_hex(3)}"
