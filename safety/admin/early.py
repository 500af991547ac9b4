"""What people decided before an agent asked: what still waits, what it has met, and why some did not count. Read only."""

from typing import ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from chimera.kernel.console import panels, show
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.rows import RowsAdmin
from chimera.kernel.console.site import site
from chimera.kernel.http.permissions import PEOPLE
from safety.admin.looks import STATUS_TONES
from safety.models import EarlyDecision
from safety.states import DECIDED_AS, Decision, EarlyStatus

TONES = {
    EarlyStatus.WAITING: "info",
    EarlyStatus.USED: "good",
    EarlyStatus.REFUSED: "bad",
    EarlyStatus.REPLACED: "plain",
    EarlyStatus.EXPIRED: "warn",
    EarlyStatus.WITHDRAWN: "plain",
}


@admin.register(EarlyDecision, site=site)
class EarlyDecisionAdmin(RowsAdmin):
    nouns = "Early decisions"
    viewers = PEOPLE
    empty_sentence = "Nobody has decided what was not asked yet."
    quick_links: ClassVar = (
        ("All", {}),
        ("Waiting", {"status__exact": "waiting"}),
        ("Refused", {"status__exact": "refused"}),
    )
    list_display = ("key", "said", "person", "standing", "until", "when")
    list_filter = ("status", "decision")
    list_select_related = ("person",)
    list_deferred = ("note",)
    search_fields = ("correlation_key__icontains",)
    search_help_text = "Key, or an id"
    ordering = ("-pk",)

    @admin.display(description="Key")
    def key(self, early: EarlyDecision) -> str:
        return show.short(early.correlation_key, 60)

    @admin.display(description="Decision")
    def said(self, early: EarlyDecision) -> SafeString:
        return show.label(early.decision.replace("_", " "), STATUS_TONES[DECIDED_AS[Decision(early.decision)]])

    @admin.display(description="Standing")
    def standing(self, early: EarlyDecision) -> SafeString:
        return show.label(early.status, TONES[EarlyStatus(early.status)])

    @admin.display(description="Until")
    def until(self, early: EarlyDecision) -> SafeString | str:
        return show.moment(early.expires_at) if early.status == EarlyStatus.WAITING else ""

    @admin.display(description="Said")
    def when(self, early: EarlyDecision) -> SafeString | str:
        return show.moment(early.created_at)

    def banner(self, request: HttpRequest, row: EarlyDecision) -> tuple[str, str] | None:
        match EarlyStatus(row.status):
            case EarlyStatus.REFUSED:
                return "bad", f"It did not count. {row.refusal['detail']}" if row.refusal else "It did not count."
            case EarlyStatus.EXPIRED:
                return "warn", "Its question did not come in time; it decides nothing any more."
            case _:
                return None

    def panels(self, request: HttpRequest, early: EarlyDecision) -> list[Panel]:
        card = self.link(request, "safety.reviewcard", early.card_id, "its card") if early.card_id else ""
        return [
            panels.prose("Note", early.note or "None."),
            panels.facts(
                "Early decision",
                [
                    ("Key", early.correlation_key),
                    ("Decision", self.said(early)),
                    ("Of exactly", early.digest),
                    ("By", early.person.get_username()),
                    ("Standing", self.standing(early)),
                    ("Until", show.moment(early.expires_at)),
                    ("Review", card),
                    ("Said", show.moment(early.created_at)),
                    ("Ended", show.moment(early.ended_at)),
                ],
            ),
        ]
