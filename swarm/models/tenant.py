"""Tenants and the people in them."""

from functools import cache
from zoneinfo import available_timezones

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models

from chimera.kernel import clock, ids
from chimera.kernel.identity import PERSON_ROLES
from chimera.kernel.tenancy import TenantOwned

# What a host may keep beside the zones: its own one, which is another on each, and one that says that none was set.
_NO_ZONES = {"localtime", "Factory"}


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones() - _NO_ZONES)


def check_time_zone(name: str) -> None:
    if name not in _time_zones():
        raise ValidationError(f"{name!r} is no IANA time zone; use one such as Europe/Lisbon.")


class Tenant(models.Model):
    """Whom everything else belongs to. Its policy compares its own id."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    name = models.CharField(max_length=80, unique=True)
    time_zone = models.CharField(max_length=64, default="UTC", validators=[check_time_zone])
    second_factor_required = models.BooleanField(default=False, db_default=False)  # of people; agents have keys
    created_at = models.DateTimeField(default=clock.now, editable=False)

    def __str__(self) -> str:
        return self.name


class Membership(TenantOwned):
    """A person's roles in one tenant: operator, reviewer, finance, auditor, admin."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    roles = ArrayField(models.CharField(max_length=16, choices=[(r.value, r.value) for r in sorted(PERSON_ROLES)]))
    version = models.PositiveIntegerField(default=1, db_default=1, editable=False)
    disabled_at = models.DateTimeField(null=True, blank=True)  # from then on nothing of this person is accepted here
    sessions_from = models.DateTimeField(null=True, blank=True)  # who logged in before must log in again
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant_id", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user} ({', '.join(self.roles)})"


class PersonalToken(TenantOwned):
    """A person's `chp_` token for scripts; only its SHA-256 is stored. It carries no more than the membership's roles."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="chimera_tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16)
    digest = models.BinaryField(max_length=32, unique=True)
    scopes = ArrayField(models.CharField(max_length=32), default=list)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
