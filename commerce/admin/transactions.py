"""The ledger, newest first: what was asked for, and what became of it. Finance voids a hold that is not to be spent."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from chimera.flows.show_history import tell_of
from chimera.flows.show_ledger import Names, name_transactions
from chimera.flows.show_usage import usage_of
from chimera.flows.void_by_hand import VOIDERS, void_by_hand
from chimera.kernel.actors import Actor
from chimera.kernel.console import panels, show
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.rows import RowsAdmin
from chimera.kernel.console.site import site
from chimera.kernel.console.verbs import Verb, VerbForm
from chimera.kernel.eventlog import Event
from commerce.admin.budgets import VIEWERS
from commerce.models import Transaction
from commerce.states import Keeper, MoneyStatus

TONES = {
    MoneyStatus.HELD: "info",
    MoneyStatus.REVIEW: "warn",
    MoneyStatus.DENIED: "bad",
    MoneyStatus.CAPTURED: "good",
    MoneyStatus.VOIDED: "plain",
    MoneyStatus.EXPIRED: "plain",
}
FACTS_SHOWN_MAX = 50
KEPT_BY = {
    Keeper.LEASE: "the lease of its task",
    Keeper.CARD: "a review",
    Keeper.RESUME: "the wait for its task's next claim",
    Keeper.ACTION: "the action that is being executed",
}


class Voiding(VerbForm):
    reason = forms.CharField(
        max_length=500,  # as over the API
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "Why must this not be spent?"}),
        error_messages={"required": "Say why: it is kept with the money's history."},
    )


def _void(spend: Transaction, said: dict[str, Any], by: Actor) -> None:
    void_by_hand(transaction_id=spend.pk, reason=said["reason"], by=by)


def _may_be_voided(spend: Transaction) -> bool:
    return spend.status == MoneyStatus.HELD and spend.keeper not in (Keeper.CARD, Keeper.ACTION)


VERBS = (
    Verb(
        name="void",
        label="Void this hold",
        past="voided the hold of",
        roles=VOIDERS,
        run=_void,
        offered=_may_be_voided,
        form=Voiding,
        confirm="Void it",
        tone="danger",
        hint="Its money is free at once, and its agent can no longer spend it. What a meter has counted is spent already.",
    ),
)


@admin.register(Transaction, site=site)
class TransactionAdmin(RowsAdmin):
    nouns = "Transactions"
    viewers = VIEWERS
    verbs = VERBS
    empty_sentence = "No agent has asked for money yet."
    quick_links: ClassVar = (
        ("All", {}),
        ("Held", {"status__exact": "held"}),
        ("In review", {"status__exact": "review"}),
        ("Captured", {"status__exact": "captured"}),
        ("Denied", {"status__exact": "denied"}),
    )
    list_display = ("amount", "status_shown", "is_for", "agent_name", "session_name", "asked", "why")
    list_filter = ("status",)
    list_deferred = ("metadata",)
    search_fields = ("payee__istartswith",)
    search_help_text = "Id, or the beginning of a payee"
    ordering = ("-pk",)

    def prepare(self, request: HttpRequest, rows: list[Transaction]) -> None:
        names = name_transactions(rows)
        for row in rows:
            row.names = names[row.pk]  # type: ignore[attr-defined]

    @admin.display(description="Amount")
    def amount(self, spend: Transaction) -> SafeString:
        return format_html("{} <small>{}</small>", show.usd(spend.amount_usd), spend.asset_symbol)

    @admin.display(description="Standing")
    def status_shown(self, spend: Transaction) -> SafeString:
        return show.label(spend.status, TONES[MoneyStatus(spend.status)])

    @admin.display(description="For")
    def is_for(self, spend: Transaction) -> str:
        return show.short(" · ".join(filter(None, [spend.payee, spend.category, spend.purpose])), 90) or show.NOTHING

    @admin.display(description="Agent")
    def agent_name(self, spend: Transaction) -> str:
        return _names(spend).agent

    @admin.display(description="Session")
    def session_name(self, spend: Transaction) -> str:
        return show.short(_names(spend).session, 60)

    @admin.display(description="Asked")
    def asked(self, spend: Transaction) -> SafeString | str:
        return show.moment(spend.created_at)

    @admin.display(description="Because")
    def why(self, spend: Transaction) -> str:
        return show.short(spend.denied_reason, 90) or show.NOTHING

    def heading(self, row: Transaction) -> str:
        return f"{show.usd(row.amount_usd)} for {row.payee or row.category or 'an unnamed payee'}"

    def banner(self, request: HttpRequest, spend: Transaction) -> tuple[str, str] | None:
        """Why it cannot be voided here."""
        match spend.keeper:
            case Keeper.CARD:
                return "warn", "A review keeps this money: whoever decides it decides what becomes of the money."
            case Keeper.ACTION:
                return "warn", "Its action is being executed: the outcome says whether this money was spent."
            case _:
                return None

    def panels(self, request: HttpRequest, spend: Transaction) -> list[Panel]:
        told = tell_of(list(Event.objects.filter(aggregate_id=spend.pk).order_by("xid", "seq")[:FACTS_SHOWN_MAX]))
        return [
            *([panels.prose("Why it was denied", spend.denied_reason)] if spend.denied_reason else []),
            panels.custom("History", "console/panels/history.html", events=told),
            panels.custom(
                "Budgets that were asked, the deciding one first",
                "console/panels/usage.html",
                note="as they are now",
                budgets=usage_of([spend]),
            ),
            *([panels.json_value("Metadata", spend.metadata)] if spend.metadata else []),
            self._about(request, spend),
        ]

    def _about(self, request: HttpRequest, spend: Transaction) -> Panel:
        names = _names(spend)
        card: Any = self.link(request, "safety.reviewcard", spend.review, "its card") if spend.review else ""
        return panels.facts(
            "Transaction",
            [
                ("Standing", self.status_shown(spend)),
                ("Amount", show.usd(spend.amount_usd)),
                ("Captured", show.usd(spend.captured_usd) if spend.captured_usd is not None else ""),
                ("Metered", _metered(spend)),
                ("Asset", spend.asset_symbol),
                ("Payee", spend.payee),
                ("Category", spend.category),
                ("Purpose", spend.purpose),
                ("Kept by", KEPT_BY[Keeper(spend.keeper)] if spend.keeper else ""),
                ("Task", self.link(request, "swarm.task", spend.task_id, names.task)),
                ("Session", self.link(request, "swarm.swarmsession", spend.session_id, names.session)),
                ("Agent", self.link(request, "swarm.agentprofile", spend.agent_id, names.agent)),
                ("Review", card),
                ("Refusal", spend.denied_code.replace("_", " ")),
                ("Asked", show.moment(spend.created_at)),
                ("Settled", show.moment(spend.settled_at) if spend.settled_at else ""),
            ],
        )


def _metered(spend: Transaction) -> str:
    """What its lease has cost, by its own word; and how much of that was spent beyond every limit."""
    if spend.metered_usd is None:
        return ""
    over = spend.metered_usd - (spend.captured_usd or 0)
    beyond = f", {show.usd(over)} of it beyond what could be held" if spend.settled_at and over > 0 else ""
    return f"{show.usd(spend.metered_usd)}{beyond}"


def _names(spend: Transaction) -> Names:
    found: Names = spend.names  # type: ignore[attr-defined]
    return found
