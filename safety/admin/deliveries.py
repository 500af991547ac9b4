"""What was sent to whom, what came of each try, and the links that lead from a message to its card."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.safestring import SafeString

from chimera.flows import notify
from chimera.kernel.console import panels, show
from chimera.kernel.console.caller import caller, may, principal
from chimera.kernel.console.filters import newest
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.rows import RowsAdmin
from chimera.kernel.console.site import site
from chimera.kernel.console.verbs import Verb
from chimera.kernel.errors import forbidden, not_found
from chimera.kernel.http.authentication import TENANT_IN_SESSION
from chimera.kernel.http.permissions import OPERATORS
from chimera.kernel.identity import Role
from safety.actions import links
from safety.models import Delivery
from safety.quorum import ANY_APPROVER
from safety.states import DeliveryStatus

VIEWERS = OPERATORS | {Role.AUDITOR}
TONES = {
    DeliveryStatus.PENDING: "info",
    DeliveryStatus.SENT: "good",
    DeliveryStatus.FAILED: "bad",
    DeliveryStatus.DROPPED: "plain",
}
ENDED = (DeliveryStatus.SENT, DeliveryStatus.FAILED)


def row_of(shown_on: RowsAdmin, request: HttpRequest, delivery: Delivery) -> tuple[Any, ...]:
    """What, standing, tries, what came of the last, when."""
    return (
        shown_on.link(request, "safety.delivery", delivery.pk, delivery.get_occasion_display()),
        show.label(delivery.status, TONES[DeliveryStatus(delivery.status)]),
        str(delivery.attempts),
        show.short(delivery.error, 120),
        show.moment(delivery.created_at),
    )


@admin.register(Delivery, site=site)
class DeliveryAdmin(RowsAdmin):
    nouns = "Deliveries"
    viewers = VIEWERS
    verbs = (
        Verb(
            name="replay",
            label="Send again",
            past="has it sent again:",
            roles=OPERATORS,
            run=lambda delivery, said, by: notify.replay(delivery.pk, by=by),
            offered=lambda delivery: delivery.status in ENDED,
            tone="primary",
            hint="With the same id, by which receivers know a repetition, and a fresh link.",
        ),
    )
    empty_sentence = "Nothing was sent yet."
    quick_links: ClassVar = (
        ("All", {}),
        ("On their way", {"status__exact": "pending"}),
        ("Failed", {"status__exact": "failed"}),
    )
    list_display = ("what", "target", "standing", "attempts", "last", "when")
    list_filter = ("status", "occasion", newest("target", "target"))
    list_select_related = ("target",)
    list_deferred = ("message",)
    search_fields = ("target__name__icontains",)
    search_help_text = "Target, or a delivery's id"
    ordering = ("-pk",)

    def more_urls(self) -> list[Any]:
        return [path("link/<str:token>/", self.admin_site.admin_view(self.link_view), name="safety_delivery_link")]

    @admin.display(description="A card that")
    def what(self, delivery: Delivery) -> str:
        return delivery.get_occasion_display()

    @admin.display(description="Standing")
    def standing(self, delivery: Delivery) -> SafeString:
        return show.label(delivery.status, TONES[DeliveryStatus(delivery.status)])

    @admin.display(description="Of the last try")
    def last(self, delivery: Delivery) -> str:
        return show.short(delivery.error, 80)

    @admin.display(description="When")
    def when(self, delivery: Delivery) -> SafeString | str:
        return show.moment(delivery.created_at)

    def banner(self, request: HttpRequest, row: Delivery) -> tuple[str, str] | None:
        if row.status == DeliveryStatus.FAILED:
            return "bad", f"It is tried no more. {row.error}"
        if row.status == DeliveryStatus.PENDING and row.error:
            return "warn", f"{row.error} It is tried again {show.spoken(row.next_attempt_at)}."
        return None

    def panels(self, request: HttpRequest, delivery: Delivery) -> list[Panel]:
        tries = [
            (
                str(each.number),
                show.label("taken", "good") if each.taken else show.label("not taken", "bad"),
                str(each.status_code or ""),
                each.detail,
                f"{each.duration_ms} ms",
                show.moment(each.at),
            )
            for each in delivery.tries.order_by("-number")
        ]
        target = self.link(request, "safety.notificationtarget", delivery.target_id, delivery.target)
        return [
            panels.table("Tries", ("", "", "Answer", "", "Took", "When"), tries, empty="None yet."),
            panels.json_value("Message", delivery.message, note="as it is sent, without its link"),
            panels.facts(
                "Delivery",
                [
                    ("To", target),
                    ("Standing", self.standing(delivery)),
                    ("Review", self._review(request, delivery)),
                    (
                        "Link used",
                        f"{delivery.link_used_at:%Y-%m-%d %H:%M} UTC" if delivery.link_used_at else "not yet",
                    ),
                    ("By", delivery.link_used_by),
                    ("Made", show.moment(delivery.created_at)),
                ],
            ),
        ]

    def _review(self, request: HttpRequest, delivery: Delivery) -> SafeString | str:
        return self.link(request, "safety.reviewcard", delivery.card_id, "its card") if delivery.card_id else ""

    def link_view(self, request: HttpRequest, token: str) -> HttpResponse:
        """From a message to its card, for somebody who has logged in; whoever works for several tenants works for its from now on."""
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        owner, who = links.tenant_of(token), principal(request)
        if owner != who.tenant_id:
            known = caller(request)
            if known is None or owner not in {each.tenant_id for each in known.memberships}:
                raise not_found("link")
            request.session[TENANT_IN_SESSION] = str(owner)
            return HttpResponseRedirect(request.path)
        if not may(request, ANY_APPROVER):
            raise forbidden(f"Reviews are decided by: {', '.join(sorted(ANY_APPROVER))}.", code="role")
        card_id = links.follow(token, roles=who.roles, by=who.actor)
        return HttpResponseRedirect(reverse("admin:safety_reviewcard_change", args=[card_id]))
