"""Stops and pauses of the bound tenant, or of everything: begin, lift, and whether one acts.

What a stop takes away besides stands in the flow (`chimera.flows.stop_tenant`). One acts of each scope: a stop takes the place of
a pause, and a pause never that of a stop.
"""

from uuid import UUID

from django.contrib.auth import get_user_model

from chimera.kernel import advisory, clock, prepared, tenancy
from chimera.kernel.actors import Actor, ActorKind
from chimera.kernel.errors import conflict, forbidden, invalid
from chimera.kernel.eventlog import tell, tell_tenants
from chimera.kernel.spelling import plain
from swarm.events import StopFact, TenantPaused, TenantResumed, TenantStopped
from swarm.models import Stop, Tenant
from swarm.queries import HANDS_OUT
from swarm.states import StopKind, StopScope

REASON_CHARACTERS_MAX = 2_000
PAST = {StopKind.PAUSE: "paused", StopKind.STOP: "stopped"}
_TOLD: dict[StopKind, type[StopFact]] = {StopKind.PAUSE: TenantPaused, StopKind.STOP: TenantStopped}


def acting() -> list[Stop]:
    """What acts on the bound tenant, what takes most away first: its own, and that of everything."""
    return list(Stop.objects.acting())


def hands_out() -> bool:
    """Whether nothing acts on the bound tenant. A look before the work; the statements that count ask for themselves."""
    return bool(prepared.ask(f"SELECT {HANDS_OUT}", {})[0][0])


def begin(*, scope: StopScope, kind: StopKind, reason: str, by: Actor) -> Stop:
    """Acts on whatever has not got its locks when this commits. In a transaction of the tenant; for everything in one across tenants.

    422 without a reason, 409 `already_paused` or `already_stopped`.
    """
    _check_reason(reason)
    now = _hold(scope)
    if now and (now.kind == kind or kind is StopKind.PAUSE):
        past = PAST[StopKind(now.kind)]
        raise conflict(f"It is {past} since {now.at:%Y-%m-%d %H:%M} UTC, by {now.by_name}.", code=f"already_{past}")
    if now:
        _end(now, reason=f"stopped instead: {reason}", by=by)
    stop: Stop = Stop.objects.create(
        tenant_id=_tenant_of(scope), kind=kind, reason=reason, by=str(by), by_name=by.name, at=clock.now()
    )
    _tell(_TOLD[kind].about(stop, reason=reason), scope, by)
    return stop


def lift(*, scope: StopScope, reason: str, by: Actor) -> Stop:
    """Nothing of it acts on what reads it from this commit on. 409 `not_stopped` when nothing of this scope acts."""
    now = _hold(scope)
    if now is None:
        raise conflict("Nothing is paused or stopped here; there is nothing to resume.", code="not_stopped")
    _end(now, reason=reason, by=by)
    _tell(TenantResumed.about(now, kind=str(now.kind), reason=reason), scope, by)
    return now


def check_runs_everything(by: Actor) -> None:
    """Raises 403 unless this is a person who runs the installation, a superuser: no tenant's role reaches the others."""
    if by.kind is ActorKind.PERSON:
        people = get_user_model().objects.filter(pk=int(by.id), is_active=True, is_superuser=True)
        if people.exists():
            return
    raise forbidden("Everything is stopped and resumed by superusers, who run this installation.", code="role")


def _check_reason(reason: str) -> None:
    if not plain(reason):
        raise invalid("Say why; it is shown to everybody whose work stands still.", field_name="reason")


def _hold(scope: StopScope) -> Stop | None:
    """The one that acts, as it is until we commit: others who begin or lift one of this scope wait."""
    tenant_id = _tenant_of(scope)
    advisory.hold(f"stop|{tenant_id or scope}")
    found: Stop | None = Stop.objects.acting().filter(**_of(tenant_id)).first()
    return found


def _tenant_of(scope: StopScope) -> UUID | None:
    return tenancy.current() if scope is StopScope.TENANT else None


def _of(tenant_id: UUID | None) -> dict[str, object]:
    return {"tenant_id": tenant_id} if tenant_id else {"tenant_id__isnull": True}


def _end(stop: Stop, *, reason: str, by: Actor) -> None:
    stop.lifted_at, stop.lifted_by, stop.lifted_by_name, stop.lift_reason = clock.now(), str(by), by.name, reason
    stop.save(update_fields=["lifted_at", "lifted_by", "lifted_by_name", "lift_reason"])


def _tell(fact: StopFact, scope: StopScope, by: Actor) -> None:
    if scope is StopScope.TENANT:
        tell(fact, by=by)
    else:
        tell_tenants(Tenant.objects.order_by("pk").values_list("pk", flat=True), fact, by=by)
