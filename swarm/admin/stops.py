"""The tenant's own page: what stands still and why, with the buttons that stop it and let it go on; and the line above all pages."""

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest
from django.utils.safestring import SafeString

from chimera.flows import stop_tenant
from chimera.kernel.actors import Actor
from chimera.kernel.console import panels, show
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.rows import RowsAdmin
from chimera.kernel.console.site import site
from chimera.kernel.console.verbs import Because, Verb
from swarm.actions import stops
from swarm.admin import looks, people_verbs, steering
from swarm.models import Stop, Tenant
from swarm.states import StopKind, StopScope

STOPS_SHOWN_MAX = 50
_TONES = {StopKind.PAUSE: "warn", StopKind.STOP: "bad"}


def notices(request: HttpRequest) -> Sequence[tuple[str, str]]:
    """One line for each stop that acts."""
    return [(_TONES[StopKind(stop.kind)], _sentence(stop)) for stop in stops.acting()]


def _sentence(stop: Stop) -> str:
    whose = "All work of this tenant" if stop.scope is StopScope.TENANT else "All work of every tenant"
    return f"{whose} is {stops.PAST[StopKind(stop.kind)]} since {stop.at:%Y-%m-%d %H:%M} UTC, by {stop.by_name}: {stop.reason}"


site.notices.append(notices)


def _begin(kind: StopKind, tenant: Tenant, said: dict[str, Any], by: Actor) -> None:
    stop = stop_tenant.stop_tenant(kind=kind, reason=said["reason"], by=by)
    steering.sweep_afterwards(stop_tenant.follow_up, stop, by=by)


def _resume(tenant: Tenant, said: dict[str, Any], by: Actor) -> None:
    steering.sweep_afterwards(stop_tenant.follow_up, stop_tenant.resume_tenant(reason=said["reason"], by=by), by=by)


def _everything(change: Any, tenant: Tenant, said: dict[str, Any], by: Actor) -> None:
    """Work across tenants has a transaction of its own, after the page's; a refusal there is the page's answer."""
    stops.check_runs_everything(by)
    transaction.on_commit(partial(_across, change, said["reason"], by))


def _across(change: Any, reason: str, by: Actor) -> None:
    stop_tenant.follow_up(change(reason=reason, by=by), by=by)


def _acts(tenant: Any, scope: StopScope) -> StopKind | None:
    return next((StopKind(stop.kind) for stop in tenant.acting if stop.scope is scope), None)


OURS, ALL = StopScope.TENANT, StopScope.EVERYTHING
VERBS = (
    steering.pause(
        run=partial(_begin, StopKind.PAUSE),
        form=Because,
        offered=lambda t: _acts(t, OURS) is None,
        hint="Nothing is handed out any more; what agents hold they may finish.",
    ),
    steering.stop(
        run=partial(_begin, StopKind.STOP),
        offered=lambda t: _acts(t, OURS) is not StopKind.STOP,
        confirm="Stop all work now",
        hint="Nothing of any agent is accepted from now on: leases are revoked, holds void. Resuming restores the queue.",
    ),
    steering.resume(run=_resume, form=Because, offered=lambda t: _acts(t, OURS) is not None),
    Verb(
        name="stop_everything",
        label="Stop every tenant",
        past="stopped every tenant from",
        roles=looks.OPERATORS,
        run=partial(_everything, partial(stop_tenant.stop_everything, kind=StopKind.STOP)),
        form=Because,
        offered=lambda t: t.is_seen_by_superuser and _acts(t, ALL) is not StopKind.STOP,
        confirm="Stop the work of every tenant now",
        tone="danger",
        hint="As a stop, of every tenant of this installation.",
    ),
    Verb(
        name="resume_everything",
        label="Resume every tenant",
        past="resumed every tenant from",
        roles=looks.OPERATORS,
        run=partial(_everything, stop_tenant.resume_everything),
        form=Because,
        offered=lambda t: t.is_seen_by_superuser and _acts(t, ALL) is not None,
        tone="primary",
        hint="What single tenants have stopped themselves stays stopped.",
    ),
)


@admin.register(Tenant, site=site)
class TenantAdmin(RowsAdmin):
    """A list of one: nobody sees another tenant."""

    nouns = "Stops"
    viewers = looks.VIEWERS
    verbs = (*VERBS, *people_verbs.OF_TENANT)
    list_display: ClassVar = ("name", "standing", "time_zone")
    ordering = ("name",)

    def prepare(self, request: HttpRequest, rows: list[Tenant]) -> None:
        acting = stops.acting()
        for row in rows:
            row.acting = acting  # type: ignore[attr-defined]
            row.is_seen_by_superuser = bool(getattr(request.user, "is_superuser", False))  # type: ignore[attr-defined]

    @admin.display(description="Work")
    def standing(self, tenant: Tenant) -> SafeString:
        acting: list[Stop] = tenant.acting  # type: ignore[attr-defined]
        return looks.status(stops.PAST[StopKind(acting[0].kind)] if acting else "active")

    def panels(self, request: HttpRequest, tenant: Tenant) -> list[Panel]:
        found = Stop.objects.order_by("-pk")[:STOPS_SHOWN_MAX]
        rows = [
            (
                looks.status(stops.PAST[StopKind(stop.kind)]),
                stop.scope.value,
                stop.reason,
                stop.by_name,
                show.moment(stop.at),
                show.moment(stop.lifted_at) if stop.lifted_at else show.NOTHING,
                stop.lifted_by_name or show.NOTHING,
                stop.lift_reason,
            )
            for stop in found
        ]
        columns = ("", "Of", "Why", "By", "From", "Until", "Ended by", "Why it went on")
        facts = [
            ("Work", self.standing(tenant)),
            ("Time zone", tenant.time_zone),
            ("Second factor", "asked of everybody" if tenant.second_factor_required else "as people choose"),
            ("Since", show.moment(tenant.created_at)),
        ]
        return [
            panels.table("Pauses and stops", columns, rows, empty="Work was never paused or stopped."),
            panels.facts("Tenant", facts),
        ]
