"""The base of every noun's admin: a list and a detail page that only read, and verbs that people may walk."""

from abc import ABC, ABCMeta, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django.apps import apps
from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.views.main import SEARCH_VAR
from django.db.models import Model, QuerySet
from django.forms import MediaDefiningClass
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from chimera.kernel import tenancy
from chimera.kernel.console import show
from chimera.kernel.console.caller import may, principal
from chimera.kernel.console.pages import InfinitePaginator
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.saying import say_when_done
from chimera.kernel.console.verbs import Offer, Verb, VerbForm
from chimera.kernel.errors import Refused, forbidden, invalid, not_found
from chimera.kernel.http.problem import as_refusal
from chimera.kernel.identity import Role


class _AbstractAdmin(ABCMeta, MediaDefiningClass):
    """The admin's own metaclass, and abstract methods: a page without one is refused when it is registered."""


SEARCH_CHARACTERS_MAX = 200  # each word of them is looked for in every row


class RowsAdmin(ModelAdmin, ABC, metaclass=_AbstractAdmin):
    """`viewers` see its rows; `verbs` are what may be done with one. Nothing is added, edited or deleted by form."""

    nouns = ""  # above its pages: "Sessions"
    viewers: ClassVar[frozenset[Role]] = frozenset()
    verbs: ClassVar[Sequence[Verb]] = ()
    detail_template = "console/detail.html"
    empty_sentence = "Nothing here yet."
    quick_links: ClassVar[Sequence[tuple[str, dict[str, str]]]] = ()  # (label, parameters), shown above the list

    list_deferred: ClassVar[Sequence[str]] = ()  # large columns that the list does without

    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    actions = None
    sortable_by: Sequence[str] = ()
    list_before_template = "console/quick_links.html"

    # ------------------------------------------------------------------ who may

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may(request, self.viewers)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, self.viewers)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def check_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise forbidden(f"These pages are for: {', '.join(sorted({*self.viewers, Role.ADMIN}))}.", code="role")

    # ------------------------------------------------------------------ addresses

    def get_urls(self) -> list[Any]:
        opts = self.opts
        name = f"{opts.app_label}_{opts.model_name}"
        wrap = self.admin_site.admin_view
        return [
            *self.more_urls(),
            path("", wrap(self.changelist_view), name=f"{name}_changelist"),
            path("<uuid:row_id>/", wrap(self.detail_view), name=f"{name}_change"),
            path("<uuid:row_id>/<slug:verb>/", wrap(self.verb_view), name=f"{name}_verb"),
        ]

    def more_urls(self) -> list[Any]:
        return []

    def address(self, row: Any, verb: str = "") -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_{'verb' if verb else 'change'}"
        return reverse(name, args=[row.pk, verb] if verb else [row.pk])

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Only what a filter of the list asks for; other columns are not for guessing at."""
        columns = [each for each in self.list_filter if isinstance(each, str)]
        ours = [each.parameter_name for each in self.list_filter if not isinstance(each, str)]
        return lookup in (*ours, *(f"{column}__exact" for column in columns))

    # ------------------------------------------------------------------ the list

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        self.check_view(request)
        if any("\x00" in text for text in request.GET.values()):
            raise invalid("The address contains a NUL character, which finds nothing.")
        if len(request.GET.get(SEARCH_VAR, "")) > SEARCH_CHARACTERS_MAX:
            raise invalid(f"Look for at most {SEARCH_CHARACTERS_MAX} characters.", field_name=SEARCH_VAR)
        shown = {
            "crumbs": self.crumbs(),
            "quick_links": self._quick_links(request),
            "title": self.nouns,
        }
        try:
            response: HttpResponse = super().changelist_view(request, shown | (extra_context or {}))
        except DisallowedModelAdminLookup:
            raise Refused(
                "This list has no such filter; choose among those beside it.", code="unknown_filter"
            ) from None
        return response

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        match = request.resolver_match
        listed = match is not None and str(match.url_name).endswith("_changelist")
        return rows.defer(*self.list_deferred) if listed and self.list_deferred else rows

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        changelist.result_list = list(changelist.result_list)
        self.prepare(request, changelist.result_list)
        return changelist

    def prepare(self, request: HttpRequest, rows: list[Any]) -> None:
        """Read what the rows of one page need besides, in a fixed number of queries."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """An id finds its row; anything else is looked for in `search_fields`."""
        words = search_term.replace("\x00", "").strip()
        if self.is_id(words):
            return queryset.filter(pk=UUID(words)), False
        found: tuple[QuerySet[Any], bool] = super().get_search_results(request, queryset, words)
        return found

    def is_id(self, words: str) -> bool:
        try:
            UUID(words)
        except ValueError:
            return False
        return True

    def _quick_links(self, request: HttpRequest) -> list[dict[str, Any]]:
        named = {name for _, parameters in self.quick_links for name in parameters}
        now = {name: request.GET[name] for name in named if request.GET.get(name)}
        return [{"label": label, "query": urlencode(p), "active": now == p} for label, p in self.quick_links]

    # ------------------------------------------------------------------ one row

    @abstractmethod
    def panels(self, request: HttpRequest, row: Any) -> Sequence[Panel]:
        """What the detail page shows, in order."""

    def banner(self, request: HttpRequest, row: Any) -> Any:
        """A line above the panels, as (tone, text), when something must be known before anything is done."""
        return None

    def heading(self, row: Any) -> str:
        return str(row)

    def row_or_404(self, request: HttpRequest, row_id: UUID) -> Any:
        found = self.get_queryset(request).filter(pk=row_id).first()
        if found is None:
            raise not_found(str(self.opts.verbose_name))
        return found

    def detail_view(self, request: HttpRequest, row_id: UUID) -> HttpResponse:
        self.check_view(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return self.detail_page(request, self.row_or_404(request, row_id))

    def detail_page(
        self,
        request: HttpRequest,
        row: Any,
        *,
        bound: tuple[str, VerbForm] | None = None,
        secret: tuple[str, str, str] | None = None,
        status: int = 200,
    ) -> HttpResponse:
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        self.prepare(request, [row])
        panels = self.panels(request, row)
        shown = {
            **self.admin_site.each_context(request),
            "crumbs": self.crumbs(self.heading(row)),
            "row": row,
            "title": self.heading(row),
            "banner": self.banner(request, row),
            "offers": self.offers(request, row, bound),
            "panels": [p for p in panels if not p.aside],
            "aside": [p for p in panels if p.aside],
            "secret": secret,
        }
        return TemplateResponse(request, self.detail_template, shown, status=status)

    # ------------------------------------------------------------------ verbs

    def offers(self, request: HttpRequest, row: Any, bound: tuple[str, VerbForm] | None = None) -> list[Offer]:
        """The verbs that this person may walk with this row now; the one that was refused keeps what was typed."""
        made = []
        for verb in self.verbs:
            if may(request, verb.roles) and verb.offered(row):
                form = bound[1] if bound and bound[0] == verb.name else self._form(verb, row)
                made.append(Offer(verb, form, self.address(row, verb.name)))
        return made

    def _form(self, verb: Verb, row: Any) -> VerbForm:
        return verb.form(initial=verb.form.initial_of(row), auto_id=f"id_{verb.name}_%s")

    def verb_view(self, request: HttpRequest, row_id: UUID, verb: str) -> HttpResponse:
        self.check_view(request)
        chosen = next((v for v in self.verbs if v.name == verb), None)
        if chosen is None:
            raise not_found("page")
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not may(request, chosen.roles):
            raise forbidden(f"“{chosen.label}” is for: {', '.join(sorted({*chosen.roles, Role.ADMIN}))}.", code="role")
        row = self.row_or_404(request, row_id)
        form = chosen.form(request.POST, auto_id=f"id_{chosen.name}_%s")
        if not form.is_valid():
            return self.detail_page(request, row, bound=(verb, form), status=422)
        return self._walk(request, row, chosen, form)

    def _walk(self, request: HttpRequest, row: Any, verb: Verb, form: VerbForm) -> HttpResponse:
        """Run it in a savepoint, so that a refusal undoes what it wrote and the page can still say why."""
        who = principal(request)
        try:
            with tenancy.bound(who.tenant_id):
                answer = verb.run(row, form.cleaned_data, who.actor)
        except Exception as exc:
            refusal = as_refusal(exc)
            if refusal is None:
                raise
            messages.error(request, refusal.detail)
            return self._refused(request, row.pk, verb, form, refusal.status)
        if verb.reveals:
            secret = (verb.reveals, str(answer), verb.message(who, row))
            return self.detail_page(request, self.row_or_404(request, row.pk), secret=secret)
        say_when_done(request, verb.message(who, row))
        return HttpResponseRedirect(self.address(row))

    def _refused(self, request: HttpRequest, row_id: UUID, verb: Verb, form: VerbForm, status: int) -> HttpResponse:
        """The page as it is by now; a form that is `kept` with what was typed in it, and with what it says of the row itself anew."""
        row = self.row_or_404(request, row_id)
        if not (form.kept and form.visible_fields() and verb.offered(row)):
            return HttpResponseRedirect(self.address(row))
        said, read = request.POST.copy(), verb.form.initial_of(row)
        for field in form.hidden_fields():
            if field.name in read:
                said[field.name] = str(read[field.name])
        kept = verb.form(said, auto_id=form.auto_id)
        return self.detail_page(request, row, bound=(verb.name, kept), status=status)

    # ------------------------------------------------------------------ links

    def crumbs(self, *here: str) -> list[tuple[str, str]]:
        """(text, address) above the page; the page's own has no address."""
        opts = self.opts
        return [(self.nouns, reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")), *((h, "") for h in here)]

    def link(self, request: HttpRequest, model: str, row_id: Any, text: object) -> SafeString | str:
        """A link to another noun's page for those who may see it, its name for the others. `model`: "swarm.task"."""
        found: type[Model] = apps.get_model(model)
        admin = self.admin_site._registry.get(found)
        if row_id is None or admin is None or not admin.has_view_permission(request):
            return str(text)
        address = reverse(f"admin:{found._meta.app_label}_{found._meta.model_name}_change", args=[row_id])
        return show.link(address, text)
