"""For which tenant, and in whose name. Whoever can run commands here is trusted; the name is for the log."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError

from chimera.kernel import tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.identity import Role
from swarm.models import Membership, Tenant

NAMED_MAX = 20  # names that a sentence lists


@dataclass(frozen=True, slots=True)
class House:
    """The chosen tenant."""

    id: UUID
    name: str


def house(name: str | None) -> House:
    """The tenant of that name, or the only one there is."""
    with tenancy.system():
        rows = Tenant.objects.order_by("name")
        found = list((rows.filter(name=name) if name else rows)[: NAMED_MAX + 1])
        known = found or list(rows[: NAMED_MAX + 1])
    if len(found) == 1:
        return House(found[0].pk, found[0].name)
    if not known:
        raise CommandError("There is no tenant yet; make one with `manage.py tenant add NAME`.")
    names = _listed([tenant.name for tenant in known])
    if name:
        raise CommandError(f"There is no tenant {name!r}; there is {names}.")
    raise CommandError(f"There are several tenants; say which with --tenant NAME: {names}.")


def operator(tenant: House, username: str | None) -> Actor:
    """The member in whose name something is changed: the named one, or the only operator or admin there is."""
    with tenancy.bound(tenant.id):
        members = Membership.objects.select_related("user").filter(
            roles__overlap=[Role.OPERATOR, Role.ADMIN], disabled_at=None
        )
        rows = members.order_by("user__username")
        found = list((rows.filter(user__username=username) if username else rows)[: NAMED_MAX + 1])
        known = found or list(rows[: NAMED_MAX + 1])
    if len(found) == 1:
        user = found[0].user
        return Actor.person(user.pk, user.get_username())
    if not known:
        raise CommandError(f"{tenant.name} has no operator or admin, in whose name this could be done.")
    names = _listed([member.user.get_username() for member in known])
    if username:
        raise CommandError(f"{username!r} is no operator or admin of {tenant.name}; there is {names}.")
    raise CommandError(f"Say in whose name, with --as USERNAME: {names}.")


def superuser(username: str | None) -> Actor:
    """Who runs the installation, in whose name something happens to every tenant: the named one, or the only one there is."""
    rows = get_user_model().objects.filter(is_superuser=True, is_active=True).order_by("username")
    found = list((rows.filter(username=username) if username else rows)[: NAMED_MAX + 1])
    known = found or list(rows[: NAMED_MAX + 1])
    if len(found) == 1:
        return Actor.person(found[0].pk, found[0].get_username())
    if not known:
        raise CommandError(
            "There is no superuser, in whose name this could be done; `manage.py createsuperuser` makes one."
        )
    names = _listed([user.get_username() for user in known])
    if username:
        raise CommandError(f"{username!r} is no superuser; there is {names}.")
    raise CommandError(f"Say in whose name, with --as USERNAME: {names}.")


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:NAMED_MAX])
    return f"{shown}, …" if len(names) > NAMED_MAX else shown
