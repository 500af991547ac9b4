"""Notification targets in the console: who hears of cards, where, and by which secret it is signed."""

from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.safestring import SafeString

from chimera.flows import notify
from chimera.flows.show_history import tell_of
from chimera.kernel import clock, tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.console import panels, show
from chimera.kernel.console.caller import may, principal
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.rows import RowsAdmin
from chimera.kernel.console.saying import say_when_done
from chimera.kernel.console.site import site
from chimera.kernel.console.verbs import Because, Verb
from chimera.kernel.errors import Refused, forbidden
from chimera.kernel.eventlog import Event
from chimera.kernel.identity import Role
from safety.actions import targets as actions
from safety.admin.deliveries import VIEWERS, row_of
from safety.admin.target_forms import NewTarget, Overlap, Told
from safety.models import NotificationTarget, Occasion, TargetKind
from safety.states import TargetStatus

WRITERS = frozenset({Role.ADMIN})
TONES = {TargetStatus.ACTIVE: "good", TargetStatus.PAUSED: "warn", TargetStatus.REMOVED: "plain"}
DELIVERIES_SHOWN_MAX, CHANGES_SHOWN_MAX = 50, 50
SECRET_HEADING = "The signing secret"


def _change(target: NotificationTarget, said: dict[str, Any], by: Actor) -> None:
    actions.change(target_id=target.pk, said={k: v for k, v in said.items() if k != "address" or v}, by=by)


def _rotate(target: NotificationTarget, said: dict[str, Any], by: Actor) -> str:
    return actions.rotate(target_id=target.pk, overlap=timedelta(hours=said["overlap_hours"]), by=by)[1]


def _to(status: TargetStatus) -> Any:
    def run(target: NotificationTarget, said: dict[str, Any], by: Actor) -> None:
        actions.switch(target_id=target.pk, status=status, reason=said["reason"], by=by)

    return run


def _is(*statuses: TargetStatus) -> Any:
    return lambda target: target.status in statuses


STANDS = _is(TargetStatus.ACTIVE, TargetStatus.PAUSED)
VERBS = (
    Verb(
        name="test",
        label="Send a test",
        past="sent a test to",
        roles=WRITERS,
        run=lambda target, said, by: notify.send_test(target.pk),
        offered=_is(TargetStatus.ACTIVE),
        tone="primary",
        hint="What came of it stands below within seconds.",
    ),
    Verb(name="change", label="Change", past="changed", roles=WRITERS, run=_change, offered=STANDS, form=Told),
    Verb(
        name="rotate_secret",
        label="New secret",
        past="made a new secret for",
        roles=WRITERS,
        run=_rotate,
        offered=lambda target: STANDS(target) and target.kind == TargetKind.WEBHOOK,
        form=Overlap,
        reveals=SECRET_HEADING,
    ),
    Verb(
        name="pause",
        label="Pause",
        past="paused",
        roles=WRITERS,
        run=_to(TargetStatus.PAUSED),
        offered=_is(TargetStatus.ACTIVE),
        form=Because,
        hint="What comes meanwhile waits.",
    ),
    Verb(
        name="resume",
        label="Go on",
        past="resumed",
        roles=WRITERS,
        run=_to(TargetStatus.ACTIVE),
        offered=_is(TargetStatus.PAUSED),
        form=Because,
        tone="primary",
    ),
    Verb(
        name="remove",
        label="Remove",
        past="removed",
        roles=WRITERS,
        run=_to(TargetStatus.REMOVED),
        offered=STANDS,
        form=Because,
        tone="danger",
        hint="For good; what waits for it is dropped.",
    ),
)


@admin.register(NotificationTarget, site=site)
class TargetAdmin(RowsAdmin):
    nouns = "Notifications"
    viewers = VIEWERS
    verbs = VERBS
    empty_sentence = "Nobody is told of cards yet: they stand in the queue."
    quick_links: ClassVar = (
        ("All", {}),
        ("Active", {"status__exact": "active"}),
        ("Paused", {"status__exact": "paused"}),
    )
    list_display = ("name", "kind", "leads_to", "hears_of", "standing")
    list_filter = ("status", "kind")
    search_fields = ("name__icontains",)
    ordering = ("-pk",)

    def more_urls(self) -> list[Any]:
        return [path("new/", self.admin_site.admin_view(self.new_view), name="safety_notificationtarget_new")]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        new = (reverse("admin:safety_notificationtarget_new"), "New target")
        links = [new] if may(request, WRITERS) else []
        return super().changelist_view(request, {"list_links": links, **(extra_context or {})})

    @admin.display(description="To")
    def leads_to(self, target: NotificationTarget) -> str:
        return show.short(target.shown_address, 60)

    @admin.display(description="Hears of a card that")
    def hears_of(self, target: NotificationTarget) -> str:
        said = ", ".join(Occasion(each).label for each in target.occasions)
        return f"{said}; asks {', '.join(target.roles)}" if target.roles else said

    @admin.display(description="Standing")
    def standing(self, target: NotificationTarget) -> SafeString:
        return show.label(target.status, TONES[TargetStatus(target.status)])

    def panels(self, request: HttpRequest, target: NotificationTarget) -> list[Panel]:
        told = tell_of(list(Event.objects.filter(aggregate_id=target.pk).order_by("-xid", "-seq")[:CHANGES_SHOWN_MAX]))
        sent = target.deliveries.select_related("target").order_by("-pk")[:DELIVERIES_SHOWN_MAX]
        head = ("What", "Standing", "Tries", "Of the last", "When")
        return [
            panels.table("Sent to it", head, [row_of(self, request, each) for each in sent], empty="Nothing yet."),
            panels.custom("History", "console/panels/history.html", events=told),
            panels.facts(
                "Target",
                [
                    ("To", target.shown_address),
                    ("Standing", self.standing(target)),
                    ("Hears of a card that", self.hears_of(target)),
                    ("Earlier secret until", self._earlier(target)),
                    ("Made", show.moment(target.created_at)),
                ],
            ),
        ]

    def _earlier(self, target: NotificationTarget) -> SafeString | str:
        return show.moment(target.secret_before_until) if target.secret_before_until else ""

    # ------------------------------------------------------------------ a new one

    def new_view(self, request: HttpRequest) -> HttpResponse:
        if not may(request, WRITERS):
            raise forbidden("Notification targets are made by: admin.", code="role")
        form = NewTarget(request.POST or None, initial={"occasions": [Occasion.WAITS.value]})
        if request.method != "POST" or not form.is_valid():
            return self._new_page(request, form, status=422 if form.is_bound else 200)
        who, said = principal(request), dict(form.cleaned_data)
        try:
            with tenancy.bound(who.tenant_id):
                made, secret = actions.create(**said | {"kind": TargetKind(said["kind"])}, by=who.actor)
        except Refused as refusal:
            form.add_error(None, refusal.detail)
            return self._new_page(request, form, status=refusal.status)
        message = f"{who.name} made the target “{made}” at {clock.now():%H:%M} UTC."
        if secret:
            return self.detail_page(request, made, secret=(SECRET_HEADING, secret, message))
        say_when_done(request, message)
        return HttpResponseRedirect(self.address(made))

    def _new_page(self, request: HttpRequest, form: NewTarget, status: int) -> HttpResponse:
        shown = {
            **self.admin_site.each_context(request),
            "crumbs": self.crumbs("New target"),
            "title": "New target",
            "form": form,
            "submit": "Make it",
        }
        return TemplateResponse(request, "console/form.html", shown, status=status)
