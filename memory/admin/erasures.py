"""Erasures and their receipts: asked for by admins, read by auditors too."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.safestring import SafeString

from chimera.kernel import clock, tenancy
from chimera.kernel.console import panels, show
from chimera.kernel.console.caller import may, principal
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.rows import RowsAdmin
from chimera.kernel.console.saying import say_when_done
from chimera.kernel.console.site import site
from chimera.kernel.console.verbs import VerbForm
from chimera.kernel.errors import Refused, forbidden
from chimera.kernel.identity import Role
from memory.actions import erasing
from memory.limits import REASON_CHARACTERS_MAX, SUBJECT_CHARACTERS_MAX
from memory.models import ErasureScope, MemoryErasure
from memory.receipts import BEYOND
from memory.states import ErasureStatus

ADMINS = frozenset({Role.ADMIN})
TONES = {ErasureStatus.REQUESTED: "warn", ErasureStatus.ERASED: "info", ErasureStatus.CONFIRMED: "good"}
KINDS = {
    "memories": "Memories gone",
    "vectors": "Vectors gone with them",
    "sightings": "Sightings gone",
    "answers": "Stored answers gone",
    "copies": "Frozen copies blank",
    "questions": "Frozen questions blank",
    "reasons": "Reasons in the log blank",
    "personas": "Versions of personas blank",
}


class NewErasureForm(VerbForm):
    scope = forms.ChoiceField(label="Erase", choices=ErasureScope.choices, initial=ErasureScope.SUBJECT)
    whose = forms.CharField(
        label="Whose",
        required=False,
        max_length=SUBJECT_CHARACTERS_MAX,
        help_text="The id of the session or agent, the person's number, or the subject as memories name it. Nothing for the tenant.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    reason = forms.CharField(
        max_length=REASON_CHARACTERS_MAX,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "Why? (kept with the receipt)"}),
    )
    sure = forms.BooleanField(label="Nothing brings it back", error_messages={"required": "Tick it to go on."})


@admin.register(MemoryErasure, site=site)
class ErasureAdmin(RowsAdmin):
    nouns = "Erasures"
    viewers = ADMINS | {Role.AUDITOR}
    empty_sentence = "Nothing was to be erased yet."
    quick_links: ClassVar = (
        ("All", {}),
        ("Not confirmed", {"status__exact": "erased"}),
        ("Confirmed", {"status__exact": "confirmed"}),
    )
    list_display = ("what", "standing", "number", "requested_by", "since")
    list_filter = ("status", "scope")
    ordering = ("-pk",)

    def more_urls(self) -> list[Any]:
        return [path("new/", self.admin_site.admin_view(self.new_view), name="memory_memoryerasure_new")]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        links = [(reverse("admin:memory_memoryerasure_new"), "New erasure")] if may(request, ADMINS) else []
        return super().changelist_view(request, {"list_links": links, **(extra_context or {})})

    @admin.display(description="What is erased")
    def what(self, erasure: MemoryErasure) -> str:
        return show.short(f"{erasure.get_scope_display()} {erasure.whose}".strip(), 90)

    @admin.display(description="Standing")
    def standing(self, erasure: MemoryErasure) -> SafeString:
        return show.label(erasure.status, TONES[ErasureStatus(erasure.status)])

    @admin.display(description="Memories")
    def number(self, erasure: MemoryErasure) -> str:
        return str(erasure.counts.get("memories", 0))

    @admin.display(description="Since")
    def since(self, erasure: MemoryErasure) -> SafeString | str:
        return show.moment(erasure.requested_at)

    def heading(self, row: MemoryErasure) -> str:
        return f"Erasure: {self.what(row)}"

    def banner(self, request: HttpRequest, row: MemoryErasure) -> tuple[str, str] | None:
        if row.pending:
            return "warn", "Gone from PostgreSQL; not confirmed yet: " + " ".join(row.pending.values())
        return None

    def panels(self, request: HttpRequest, row: MemoryErasure) -> Sequence[Panel]:
        counts = [(words, str(row.counts[kind])) for kind, words in KINDS.items() if kind in row.counts]
        return [
            panels.table("How much", ("What", "Rows"), counts, empty="Nothing yet; the worker looks every minute."),
            panels.prose("Why", row.reason),
            panels.prose("What it does not reach", BEYOND),
            panels.facts(
                "Receipt",
                [
                    ("Standing", self.standing(row)),
                    ("Scope", row.get_scope_display()),
                    ("Whose", row.whose),
                    ("Asked for by", row.requested_by),
                    ("Asked for", show.moment(row.requested_at)),
                    ("Gone from PostgreSQL", show.moment(row.erased_at) if row.erased_at else ""),
                    ("Confirmed", show.moment(row.confirmed_at) if row.confirmed_at else ""),
                    ("Digest of the ids", bytes(row.ids_digest).hex()),
                    ("Seal", row.seal),
                ],
            ),
        ]

    # ------------------------------------------------------------------ a new one

    def new_view(self, request: HttpRequest) -> HttpResponse:
        if not may(request, ADMINS):
            raise forbidden("Memory is erased by: admin.", code="role")
        form = NewErasureForm(request.POST or None)
        if request.method != "POST" or not form.is_valid():
            return self._new_page(request, form, status=422 if form.is_bound else 200)
        who, said = principal(request), form.cleaned_data
        try:
            with tenancy.bound(who.tenant_id):
                scope = ErasureScope(said["scope"])
                made = erasing.request(scope=scope, whose=said["whose"], reason=said["reason"], by=who.actor)
        except Refused as refusal:
            form.add_error(None, refusal.detail)
            return self._new_page(request, form, status=refusal.status)
        say_when_done(request, f"{who.name} asked for the {made} at {clock.now():%H:%M} UTC.")
        return HttpResponseRedirect(self.address(made))

    def _new_page(self, request: HttpRequest, form: NewErasureForm, status: int) -> HttpResponse:
        shown = {
            **self.admin_site.each_context(request),
            "crumbs": self.crumbs("New erasure"),
            "title": "New erasure",
            "form": form,
            "submit": "Erase it for good",
        }
        return TemplateResponse(request, "console/form.html", shown, status=status)
