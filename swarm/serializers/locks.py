"""Locks for agents."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from chimera.kernel.http.parsing import StrictIntegerField, StrictSerializer, TextField
from swarm.models.lock import RESOURCE_CHARACTERS_MAX

TOKEN_CHARACTERS_MAX = 100  # ours have 43


class ReleasedLock(StrictSerializer):
    resource = TextField(max_length=RESOURCE_CHARACTERS_MAX)
    owner_token = TextField(max_length=TOKEN_CHARACTERS_MAX)


class NewLock(StrictSerializer):
    resource = TextField(max_length=RESOURCE_CHARACTERS_MAX, help_text="Any name that all who want it agree on.")
    ttl_seconds = StrictIntegerField(min_value=1, max_value=settings.LOCK_TTL_SECONDS_MAX)


class RenewedLock(ReleasedLock):
    ttl_seconds = StrictIntegerField(min_value=1, max_value=settings.LOCK_TTL_SECONDS_MAX, help_text="From now on.")


class LockRenewedShape(serializers.Serializer[Any]):
    resource = serializers.CharField()
    fencing_number = serializers.IntegerField(
        help_text="Larger with each holder; whoever is written to under the lock refuses smaller ones."
    )
    expires_at = serializers.DateTimeField()


class LockTakenShape(LockRenewedShape):
    owner_token = serializers.CharField(help_text="Shown only now; renews and releases the lock.")


class LockReleasedShape(serializers.Serializer[Any]):
    resource = serializers.CharField()
    fencing_number = serializers.IntegerField()
    released_at = serializers.DateTimeField()


class LockShape(LockRenewedShape):
    holder = serializers.CharField(help_text="As in events: `agent:…` or `person:…`.")
    holder_name = serializers.CharField()
    acquired_at = serializers.DateTimeField()
