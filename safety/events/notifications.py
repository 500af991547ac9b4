"""What becomes of notification targets, and of what was to be sent to them. Secrets and paths of webhooks are not told."""

from typing import Any, ClassVar, Self
from uuid import UUID

from chimera.kernel.eventlog import Fact


class TargetFact(Fact):
    name: str
    kind: str
    status: str
    address: str

    @classmethod
    def about(cls, target: Any, **more: Any) -> Self:
        return cls(
            aggregate_id=target.pk,
            aggregate_version=target.version,
            name=target.name,
            kind=target.kind,
            status=str(target.status),
            address=target.shown_address,
            **more,
        )


class NotificationTargetCreated(TargetFact):
    type: ClassVar[str] = "safety.notification_target.created"
    occasions: list[str]
    roles: list[str]


class NotificationTargetChanged(TargetFact):
    """`changed` names what did; occasions and roles are those that hold now."""

    type: ClassVar[str] = "safety.notification_target.changed"
    changed: list[str]
    occasions: list[str]
    roles: list[str]


class NotificationTargetSwitched(TargetFact):
    """Active, paused or removed; `status` says which."""

    type: ClassVar[str] = "safety.notification_target.switched"
    reason: str


class NotificationSecretRotated(TargetFact):
    """`earlier_until` says how long the earlier secret signs too."""

    type: ClassVar[str] = "safety.notification_target.secret_rotated"
    earlier_until: str | None


class DeliveryFact(Fact):
    target: UUID
    name: str
    occasion: str
    card: UUID | None
    attempts: int

    @classmethod
    def about(cls, delivery: Any, **more: Any) -> Self:
        return cls(
            aggregate_id=delivery.pk,
            aggregate_version=delivery.version,
            target=delivery.target_id,
            name=delivery.target.name,
            occasion=str(delivery.occasion),
            card=delivery.card_id,
            attempts=delivery.attempts,
            **more,
        )


class NotificationFailed(DeliveryFact):
    """The receiver did not take it, and it is tried no more, unless a person replays it."""

    type: ClassVar[str] = "safety.notification.failed"
    error: str


class NotificationReplayed(DeliveryFact):
    type: ClassVar[str] = "safety.notification.replayed"
