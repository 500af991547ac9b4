"""A policy's rules in the console: in words, and the page on which they are written, previewed, and only then put in place."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from chimera.flows.replay_policy import Replay, replay_policy
from chimera.kernel import clock, tenancy
from chimera.kernel.console import panels, show
from chimera.kernel.console.caller import may, principal
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.rows import RowsAdmin
from chimera.kernel.console.saying import say_when_done
from chimera.kernel.errors import Refused, forbidden
from chimera.kernel.identity import Role
from safety.actions import policies as actions
from safety.admin.policy_forms import RulesFormSet, SavedWith, forms_of, initial_of
from safety.models import Policy
from safety.policies import Kind, Rule, stored

WRITERS = frozenset({Role.ADMIN})
TONES = {"deny": "bad", "review": "warn", "allow": "good"}


def in_words(rule: Rule) -> str:
    kept = stored([rule])[0]
    said = kept["when"] | ({"due": kept["due"]} if "due" in kept else {})
    return "; ".join(f"{name.replace('_', ' ')}: {_words(value)}" for name, value in said.items())


def _words(value: Any) -> str:
    if isinstance(value, list):
        return " or ".join(str(each) for each in value)
    if isinstance(value, dict):
        return ", ".join(
            f"{name.replace('_', ' ')} {_words(each)}" for name, each in value.items() if each not in (None, False)
        )
    return str(value)


def rows_of(rules: Sequence[Rule]) -> list[tuple[Any, ...]]:
    return [(rule.name, in_words(rule), show.label(rule.then, TONES[rule.then])) for rule in rules]


def rules_view(admin: RowsAdmin, request: HttpRequest, row_id: UUID) -> HttpResponse:
    """A preview first; what was previewed, and nothing else, is saved."""
    if not may(request, WRITERS):
        raise forbidden("Policies are written by: admin.", code="role")
    policy: Policy = admin.row_or_404(request, row_id)
    if request.method != "POST":
        formset = forms_of()(initial=initial_of(actions.rules_of(policy)), prefix="rules")
        return _page(admin, request, policy, formset, SavedWith(initial={"version": policy.rules_version}))
    formset, saved = forms_of()(request.POST, prefix="rules"), SavedWith(request.POST)
    if not (formset.is_valid() and saved.is_valid()):
        return _page(admin, request, policy, formset, saved, status=422)
    rules: tuple[Rule, ...] = formset.rules
    if "save" not in request.POST or request.POST.get("previewed") != _digest(rules):
        anew = forms_of()(initial=initial_of(rules), prefix="rules")
        return _page(admin, request, policy, anew, saved, rules=None if "more" in request.POST else rules)
    said = saved.cleaned_data
    by = principal(request)
    try:
        with tenancy.bound(by.tenant_id):
            changed = actions.replace(
                policy_id=policy.pk, rules=rules, note=said["note"], expected_version=said["version"], by=by.actor
            )
    except Refused as refusal:
        saved.add_error(None, refusal.detail)
        return _page(admin, request, policy, formset, saved, status=refusal.status)
    say_when_done(
        request, f"{by.name} put version {changed.rules_version} of “{changed}” in place at {clock.now():%H:%M} UTC."
    )
    return HttpResponseRedirect(admin.address(policy))


def _page(
    admin: RowsAdmin,
    request: HttpRequest,
    policy: Policy,
    formset: RulesFormSet,
    saved: SavedWith,
    *,
    rules: tuple[Rule, ...] | None = None,
    status: int = 200,
) -> HttpResponse:
    shown = {
        **admin.admin_site.each_context(request),
        "crumbs": admin.crumbs(policy.name, "Rules"),
        "title": f"Rules of “{policy.name}”",
        "formset": formset,
        "saved": saved,
        "previewed": _digest(rules) if rules is not None else "",
        "panels": previewed(admin, request, replay_policy(policy=policy, rules=rules)) if rules is not None else [],
        "back": admin.address(policy),
    }
    return TemplateResponse(request, "safety/policy/rules.html", shown, status=status)


def previewed(admin: RowsAdmin, request: HttpRequest, seen: Replay) -> list[Panel]:
    since = f"{seen.looked_at} results, actions and spends since {seen.since:%d %B %H:%M} UTC"
    note = since if seen.complete else f"{since}, the newest; there were more"
    outcomes = [
        (str(kind), _label(was), _label(would_be), str(count))
        for (kind, was, would_be), count in sorted(seen.outcomes.items())
    ]
    differences = [
        (
            _link(admin, request, each.kind, each.task_id, each.subject_id, show.short(each.what, 80)),
            _label(each.was),
            _label(each.would_be),
            each.rule,
            show.moment(each.at),
        )
        for each in seen.differences
    ]
    by_rule = [(rule, str(count)) for rule, count in seen.by_rule.most_common()]
    return [
        panels.table(
            "The last thirty days under these rules",
            ("What", "Was", "Would be", ""),
            outcomes,
            empty="Nothing happened.",
            note=note,
        ),
        panels.table(
            "By rule", ("Rule", "Would have decided"), by_rule, empty="None of them would have decided anything."
        ),
        panels.table(
            "What would have been different",
            ("What", "Was", "Would be", "Rule", "When"),
            differences,
            empty="Nothing.",
            note="the first fifty",
        ),
    ]


def _link(admin: RowsAdmin, request: HttpRequest, kind: str, task_id: UUID, subject_id: UUID, text: str) -> Any:
    if kind == Kind.SPEND:
        return admin.link(request, "commerce.transaction", subject_id, text)
    return admin.link(request, "swarm.task", task_id, text)


def _label(then: str) -> Any:
    return show.label(then, TONES.get(then, "plain"))


def _digest(rules: Sequence[Rule]) -> str:
    return hashlib.sha256(json.dumps(stored(rules), sort_keys=True).encode()).hexdigest()
