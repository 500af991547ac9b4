"""Notification targets: whom to tell of which cards, and the secrets that sign what is sent.

Every change takes the tenant's name lock first, then the target's row (docs/locking.md).
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from chimera.kernel import advisory, clock, ids, sealing, tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.errors import conflict, invalid
from chimera.kernel.eventlog import tell
from chimera.kernel.identity import Role
from safety.actions import deliveries
from safety.events import (
    NotificationSecretRotated,
    NotificationTargetChanged,
    NotificationTargetCreated,
    NotificationTargetSwitched,
)
from safety.models import Delivery, NotificationTarget, Occasion, TargetKind
from safety.quorum import ANY_APPROVER
from safety.senders import addresses, mailing, signing
from safety.states import TARGET, TargetStatus

TARGETS_MAX = 20  # of one tenant: every card is a message to each
OVERLAP = timedelta(hours=24)  # how long the earlier secret signs too, unless something else is asked for
OVERLAP_MAX = timedelta(days=7)
ON_CARDS = (Occasion.WAITS, Occasion.DUE, Occasion.ESCALATED)
SEALED_FOR = "notification target"


def create(
    *, name: str, kind: TargetKind, address: str, occasions: Iterable[str], roles: Iterable[str], by: Actor
) -> tuple[NotificationTarget, str | None]:
    """The target, and the secret of a webhook, which is never shown again. 409 `name_taken`, `too_many`."""
    _hold()
    _check_name(name)
    if NotificationTarget.objects.kept().count() >= TARGETS_MAX:
        raise conflict(f"A tenant has at most {TARGETS_MAX} notification targets; remove one.", code="too_many")
    secret = signing.new_secret() if kind is TargetKind.WEBHOOK else None
    target = NotificationTarget.objects.create(
        id=ids.uuid7(),
        name=name,
        kind=kind,
        address=_checked(kind, address),
        occasions=_occasions(occasions),
        roles=_roles(roles),
        secret=sealed(secret) if secret else None,
        created_by=str(by),
    )
    tell(NotificationTargetCreated.about(target, occasions=target.occasions, roles=target.roles), by=by)
    return target, secret


def change(*, target_id: UUID, said: dict[str, Any], by: Actor) -> NotificationTarget:
    """`said` may have name, address, occasions and roles. What waits goes to the address that holds when it is sent."""
    target = lock(target_id)
    new = {name: value for name, value in _read(target, said).items() if value != getattr(target, name)}
    if not new:
        return target
    _save(target, **new)
    told = NotificationTargetChanged.about(target, changed=sorted(new), occasions=target.occasions, roles=target.roles)
    tell(told, by=by)
    return target


def _read(target: NotificationTarget, said: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "name" in said:
        found["name"] = said["name"]
        _check_name(said["name"], but=target.pk)
    if "address" in said:
        found["address"] = _checked(TargetKind(target.kind), said["address"])
    if "occasions" in said:
        found["occasions"] = _occasions(said["occasions"])
    if "roles" in said:
        found["roles"] = _roles(said["roles"])
    return found


def switch(*, target_id: UUID, status: TargetStatus, reason: str, by: Actor) -> NotificationTarget:
    """Pause it, go on, or remove it for good: then what waits for it is dropped."""
    if not reason.strip():
        raise invalid("Say why: whoever asks later reads it.", field_name="reason", code="reason_required")
    target = lock(target_id)
    ended = {"secret_before": None, "secret_before_until": None} if status is TargetStatus.REMOVED else {}
    TARGET.advance(target, to=status, updated_at=clock.now(), **ended)
    if status is TargetStatus.REMOVED:
        deliveries.drop_all(target)
    tell(NotificationTargetSwitched.about(target, reason=reason.strip()), by=by)
    return target


def rotate(*, target_id: UUID, overlap: timedelta = OVERLAP, by: Actor) -> tuple[NotificationTarget, str]:
    """A new secret, shown this once. The earlier one signs beside it for `overlap`; with zero it is dead at once."""
    target = lock(target_id)
    if target.kind != TargetKind.WEBHOOK:
        raise conflict("Only what goes to webhooks is signed; an address has no secret.", code="not_signed")
    secret, until = signing.new_secret(), clock.now() + overlap if overlap else None
    _save(target, secret=sealed(secret), secret_before=target.secret if until else None, secret_before_until=until)
    tell(NotificationSecretRotated.about(target, earlier_until=until.isoformat() if until else None), by=by)
    return target, secret


def test(*, target_id: UUID, message: dict[str, Any]) -> Delivery:
    """Have a test sent. 409 unless it is active."""
    target = lock(target_id)
    if target.status != TargetStatus.ACTIVE:
        raise conflict(f"It is {target.status}, so nothing is sent to it.", code=f"target_{target.status}")
    return deliveries.put_test(target, message)


def lock(target_id: UUID) -> NotificationTarget:
    """404, and 409 `target_removed` for one that was removed."""
    _hold()
    target: NotificationTarget = NotificationTarget.objects.select_for_update(no_key=True).get_or_refuse(target_id)
    if target.status == TargetStatus.REMOVED:
        raise conflict("This target was removed; make another.", code="target_removed")
    return target


def sealed(secret: str) -> bytes:
    return sealing.seal(secret, purpose=SEALED_FOR)


def keys_of(target: NotificationTarget) -> list[str]:
    """What signs now, the newest first. Raises sealing.Unreadable."""
    kept = [target.secret]
    if target.secret_before and target.secret_before_until and target.secret_before_until > clock.now():
        kept.append(target.secret_before)
    return [sealing.unseal(each, purpose=SEALED_FOR) for each in kept if each]


def _save(target: NotificationTarget, **new: Any) -> None:
    target.version, target.updated_at = target.version + 1, clock.now()
    for name, value in new.items():
        setattr(target, name, value)
    target.save(update_fields=[*new, "version", "updated_at"])


def _hold() -> None:
    advisory.hold(f"notification targets|{tenancy.current()}")


def _check_name(name: str, but: UUID | None = None) -> None:
    if not name.strip():
        raise invalid("Give it a name.", field_name="name", code="blank")
    others = NotificationTarget.objects.kept().filter(name=name)
    if (others.exclude(pk=but) if but else others).exists():
        raise conflict(f"There is a target “{name}” already; take another name.", code="name_taken")


def _checked(kind: TargetKind, address: str) -> str:
    if kind is TargetKind.WEBHOOK:
        addresses.check_url(address)
        return address
    if not mailing.is_set_up():
        raise conflict(mailing.NOT_SET_UP, code="email_not_set_up")
    try:
        validate_email(address)
    except ValidationError:
        raise invalid("Give one e-mail address.", field_name="address", code="invalid_address") from None
    return address


def _occasions(said: Iterable[str]) -> list[str]:
    wanted = {Occasion(each) for each in said}
    chosen = [each.value for each in ON_CARDS if each in wanted]
    if not chosen:
        raise invalid(f"Choose one or more of: {', '.join(ON_CARDS)}.", field_name="occasions", code="empty")
    return chosen


def _roles(said: Iterable[str]) -> list[str]:
    chosen = {Role(each) for each in said}
    if foreign := chosen - ANY_APPROVER:
        raise invalid(f"Cards never ask {', '.join(sorted(foreign))}.", field_name="roles")
    return sorted(chosen)
