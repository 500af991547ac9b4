"""Actions: what agents wanted to do to the world, what was decided of it, and what came of it. Read only; their cards decide."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from chimera.kernel.console import panels, show
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.rows import RowsAdmin
from chimera.kernel.console.site import site
from chimera.kernel.http.permissions import PEOPLE
from safety.models import Action
from safety.states import ActionStatus

TONES = {
    ActionStatus.ALLOWED: "info",
    ActionStatus.REVIEW: "warn",
    ActionStatus.DENIED: "bad",
    ActionStatus.EXECUTING: "mark",
    ActionStatus.SUCCEEDED: "good",
    ActionStatus.FAILED: "bad",
    ActionStatus.LOST: "bad",
    ActionStatus.DEAD: "plain",
}


@admin.register(Action, site=site)
class ActionAdmin(RowsAdmin):
    nouns = "Actions"
    viewers = PEOPLE
    empty_sentence = "No agent has wanted to act yet."
    quick_links: ClassVar = (
        ("All", {}),
        ("Being executed", {"status__exact": "executing"}),
        ("Denied", {"status__exact": "denied"}),
        ("Lost", {"status__exact": "lost"}),
    )
    list_display = ("what", "standing", "amount", "whom", "by", "when")
    list_filter = ("status",)
    list_select_related = ("agent",)
    list_deferred = ("arguments", "original_arguments", "output", "evidence", "policies", "reasons")
    search_fields = ("tool__istartswith", "payee__istartswith")
    search_help_text = "Id, or the beginning of a tool or payee"
    ordering = ("-pk",)

    @admin.display(description="Tool")
    def what(self, action: Action) -> str:
        return show.short(action.tool, 60)

    @admin.display(description="Standing")
    def standing(self, action: Action) -> SafeString:
        return show.label(action.status, TONES[ActionStatus(action.status)])

    @admin.display(description="Amount")
    def amount(self, action: Action) -> str:
        return "" if action.amount_usd is None else show.usd(action.amount_usd)

    @admin.display(description="Payee")
    def whom(self, action: Action) -> str:
        return show.short(action.payee, 40)

    @admin.display(description="Agent")
    def by(self, action: Action) -> str:
        return str(action.agent)

    @admin.display(description="Asked")
    def when(self, action: Action) -> SafeString | str:
        return show.moment(action.created_at)

    def banner(self, request: HttpRequest, row: Action) -> tuple[str, str] | None:
        match ActionStatus(row.status):
            case ActionStatus.LOST:
                return "bad", "Nobody said what came of it; its money counts as spent."
            case ActionStatus.DENIED | ActionStatus.DEAD if row.ended_reason:
                return "info", row.ended_reason
            case _:
                return None

    def panels(self, request: HttpRequest, action: Action) -> list[Panel]:
        reasons = [
            (
                each["detail"],
                each.get("evidence", ""),
                f"{each['rule']}, version {each['version']}" if "rule" in each else "",
            )
            for each in action.reasons
        ]
        more = (
            [panels.json_value("As the agent said it", action.original_arguments)] if action.original_arguments else []
        )
        came = [panels.json_value("What came of it", action.output)] if action.output is not None else []
        return [
            panels.json_value("Arguments", action.arguments),
            *more,
            panels.table("Why it was not simply allowed", ("Why", "Where", "Rule"), reasons, empty="It was."),
            *came,
            panels.facts("Action", self._facts(request, action)),
        ]

    def _facts(self, request: HttpRequest, action: Action) -> list[tuple[str, Any]]:
        linked = (
            ("Task", "swarm.task", action.task_id, "its task"),
            ("Review", "safety.reviewcard", action.review_id, "its card"),
            ("Money", "commerce.transaction", action.transaction_id, "its transaction"),
            ("Replaces", "safety.action", action.replaces, "the one whose approval it did not match"),
        )
        return [
            ("Standing", self.standing(action)),
            ("Agent", self.link(request, "swarm.agentprofile", action.agent_id, str(action.agent))),
            *((name, self.link(request, model, key, text)) for name, model, key, text in linked if key),
            ("Amount", self.amount(action)),
            ("Payee", action.payee),
            ("Category", action.category),
            ("Purpose", action.purpose),
            ("Has cost", "" if action.cost_usd is None else show.usd(action.cost_usd)),
            ("Digest", action.digest),
            ("Asked", show.moment(action.created_at)),
            ("Executed", show.moment(action.executed_at)),
            ("Ended", show.moment(action.ended_at)),
        ]
