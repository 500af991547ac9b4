"""What happens at the entrance is told in each of the person's tenants, one transaction each.

Whoever dies between two has told only some; the attempt itself stands in `kernel_loginattempt`.
"""

from typing import Any

from django.http import HttpRequest

from chimera.kernel import identity, redis, tenancy
from chimera.kernel.actors import SYSTEM, Actor
from chimera.kernel.eventlog import tell
from chimera.kernel.events import PersonFact
from chimera.kernel.http.address import address_of


def tell_of_person(request: HttpRequest, kind: type[PersonFact], user: Any, **more: Any) -> None:
    _tell(kind, user, by=Actor.person(user.pk, user.get_username()), address=address_of(request), **more)


def tell_of_stranger(request: HttpRequest, kind: type[PersonFact], user: Any, **more: Any) -> None:
    """Somebody only claimed to be this person."""
    _tell(kind, user, by=SYSTEM, address=address_of(request), **more)


def tell_of_command(kind: type[PersonFact], user: Any) -> None:
    """Whoever runs the installation did it."""
    _tell(kind, user, by=SYSTEM, address="")


def _tell(kind: type[PersonFact], user: Any, *, by: Actor, **more: Any) -> None:
    for membership in identity.memberships(user.pk):
        with tenancy.bound(membership.tenant_id):
            tell(kind.about(membership, person_id=str(user.pk), person=user.get_username(), **more), by=by)
    redis.nudge()
