"""The cast of the tests is made in few statements; it is what the verbs make."""

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth import get_user_model

from chimera.kernel import tenancy
from chimera.kernel.actors import SYSTEM
from chimera.kernel.eventlog import Event
from swarm.actions import agents, tenants
from swarm.models import AgentKey, AgentProfile, Membership, PersonalToken, Tenant
from tests.cast import AGENTS, PEOPLE, found

MODELS = (Tenant, Membership, PersonalToken, AgentProfile, AgentKey, Event)
OF_EACH = {"id", "tenant_id", "user_id", "agent_id", "aggregate_id", "prefix", "digest", "key_prefix", "xid", "seq"}
MOMENTS = {"created_at", "expires_at", "at"}


def made_by_verbs(house: str) -> UUID:
    tenant_id = tenants.new_id()
    with tenancy.bound(tenant_id):
        tenants.found(name=house)
        for who, roles in PEOPLE.items():
            user = get_user_model().objects.create_user(f"{who}@{house.lower()}", is_staff=True)
            tenants.add_member(user=user, roles=roles)
            tenants.issue_token(user=user, name="test")
        for name, (role, slots) in AGENTS.items():
            agents.register(name=name, role=role, capabilities=[], tools_config={}, max_slots=slots, by=SYSTEM)
    return tenant_id


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """Without what differs from one tenant to the next; of moments, whether there is one."""
    kept = {name: value for name, value in row.items() if name not in OF_EACH}
    kept |= {name: value is not None for name, value in row.items() if name in MOMENTS}
    return kept | ({"payload": plain(row["payload"])} if "payload" in row else {})


def rows(tenant_id: UUID) -> dict[str, list[dict[str, Any]]]:
    with tenancy.bound(tenant_id):
        return {model.__name__: [plain(row) for row in model._base_manager.order_by("pk").values()] for model in MODELS}


@pytest.mark.usefixtures("db")
def test_the_cast_is_what_the_verbs_make() -> None:
    by_verbs, by_cast = rows(made_by_verbs("Acme")), rows(found("Zenith").tenant_id)
    assert by_cast.pop("Tenant") == [{**by_verbs.pop("Tenant")[0], "name": "Zenith"}]
    assert by_cast == by_verbs
    assert all(by_cast.values())
    people = get_user_model().objects.order_by("pk")
    assert [user.username for user in people] == [f"{who}@{house}" for house in ("acme", "zenith") for who in PEOPLE]
    assert {(user.is_staff, user.is_superuser, user.is_active, user.has_usable_password()) for user in people} == {
        (True, False, True, False)
    }
