"""The truth table says of every door what the door says of itself; nothing is missing on either side."""

from typing import Any

import pytest
from django.urls import get_resolver

from chimera import permissions
from chimera.kernel.console.rows import RowsAdmin
from chimera.kernel.console.site import site
from chimera.kernel.identity import AGENT_ROLES, PERSON_ROLES, Role
from chimera.permissions import SEE, effective

API = "api/v1/"
# Pages that are no lists of rows of a tenant.
APART = {"auth/user": "accounts, for superusers alone"}


def doors() -> dict[tuple[str, str], frozenset[Role]]:
    """(path, method) of the API → whom its door lets in."""
    found = {}
    for part in get_resolver().url_patterns:
        if str(part.pattern) == API:
            for entry in part.url_patterns:
                path = "/".join("{id}" if "<" in piece else piece for piece in str(entry.pattern).split("/"))
                for method, roles in entry.callback.cls.allow.items():
                    found[path, method] = effective(roles)
    return found


def verbs() -> dict[tuple[str, str], frozenset[Role]]:
    """(page, verb) of the console → whom it is offered."""
    found = {}
    for model, rows in site._registry.items():
        page = model._meta.label_lower.replace(".", "/")
        if page in APART:
            continue
        viewers: frozenset[Role] = rows.viewers  # type: ignore[attr-defined]
        found[page, SEE] = effective(viewers)
        if isinstance(rows, RowsAdmin):
            found |= {(page, verb.name): effective(verb.roles) for verb in rows.verbs}
    return found


@pytest.mark.parametrize(("table", "stated"), [(permissions.api, doors), (permissions.console, verbs)])
def test_each_door_lets_in_whom_the_table_says(table: Any, stated: Any) -> None:
    """A line that is missing belongs into chimera/permissions.py, then `make docs`."""
    said = {(right.place, right.act): right.roles for right in table()}
    assert len(said) == len(table()), "a line stands twice"
    assert {door: sorted(roles) for door, roles in stated().items()} == {
        door: sorted(roles) for door, roles in said.items()
    }


def test_agents_have_no_business_in_the_console() -> None:
    assert not any(right.roles & AGENT_ROLES for right in permissions.console())


def test_auditors_change_nothing() -> None:
    """Searching memories is a POST, and writes nothing; stopping everything asks for a superuser besides; a token is one's own."""
    reads = {("memories/search", "POST"), *((f"everything/{verb}", "POST") for verb in ("pause", "stop", "resume"))}
    reads |= {("swarm/personaltoken", "revoke")}
    may = {(r.place, r.act) for r in (*permissions.api(), *permissions.console()) if Role.AUDITOR in r.roles}
    assert {door for door in may if door[1] not in {"GET", SEE}} == reads


def test_every_role_is_explained_and_admins_may_what_any_person_may() -> None:
    assert set(permissions.ROLES) == set(Role)
    rights = (*permissions.api(), *permissions.console())
    assert all((Role.ADMIN in right.roles) == bool(right.roles & PERSON_ROLES) for right in rights)
    places = {right.place for right in rights} | {f"{right.act} {right.place}" for right in permissions.api()}
    assert set(permissions.NOTES) <= places
