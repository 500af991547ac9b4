"""A budget's rules in the console: shown on its page, written on one of their own, and saved once their preview was seen."""

import hashlib
import json
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from chimera.kernel import clock, tenancy
from chimera.kernel.console import panels, show
from chimera.kernel.console.caller import may, principal
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.rows import RowsAdmin
from chimera.kernel.console.saying import say_when_done
from chimera.kernel.errors import Refused, forbidden
from chimera.kernel.http.parsing import money_text
from chimera.kernel.identity import Role
from commerce.actions import rules as actions
from commerce.actions.previewing import Preview, preview
from commerce.admin.rules_form import LISTS, RulesForm, tier_in_words
from commerce.models import BudgetConfig
from commerce.rules import Rules

FINANCE = frozenset({Role.FINANCE, Role.ADMIN})
NAMES_SHOWN_MAX = 20


def address_of(budget: BudgetConfig) -> str:
    return reverse("admin:commerce_budgetconfig_rules", args=[budget.pk])


def panel(request: HttpRequest, budget: BudgetConfig) -> Panel:
    """What acts now, and for who may change it the way there."""
    rows = [(name, words) for name, words in in_words(actions.of(budget)) if words]
    rows = rows or [("None", "Only the limits count.")]
    if may(request, FINANCE):
        rows.append(("", show.link(address_of(budget), "Change the rules")))
    note = f"version {budget.rules_version}" if budget.rules_version else ""
    return panels.table("Rules", ("Rule", "Says"), rows, note=note)


def in_words(rules: Rules) -> list[tuple[str, str]]:
    lists = [
        (name.replace("_", " ").capitalize(), _some(getattr(getattr(rules, of), which) or ()))
        for name, (of, which) in LISTS.items()
    ]
    most = rules.velocity.amount_usd_per_hour
    return [
        *lists,
        ("Within an hour", f"{rules.velocity.count_per_hour} spends" if rules.velocity.count_per_hour else ""),
        ("Within an hour", f"${money_text(most)}" if most is not None else ""),
        ("Who approves", "; ".join(tier_in_words(tier) for tier in rules.approvals)),
    ]


def rules_view(admin: RowsAdmin, request: HttpRequest, row_id: UUID) -> HttpResponse:
    """A preview first; what was previewed, and nothing else, is saved."""
    if not may(request, FINANCE):
        raise forbidden("Rules are written by: admin, finance.", code="role")
    budget: BudgetConfig = admin.row_or_404(request, row_id)
    if request.method != "POST":
        return _page(admin, request, budget, RulesForm(initial=RulesForm.initial_of(budget, actions.of(budget))))
    form = RulesForm(request.POST)
    if not form.is_valid():
        return _page(admin, request, budget, form, status=422)
    rules: Rules = form.cleaned_data["rules"]
    if "save" not in request.POST or request.POST.get("previewed") != _digest(rules):
        return _page(admin, request, budget, form, rules=rules)
    try:
        with tenancy.bound(principal(request).tenant_id):
            version = form.cleaned_data["version"]
            by = principal(request).actor
            changed = actions.replace(budget_id=budget.pk, rules=rules, expected_version=version, by=by)
    except Refused as refusal:
        form.add_error(None, refusal.detail)
        return _page(admin, request, budget, form, status=refusal.status)
    say_when_done(
        request,
        f"{principal(request).name} put version {changed.rules_version} of the rules in place at {clock.now():%H:%M} UTC.",
    )
    return HttpResponseRedirect(admin.address(budget))


def _page(
    admin: RowsAdmin,
    request: HttpRequest,
    budget: BudgetConfig,
    form: RulesForm,
    *,
    rules: Rules | None = None,
    status: int = 200,
) -> HttpResponse:
    admin.prepare(request, [budget])
    title = f"Rules of the {admin.heading(budget)[0].lower()}{admin.heading(budget)[1:]}"
    shown = {
        **admin.admin_site.each_context(request),
        "crumbs": admin.crumbs("Rules"),
        "title": title,
        "form": form,
        "previewed": _digest(rules) if rules is not None else "",
        "panels": _previewed(admin, request, preview(budget=budget, rules=rules)) if rules is not None else [],
        "back": admin.address(budget),
    }
    return TemplateResponse(request, "commerce/rules.html", shown, status=status)


def _previewed(admin: RowsAdmin, request: HttpRequest, seen: Preview) -> list[Panel]:
    since = f"{seen.looked_at} spends since {seen.since:%d %B %H:%M} UTC"
    note = since if seen.complete else f"{since}, the newest; there were more"
    outcomes: list[tuple[Any, ...]] = [
        (_label(was), _label(would_be), str(figures.count), show.usd(figures.amount_usd))
        for (was, would_be), figures in sorted(seen.replay.outcomes.items())
    ]
    differences: list[tuple[Any, ...]] = [
        (
            admin.link(request, "commerce.transaction", each.past.id, show.usd(each.past.amount_usd)),
            show.short(each.past.payee or each.past.category or show.NOTHING, 60),
            _label(each.past.was),
            _label(each.would_be),
            each.rule,
            show.moment(each.past.at),
        )
        for each in seen.replay.differences
    ]
    return [
        panels.table(
            "The last thirty days under these rules",
            ("Was", "Would be", "Spends", "Asked for"),
            outcomes,
            empty="Nothing was asked of this budget.",
            note=note,
        ),
        panels.table(
            "What would have been different",
            ("Amount", "For", "Was", "Would be", "Rule", "When"),
            differences,
            empty="Nothing.",
            note="the first fifty",
        ),
    ]


def _label(outcome: str) -> Any:
    tone = {"passed": "good", "review": "warn"}.get(outcome, "bad")
    return show.label({"review": "a person asked"}.get(outcome, outcome.replace("_", " ")), tone)


def _some(names: tuple[str, ...]) -> str:
    more = len(names) - NAMES_SHOWN_MAX
    return ", ".join(names[:NAMES_SHOWN_MAX]) + (f" and {more} more" if more > 0 else "")


def _digest(rules: Rules) -> str:
    return hashlib.sha256(json.dumps(rules.stored(), sort_keys=True).encode()).hexdigest()
