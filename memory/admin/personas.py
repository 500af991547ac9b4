"""Personas: what they say, version by version, and what is different between two."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.files.uploadedfile import UploadedFile
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
from chimera.kernel.console.verbs import Verb, VerbForm
from chimera.kernel.errors import Refused, forbidden
from chimera.kernel.eventlog import Event
from chimera.kernel.identity import Role
from memory.actions import personas
from memory.limits import REASON_CHARACTERS_MAX, SOUL_BYTES_MAX
from memory.models import Persona, PersonaVersion
from memory.personas import honesty, soul

OPERATORS = frozenset({Role.OPERATOR, Role.ADMIN})
VERSIONS_SHOWN_MAX, CHANGES_SHOWN_MAX, FAULTS_SHOWN_MAX = 50, 50, 8
EXAMPLE = """---
id: harbour-notebook
name: The Harbour Notebook
voice_traits:
  - plain
directives:
  - Name places and people.
---
A neighbour who knows the harbour well.
"""


class Retiring(VerbForm):
    reason = forms.CharField(
        max_length=REASON_CHARACTERS_MAX,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "Why? (kept with the persona)"}),
    )


class NewSoul(forms.Form):
    """A text, or a file in its place."""

    soul = forms.CharField(
        label="SOUL.md",
        required=False,
        strip=False,
        max_length=SOUL_BYTES_MAX,
        widget=forms.Textarea(attrs={"rows": 24, "spellcheck": "true"}),
    )
    file = forms.FileField(label="Or a file", required=False)

    def text(self) -> str:
        """What was said; raises Refused for a file that is no text."""
        file: UploadedFile | None = self.cleaned_data["file"]
        if file is None:
            return str(self.cleaned_data["soul"])
        raw: bytes = file.read(SOUL_BYTES_MAX + 1)
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise Refused("The file is not UTF-8; save it as UTF-8.", code="malformed_text", status=422) from None


def _retire(persona: Persona, said: dict[str, Any], by: Actor) -> None:
    personas.retire(key=persona.key, reason=said["reason"], by=by)


VERBS = (
    Verb(
        name="retire",
        label="Retire",
        past="retired",
        roles=OPERATORS,
        run=_retire,
        form=Retiring,
        offered=lambda persona: persona.retired_at is None,
        tone="danger",
        hint="No context begins with it any more, and its id is not used again. Its versions stay to be read.",
    ),
)


@admin.register(Persona, site=site)
class PersonaAdmin(RowsAdmin):
    nouns = "Personas"
    viewers = OPERATORS | {Role.REVIEWER, Role.AUDITOR}
    verbs = VERBS
    empty_sentence = "No persona yet: upload a SOUL.md."
    list_display = ("name", "key", "standing", "current", "changed")
    search_fields = ("name__icontains", "key__icontains")
    ordering = ("-pk",)

    def more_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("new/", wrap(self.new_view), name="memory_persona_new"),
            path("<uuid:row_id>/versions/<int:number>/", wrap(self.version_view), name="memory_persona_version"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        links = [(reverse("admin:memory_persona_new"), "Upload a SOUL.md")] if may(request, OPERATORS) else []
        return super().changelist_view(request, {"list_links": links, **(extra_context or {})})

    @admin.display(description="Standing")
    def standing(self, persona: Persona) -> SafeString:
        return show.label("retired", "plain") if persona.retired_at else show.label("in use", "good")

    @admin.display(description="Changed")
    def changed(self, persona: Persona) -> SafeString | str:
        return show.moment(persona.updated_at)

    def banner(self, request: HttpRequest, persona: Persona) -> tuple[str, str] | None:
        if persona.retired_at:
            return "plain", f"Retired at {persona.retired_at:%Y-%m-%d %H:%M} UTC. {persona.retired_reason}"
        found = personas.version_of(persona).contradictions
        if not found:
            return None
        phrases = "; ".join(f"“{each['phrase']}” (line {each['line']})" for each in found)
        return "warn", f"Its text contradicts honesty, which outranks it in every context: {phrases}"

    def panels(self, request: HttpRequest, persona: Persona) -> list[Panel]:
        version = personas.version_of(persona)
        events = Event.objects.filter(aggregate_id=persona.pk).order_by("-xid", "-seq")[:CHANGES_SHOWN_MAX]
        return [
            panels.prose(f"Version {version.number}", soul.written(personas.soul_of(persona, version))),
            self._versions(persona),
            panels.prose("What outranks it", honesty.DIRECTIVE),
            panels.custom("History", "console/panels/history.html", events=tell_of(list(events))),
            _facts(persona, version),
        ]

    def _versions(self, persona: Persona) -> Panel:
        rows = [
            (
                show.link(reverse("admin:memory_persona_version", args=[persona.pk, each.number]), each.number),
                "current" if each.number == persona.current else "",
                each.sha256[:12],
                each.created_by,
                show.moment(each.created_at),
            )
            for each in persona.versions.defer(*personas.TEXTS).order_by("-number")[:VERSIONS_SHOWN_MAX]
        ]
        return panels.table("Versions", ("", "", "SHA-256", "By", "When"), rows)

    # ------------------------------------------------------------------ one version

    def version_view(self, request: HttpRequest, row_id: UUID, number: int) -> HttpResponse:
        """Its text, and what is different from the one before it."""
        self.check_view(request)
        persona = self.row_or_404(request, row_id)
        version = personas.version_of(persona, min(number, 2_000_000_000))
        before = persona.versions.filter(number=version.number - 1).first()
        found = [panels.prose("SOUL.md", soul.written(personas.soul_of(persona, version)))]
        if before:
            changes = personas.difference(persona, before, version)
            found.append(
                panels.custom(f"Different from version {before.number}", "console/panels/pre.html", text=changes)
            )
        shown = {
            **self.admin_site.each_context(request),
            "crumbs": [*self.crumbs(), (str(persona), self.address(persona)), (f"Version {version.number}", "")],
            "row": version,
            "title": f"{persona}, version {version.number}",
            "panels": found,
            "aside": [_facts(persona, version)],
        }
        return TemplateResponse(request, self.detail_template, shown)

    # ------------------------------------------------------------------ a new one

    def new_view(self, request: HttpRequest) -> HttpResponse:
        if not may(request, OPERATORS):
            raise forbidden("Personas are uploaded by: operator, admin.", code="role")
        form = NewSoul(request.POST or None, request.FILES or None, initial={"soul": EXAMPLE})
        if request.method != "POST" or not form.is_valid():
            return self._new_page(request, form, status=422 if form.is_bound else 200)
        by = principal(request)
        try:
            with tenancy.bound(by.tenant_id):
                version, is_new = personas.add(text=form.text(), by=by.actor)
        except Refused as refusal:
            for error in refusal.errors[:FAULTS_SHOWN_MAX] or [{"message": refusal.detail}]:
                form.add_error(None, error["message"])
            return self._new_page(request, form, status=refusal.status)
        made = "made" if is_new else "went back to"
        at = f"{clock.now():%H:%M} UTC"
        say_when_done(request, f"{by.name} {made} version {version.number} of “{version.persona}” at {at}.")
        return HttpResponseRedirect(self.address(version.persona))

    def _new_page(self, request: HttpRequest, form: NewSoul, status: int) -> HttpResponse:
        shown = {
            **self.admin_site.each_context(request),
            "crumbs": self.crumbs("Upload a SOUL.md"),
            "title": "Upload a SOUL.md",
            "form": form,
            "submit": "Upload",
        }
        return TemplateResponse(request, "console/form.html", shown, status=status)


def _facts(persona: Persona, version: PersonaVersion) -> Panel:
    return panels.facts(
        "Persona",
        [
            ("Id", persona.key),
            ("Version", f"{version.number}{', current' if version.number == persona.current else ''}"),
            ("SHA-256", version.sha256),
            ("By", version.created_by),
            ("Made", show.moment(version.created_at)),
            ("Kept without", ", ".join(version.masked)),
            ("Against honesty", ", ".join(sorted({each["phrase"] for each in version.contradictions}))),
        ],
    )
