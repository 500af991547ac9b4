"""The tenant's policy of memory: one page, which admins change once its preview was seen."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse

from chimera.flows.show_history import tell_of
from chimera.kernel import clock, tenancy
from chimera.kernel.console import panels, show
from chimera.kernel.console.caller import may, principal
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.rows import RowsAdmin
from chimera.kernel.console.saying import say_when_done
from chimera.kernel.console.site import site
from chimera.kernel.errors import Refused, forbidden
from chimera.kernel.eventlog import Event
from chimera.kernel.identity import Role
from chimera.kernel.sensitive import IN_WORDS
from memory import actions
from memory.actions import policies
from memory.admin.policy_form import PolicyForm
from memory.fading import Fading
from memory.models import MemoryPolicy

ADMINS = frozenset({Role.ADMIN})
PAGE = "memory_memorypolicy_changelist"
CHANGES_SHOWN_MAX = 50


@admin.register(MemoryPolicy, site=site)
class MemoryPolicyAdmin(RowsAdmin):
    nouns = "Memory policy"
    viewers = ADMINS | {Role.OPERATOR, Role.AUDITOR}

    def get_urls(self) -> list[Any]:
        return [path("", self.admin_site.admin_view(self.policy_view), name=PAGE)]

    def panels(self, request: HttpRequest, row: MemoryPolicy) -> Sequence[Panel]:
        fading = policies.fading_of(row)
        told = tell_of(list(Event.objects.filter(aggregate_id=row.pk).order_by("-xid", "-seq")[:CHANGES_SHOWN_MAX]))
        return [
            panels.table(
                "What memory does not take",
                ("What stands in a text", "What becomes of it"),
                [(IN_WORDS[pattern], str(deed)) for pattern, deed in policies.deeds(row).items()],
            ),
            panels.table("What fades", ("Category", "When"), in_words(fading), empty="Nothing: all is kept."),
            panels.custom("History", "console/panels/history.html", events=told),
        ]

    def policy_view(self, request: HttpRequest) -> HttpResponse:
        self.check_view(request)
        row = policies.standing()
        if request.method != "POST":
            form = PolicyForm(initial=PolicyForm.initial_of(row)) if may(request, ADMINS) else None
            return self._page(request, row, form)
        if not may(request, ADMINS):
            raise forbidden("The policy of memory is changed by: admin.", code="role")
        form = PolicyForm(request.POST)
        if not form.is_valid():
            return self._page(request, row, form, status=422)
        if "save" not in request.POST or request.POST.get("previewed") != _digest(form.cleaned_data):
            return self._page(request, row, form, previewed=form.cleaned_data)
        return self._save(request, row, form)

    def _save(self, request: HttpRequest, row: MemoryPolicy, form: PolicyForm) -> HttpResponse:
        who, said = principal(request), form.cleaned_data
        try:
            with tenancy.bound(who.tenant_id):
                changed = actions.change_policy(
                    screening=said["screening"], fading=said["fading"], expected_version=said["version"], by=who.actor
                )
        except Refused as refusal:
            form.add_error(None, refusal.detail)
            return self._page(request, row, form, status=refusal.status)
        say_when_done(
            request,
            f"{who.name} put version {changed.version} of the memory policy in place at {clock.now():%H:%M} UTC.",
        )
        return HttpResponseRedirect(reverse(f"admin:{PAGE}"))

    def _page(
        self,
        request: HttpRequest,
        row: MemoryPolicy,
        form: PolicyForm | None,
        *,
        previewed: dict[str, Any] | None = None,
        status: int = 200,
    ) -> HttpResponse:
        shown = {
            **self.admin_site.each_context(request),
            "crumbs": self.crumbs(),
            "title": self.nouns,
            "version": row.version,
            "form": form,
            "previewed": _digest(previewed) if previewed else "",
            "panels": [*([_preview(previewed["fading"])] if previewed else []), *self.panels(request, row)],
        }
        return TemplateResponse(request, "memory/policy.html", shown, status=status)


def in_words(fading: Fading) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = [
        (category, f"half of its strength is gone after {days:g} days; it goes below {fading.floor:g}")
        for category, days in fading.half_life_days.items()
    ]
    rows += [(category, f"after {days:g} days in any case") for category, days in fading.max_age_days.items()]
    if rows:
        rows.append(("any", f"what weighs {fading.keep_importance:g} or more stays"))
    return [(str(category), words) for category, words in rows]


def _preview(fading: Fading) -> Panel:
    seen = actions.preview_fading(fading)
    rows = [
        (
            show.short(memory.content, 120),
            memory.category,
            f"{memory.importance_score:.2f}",
            show.moment(memory.seen_at),
        )
        for memory in seen.shown
        if memory.visibility != "agent"
    ]
    note = "; ".join(f"{number} {category}" for category, number in seen.categories.items())
    head = ("Of the weakest", "Category", "Weight", "Last seen")
    title = f"{seen.number} memories would go with this within the hour"
    return panels.table(title, head, rows, empty="None.", note=note)


def _digest(said: dict[str, Any]) -> str:
    """Of what would be put in place, so that what is saved is what was previewed."""
    screening = {str(pattern): str(deed) for pattern, deed in said["screening"].items()}
    bare = json.dumps([screening, said["fading"].model_dump(mode="json")], sort_keys=True)
    return hashlib.sha256(bare.encode()).hexdigest()
