"""Temporary increases, newest first; finance takes one back before its time."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from chimera.flows.show_history import names_of
from chimera.flows.show_usage import budget_names
from chimera.kernel import clock
from chimera.kernel.actors import Actor
from chimera.kernel.console import panels, show
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.rows import RowsAdmin
from chimera.kernel.console.site import site
from chimera.kernel.console.verbs import Verb
from chimera.kernel.identity import Role
from commerce.actions import increases
from commerce.models import LimitIncrease
from commerce.states import IncreaseStatus

FINANCE = frozenset({Role.FINANCE, Role.ADMIN})
VIEWERS = FINANCE | {Role.AUDITOR}


def standing(increase: LimitIncrease) -> SafeString:
    """By the time, whether the clock came by or not."""
    if acts(increase):
        return show.label("active", "good")
    over = IncreaseStatus.EXPIRED if increase.status == IncreaseStatus.ACTIVE else increase.status
    return show.label(over, "warn" if over == IncreaseStatus.REVOKED else "plain")


def acts(increase: LimitIncrease) -> bool:
    return increase.status == IncreaseStatus.ACTIVE and increase.expires_at > clock.now()


def _revoke(increase: LimitIncrease, said: dict[str, Any], by: Actor) -> None:
    increases.revoke(increase_id=increase.pk, by=by)


VERBS = (
    Verb(
        name="revoke",
        label="Take it back",
        past="took back the",
        roles=FINANCE,
        run=_revoke,
        offered=acts,
        tone="danger",
        hint="The limit is what it was, at once. What it let pass stays held.",
    ),
)


@admin.register(LimitIncrease, site=site)
class IncreaseAdmin(RowsAdmin):
    nouns = "Increases"
    viewers = VIEWERS
    verbs = VERBS
    empty_sentence = "No limit was raised yet. A budget's page is where that is done."
    quick_links: ClassVar = (("All", {}), ("Active", {"status__exact": "active"}))
    list_display = ("by_how_much", "is_for", "standing_shown", "until", "who", "why")
    list_filter = ("status",)
    search_fields = ("reason__icontains",)
    search_help_text = "Id, or words of the reason"
    list_select_related = ("budget",)
    ordering = ("-pk",)

    def prepare(self, request: HttpRequest, rows: list[LimitIncrease]) -> None:
        budgets = budget_names(list({row.budget_id: row.budget for row in rows}.values()))
        people = names_of(actor for row in rows for actor in (row.granted_by, row.ended_by) if actor)
        for row in rows:
            row.budget_name = budgets[row.budget_id]  # type: ignore[attr-defined]
            row.people = people  # type: ignore[attr-defined]

    @admin.display(description="By")
    def by_how_much(self, increase: LimitIncrease) -> str:
        return f"{show.usd(increase.amount_usd)} {increase.kind}"

    @admin.display(description="Budget for")
    def is_for(self, increase: LimitIncrease) -> str:
        return str(increase.budget_name)  # type: ignore[attr-defined]

    @admin.display(description="Standing")
    def standing_shown(self, increase: LimitIncrease) -> SafeString:
        return standing(increase)

    @admin.display(description="Until")
    def until(self, increase: LimitIncrease) -> SafeString | str:
        return show.moment(increase.expires_at)

    @admin.display(description="Granted by")
    def who(self, increase: LimitIncrease) -> str:
        return _person(increase, increase.granted_by)

    @admin.display(description="Why")
    def why(self, increase: LimitIncrease) -> str:
        return show.short(increase.reason, 90)

    def heading(self, row: LimitIncrease) -> str:
        return f"{show.usd(row.amount_usd)} more for the {row.kind} limit of {self.is_for(row)}"

    def panels(self, request: HttpRequest, increase: LimitIncrease) -> list[Panel]:
        return [
            panels.prose("Why it was granted", increase.reason),
            panels.facts(
                "Increase",
                [
                    ("Standing", standing(increase)),
                    ("Budget", self.link(request, "commerce.budgetconfig", increase.budget_id, self.is_for(increase))),
                    ("Limit", increase.kind),
                    ("By", show.usd(increase.amount_usd)),
                    ("Granted by", _person(increase, increase.granted_by)),
                    ("Granted", show.moment(increase.created_at)),
                    ("Until", show.moment(increase.expires_at)),
                    ("Ended", show.moment(increase.ended_at) if increase.ended_at else ""),
                    ("Ended by", _person(increase, increase.ended_by)),
                ],
            ),
        ]


def _person(increase: LimitIncrease, actor: str) -> str:
    return str(increase.people.get(actor, actor))  # type: ignore[attr-defined]
