"""Policies: which decide, which only say what they would, and what that was."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.safestring import SafeString

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
from safety import shapes
from safety.actions import policies as actions
from safety.admin import policy_rules
from safety.admin.policy_forms import NewPolicyForm
from safety.admin.policy_rules import TONES, WRITERS
from safety.models import Policy
from safety.quorum import ANY_APPROVER
from safety.states import PolicyStatus

STATUS_TONES = {PolicyStatus.ENFORCED: "good", PolicyStatus.SHADOW: "info", PolicyStatus.OFF: "plain"}
SHADOWS_SHOWN_MAX, CHANGES_SHOWN_MAX, VERSIONS_SHOWN_MAX = 50, 50, 20


def _to(status: PolicyStatus) -> Any:
    def run(policy: Policy, said: dict[str, Any], by: Actor) -> None:
        actions.switch(policy_id=policy.pk, status=status, reason=said["reason"], by=by)

    return run


def _not(status: PolicyStatus) -> Any:
    return lambda policy: policy.status != status


VERBS = (
    Verb(
        name="enforce",
        label="Enforce",
        past="enforces",
        roles=WRITERS,
        run=_to(PolicyStatus.ENFORCED),
        offered=_not(PolicyStatus.ENFORCED),
        form=Because,
        tone="primary",
        hint="It decides from now on. Look at its preview first.",
    ),
    Verb(
        name="shadow",
        label="Put in shadow",
        past="put in shadow",
        roles=WRITERS,
        run=_to(PolicyStatus.SHADOW),
        offered=_not(PolicyStatus.SHADOW),
        form=Because,
        hint="It decides nothing, and says what it would have decided.",
    ),
    Verb(
        name="off",
        label="Switch off",
        past="switched off",
        roles=WRITERS,
        run=_to(PolicyStatus.OFF),
        offered=_not(PolicyStatus.OFF),
        form=Because,
        tone="danger",
        hint="It is asked no more.",
    ),
)


@admin.register(Policy, site=site)
class PolicyAdmin(RowsAdmin):
    nouns = "Policies"
    viewers = ANY_APPROVER | {Role.AUDITOR}
    verbs = VERBS
    empty_sentence = "No policy yet: confidence, topics and budgets decide alone."
    quick_links: ClassVar = (
        ("All", {}),
        ("Enforced", {"status__exact": "enforced"}),
        ("In shadow", {"status__exact": "shadow"}),
    )
    list_display = ("name", "standing", "rules_version", "stopped", "changed")
    list_filter = ("status",)
    search_fields = ("name__icontains",)
    ordering = ("name",)

    def more_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("new/", wrap(self.new_view), name="safety_policy_new"),
            path("<uuid:row_id>/rules/", wrap(self.rules_view), name="safety_policy_rules"),
        ]

    def rules_view(self, request: HttpRequest, row_id: UUID) -> HttpResponse:
        return policy_rules.rules_view(self, request, row_id)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        links = [(reverse("admin:safety_policy_new"), "New policy")] if may(request, WRITERS) else []
        return super().changelist_view(request, {"list_links": links, **(extra_context or {})})

    def prepare(self, request: HttpRequest, rows: list[Policy]) -> None:
        found = shapes.would_have_stopped_each(rows)
        for row in rows:
            row.stopped = found.get(row.pk, 0)  # type: ignore[attr-defined]

    @admin.display(description="Standing")
    def standing(self, policy: Policy) -> SafeString:
        return show.label(policy.status, STATUS_TONES[PolicyStatus(policy.status)])

    @admin.display(description="Would have stopped")
    def stopped(self, policy: Policy) -> str:
        return f"{policy.stopped} in 7 days" if policy.status == PolicyStatus.SHADOW else ""  # type: ignore[attr-defined]

    @admin.display(description="Changed")
    def changed(self, policy: Policy) -> SafeString | str:
        return show.moment(policy.updated_at)

    def banner(self, request: HttpRequest, row: Policy) -> tuple[str, str] | None:
        if row.status != PolicyStatus.SHADOW:
            return None
        number = row.stopped  # type: ignore[attr-defined]
        return "info", f"In shadow: it decides nothing. Of the last 7 days it would have stopped {number} that passed."

    def panels(self, request: HttpRequest, policy: Policy) -> list[Panel]:
        rows = policy_rules.rows_of(actions.rules_of(policy))
        if may(request, WRITERS):
            address = reverse("admin:safety_policy_rules", args=[policy.pk])
            rows.append(("", show.link(address, "Change the rules"), ""))
        told = tell_of(list(Event.objects.filter(aggregate_id=policy.pk).order_by("-xid", "-seq")[:CHANGES_SHOWN_MAX]))
        return [
            panels.table(
                "Rules",
                ("Rule", "When", "Then"),
                rows,
                empty="None yet.",
                note="the first that denies wins, then all that ask a person, then the first that allows",
            ),
            self._shadows(request, policy),
            self._versions(policy),
            panels.custom("History", "console/panels/history.html", events=told),
            panels.facts(
                "Policy",
                [
                    ("Standing", self.standing(policy)),
                    ("Version of its rules", str(policy.rules_version)),
                    ("Created", show.moment(policy.created_at)),
                    ("Changed", show.moment(policy.updated_at)),
                ],
            ),
        ]

    def _shadows(self, request: HttpRequest, policy: Policy) -> Panel:
        rows = [
            (
                self.link(request, "swarm.task", each.task_id, each.kind),
                show.label(each.was, TONES.get(each.was, "plain")),
                show.label(each.would_be, TONES.get(each.would_be, "plain")),
                show.short("; ".join(reason["detail"] for reason in each.reasons), 160),
                str(each.policy_version),
                show.moment(each.at),
            )
            for each in policy.shadows.order_by("-pk")[:SHADOWS_SHOWN_MAX]
        ]
        head = ("What", "Was", "Would have been", "Why", "Version", "When")
        return panels.table("While it was in shadow", head, rows, empty="Nothing would have been different.")

    def _versions(self, policy: Policy) -> Panel:
        rows = [
            (
                str(row.version),
                show.short(
                    "; ".join(f"{rule.then} “{rule.name}”: {policy_rules.in_words(rule)}" for rule in row.parsed), 400
                ),
                show.short(row.note, 120),
                row.created_by,
                show.moment(row.created_at),
            )
            for row in policy.versions.order_by("-version")[:VERSIONS_SHOWN_MAX]
        ]
        return panels.table("Versions", ("", "Rules", "Why", "By", "When"), rows)

    # ------------------------------------------------------------------ a new one

    def new_view(self, request: HttpRequest) -> HttpResponse:
        """In shadow and without rules, which are written next."""
        if not may(request, WRITERS):
            raise forbidden("Policies are made by: admin.", code="role")
        form = NewPolicyForm(request.POST or None)
        if request.method != "POST" or not form.is_valid():
            return self._new_page(request, form, status=422 if form.is_bound else 200)
        by = principal(request)
        try:
            with tenancy.bound(by.tenant_id):
                made = actions.create(rules=(), status=PolicyStatus.SHADOW, by=by.actor, **form.cleaned_data)
        except Refused as refusal:
            form.add_error(None, refusal.detail)
            return self._new_page(request, form, status=refusal.status)
        say_when_done(request, f"{by.name} made the policy “{made}” at {clock.now():%H:%M} UTC; it has no rules yet.")
        return HttpResponseRedirect(reverse("admin:safety_policy_rules", args=[made.pk]))

    def _new_page(self, request: HttpRequest, form: NewPolicyForm, status: int) -> HttpResponse:
        shown = {
            **self.admin_site.each_context(request),
            "crumbs": self.crumbs("New policy"),
            "title": "New policy",
            "form": form,
            "submit": "Make it, in shadow",
        }
        return TemplateResponse(request, "console/form.html", shown, status=status)
