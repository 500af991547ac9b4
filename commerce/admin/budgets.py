"""Budgets with today's usage as bars; finance creates and changes them through the flows."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.safestring import SafeString

from chimera.flows.change_budget import change_budget
from chimera.flows.create_budget import create_budget
from chimera.flows.show_history import tell_of
from chimera.flows.show_usage import Usage, show_usage
from chimera.kernel import clock, tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.console import panels, show
from chimera.kernel.console.caller import may, principal
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.rows import RowsAdmin
from chimera.kernel.console.saying import say_when_done
from chimera.kernel.console.site import site
from chimera.kernel.console.verbs import Verb
from chimera.kernel.errors import Refused, forbidden
from chimera.kernel.eventlog import Event
from chimera.kernel.identity import Role
from commerce.actions import increases
from commerce.admin import budget_page, rules
from commerce.admin.forms import ChangedBudget, NewBudgetForm, RaisedLimit
from commerce.models import BudgetConfig
from commerce.states import Currency, Scope, WindowKind

FINANCE = frozenset({Role.FINANCE, Role.ADMIN})
VIEWERS = FINANCE | {Role.AUDITOR}
CHANGES_SHOWN_MAX = 50
_CARVED = "Given to its task by whoever made that, out of what is above it; it narrows, and permits nothing by itself"


def _change(budget: BudgetConfig, said: dict[str, Any], by: Actor) -> None:
    changes = dict(said["changes"])
    change_budget(budget_id=budget.pk, changes=changes, expected_version=changes.pop("version"), by=by)


def _raise(budget: BudgetConfig, said: dict[str, Any], by: Actor) -> None:
    asked = dict(said["increase"])
    increases.grant(budget_id=budget.pk, window=WindowKind(asked.pop("window")), by=by, **asked)


VERBS = (
    Verb(
        name="raise",
        label="Raise a limit for a while",
        past="raised a limit of the",
        roles=FINANCE,
        run=_raise,
        form=RaisedLimit,
        confirm="Raise it",
        hint="Acts at once and ends by itself. No work becomes stale.",
    ),
    Verb(
        name="change",
        label="Change limits",
        past="changed the",
        roles=FINANCE,
        run=_change,
        form=ChangedBudget,
        hint="Acts at once. Work under way in its campaign or session becomes stale and is done anew.",
    ),
)


@admin.register(BudgetConfig, site=site)
class BudgetAdmin(RowsAdmin):
    nouns = "Budgets"
    viewers = VIEWERS
    verbs = VERBS
    empty_sentence = "No budget yet: nothing may be spent."
    quick_links: ClassVar = (
        ("All", {}),
        ("Of the tenant", {"scope__exact": "tenant"}),
        ("Of agents", {"scope__exact": "agent"}),
    )
    list_display = ("is_for", "per_transaction", "today", "this_month", "in_total", "threshold", "active")
    list_filter = ("scope", "is_active", "is_carved")
    search_fields = ("scope",)  # makes unfold show the field; an id is what it finds
    search_help_text = "Id of a budget"
    ordering = ("pk",)

    def more_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("new/", wrap(self.new_view), name="commerce_budgetconfig_new"),
            path("<uuid:row_id>/rules/", wrap(self.rules_view), name="commerce_budgetconfig_rules"),
        ]

    def rules_view(self, request: HttpRequest, row_id: UUID) -> HttpResponse:
        return rules.rules_view(self, request, row_id)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        links = [(reverse("admin:commerce_budgetconfig_new"), "New budget")] if may(request, FINANCE) else []
        return super().changelist_view(request, {"list_links": links, **(extra_context or {})})

    def prepare(self, request: HttpRequest, rows: list[BudgetConfig]) -> None:
        for row, usage in zip(rows, show_usage(rows), strict=True):
            row.usage = usage  # type: ignore[attr-defined]

    @admin.display(description="For")
    def is_for(self, budget: BudgetConfig) -> str:
        return _usage(budget).name

    @admin.display(description="Each")
    def per_transaction(self, budget: BudgetConfig) -> str:
        return show.usd(budget.per_transaction_usd)

    @admin.display(description="Today")
    def today(self, budget: BudgetConfig) -> SafeString:
        return _bar(budget, "day")

    @admin.display(description="This month")
    def this_month(self, budget: BudgetConfig) -> SafeString:
        return _bar(budget, "month")

    @admin.display(description="In total")
    def in_total(self, budget: BudgetConfig) -> SafeString:
        return _bar(budget, "total")

    @admin.display(description="Asks above")
    def threshold(self, budget: BudgetConfig) -> str:
        return show.usd(budget.approval_threshold_usd)

    @admin.display(description="")
    def active(self, budget: BudgetConfig) -> SafeString:
        if not budget.is_active:
            return show.label("inactive", "warn", "It permits nothing")
        return show.label("carved", "plain", _CARVED) if budget.is_carved else show.label("active", "good")

    def heading(self, row: BudgetConfig) -> str:
        return f"Budget for {_usage(row).name}"

    def panels(self, request: HttpRequest, budget: BudgetConfig) -> list[Panel]:
        told = tell_of(list(Event.objects.filter(aggregate_id=budget.pk).order_by("-xid", "-seq")[:CHANGES_SHOWN_MAX]))
        return [
            panels.custom("Usage now", "console/panels/usage.html", budgets=[_usage(budget)]),
            rules.panel(request, budget),
            *budget_page.panels_of(self, request, budget),
            panels.custom("History", "console/panels/history.html", events=told),
            panels.facts(
                "Budget",
                [
                    ("For", _usage(budget).name),
                    ("Standing", self.active(budget)),
                    ("Carved", _CARVED if budget.is_carved else ""),
                    ("Currency", budget.currency),
                    ("Each", show.usd(budget.per_transaction_usd)),
                    ("A person decides above", show.usd(budget.approval_threshold_usd)),
                    ("Version", str(budget.version)),
                    ("Created", show.moment(budget.created_at)),
                    ("Changed", show.moment(budget.updated_at)),
                ],
            ),
        ]

    # ------------------------------------------------------------------ a new one

    def new_view(self, request: HttpRequest) -> HttpResponse:
        if not may(request, FINANCE):
            raise forbidden("Budgets are made by: admin, finance.", code="role")
        if request.method != "POST":
            asked = {name: request.GET.get(name, "") for name in ("scope", "scope_id")}
            return self._new_page(request, NewBudgetForm(initial={k: v for k, v in asked.items() if v}))
        form = NewBudgetForm(request.POST)
        if not form.is_valid():
            return self._new_page(request, form, status=422)
        try:
            with tenancy.bound(principal(request).tenant_id):
                made = _create(form.cleaned_data["budget"], principal(request).actor)
        except Refused as refusal:
            form.add_error(None, refusal.detail)
            return self._new_page(request, form, status=refusal.status)
        say_when_done(request, f"{principal(request).name} created the {made} at {clock.now():%H:%M} UTC.")
        return HttpResponseRedirect(self.address(made))

    def _new_page(self, request: HttpRequest, form: NewBudgetForm, status: int = 200) -> HttpResponse:
        shown = {
            **self.admin_site.each_context(request),
            "crumbs": self.crumbs("New budget"),
            "title": "New budget",
            "form": form,
            "submit": "Create the budget",
        }
        return TemplateResponse(request, "console/form.html", shown, status=status)


def _create(said: dict[str, Any], by: Actor) -> BudgetConfig:
    limits = dict(said)
    return create_budget(
        scope=Scope(limits.pop("scope")),
        scope_id=limits.pop("scope_id"),
        currency=Currency(limits.pop("currency")),
        is_active=limits.pop("is_active"),
        limits=limits,
        by=by,
    )


def _usage(budget: BudgetConfig) -> Usage:
    found: Usage = budget.usage  # type: ignore[attr-defined]
    return found


def _bar(budget: BudgetConfig, window: str) -> SafeString:
    bar = next(b for b in _usage(budget).bars if b.window == window)
    return SafeString(render_to_string("commerce/cell_bar.html", {"bar": bar}))
