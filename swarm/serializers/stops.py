"""The tenant itself, and what acts on it."""

from typing import Any

from rest_framework import serializers

from chimera.kernel.http.parsing import StrictSerializer, TextField
from swarm.actions.stops import PAST, REASON_CHARACTERS_MAX
from swarm.models import Stop, Tenant
from swarm.serializers.basics import choices
from swarm.states import StopKind, StopScope

ACTIVE = "active"


class Why(StrictSerializer):
    reason = TextField(max_length=REASON_CHARACTERS_MAX, help_text="Shown to everybody whose work stands still.")


class StopShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    scope = serializers.ChoiceField(choices=choices(StopScope))
    kind = serializers.ChoiceField(
        choices=choices(StopKind),
        help_text="pause hands out nothing; stop accepts nothing of an agent either, and revokes every lease.",
    )
    reason = serializers.CharField()
    by = serializers.CharField(source="by_name")
    at = serializers.DateTimeField()
    lifted_by = serializers.CharField(source="lifted_by_name", allow_blank=True)
    lifted_at = serializers.DateTimeField(allow_null=True)
    lift_reason = serializers.CharField(allow_blank=True)


class TenantShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    time_zone = serializers.CharField()
    status = serializers.ChoiceField(choices=[ACTIVE, *PAST.values()])
    stops = StopShape(many=True, help_text="What acts on it now, its own and that of everything.")


def tenant_shape(tenant: Tenant, acting: list[Stop]) -> dict[str, Any]:
    status = PAST[StopKind(acting[0].kind)] if acting else ACTIVE
    named = {"id": tenant.pk, "name": tenant.name, "time_zone": tenant.time_zone}
    return dict(TenantShape({**named, "status": status, "stops": acting}).data)
