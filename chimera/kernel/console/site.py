"""The admin site: begin a transaction, bind it to the person's tenant, run the page and render it inside, commit.

A TemplateResponse that were rendered later would find no tenant, and its lists would come out silently empty.
"""

from collections.abc import Callable, Sequence
from functools import update_wrapper
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth import REDIRECT_FIELD_NAME, logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from unfold.sites import UnfoldAdminSite

from chimera.kernel import redis, tenancy
from chimera.kernel.console.caller import caller, recognise
from chimera.kernel.console.saying import say_when_done, speak
from chimera.kernel.entrance.login import Entrance, LoginForm
from chimera.kernel.entrance.pages import EntrancePages
from chimera.kernel.errors import Refused, not_found
from chimera.kernel.http.authentication import TENANT_IN_SESSION, lacks_second_factor
from chimera.kernel.http.problem import as_refusal

View = Callable[..., HttpResponse]
Noticing = Callable[[HttpRequest], Sequence[tuple[str, str]]]  # (tone, sentence) to stand above every page
WITHOUT_TENANT = frozenset({"logout", "jsi18n"})
WITHOUT_SECOND_FACTOR = WITHOUT_TENANT | {"tenant"}  # another tenant may ask for none
# They would look rows up past our pages; and a password is changed at the entrance, where guesses are counted.
UNUSED = frozenset({"autocomplete", "view_on_site", "password_change", "password_change_done"})


class ConsoleSite(UnfoldAdminSite):
    index_template = "console/index.html"
    index_title = "Today"
    enable_nav_sidebar = True
    notices: ClassVar[list[Noticing]] = []  # each asked once a page, in the tenant's transaction; apps add theirs

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active)

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        within: View = super().admin_view(self._within_tenant(view), cacheable)
        return within

    def get_urls(self) -> list[URLPattern | URLResolver]:
        kept = [url for url in super().get_urls() if getattr(url, "name", None) not in UNUSED]
        entrance = EntrancePages(self.each_context, super().admin_view)
        return [*entrance.urls(), path("tenant/", self.admin_view(self.choose_tenant), name="tenant"), *kept]

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method == "GET" and self.has_permission(request):
            return HttpResponseRedirect(reverse(f"{self.name}:index"))
        shown = {**self.each_context(request), "title": "Log in", "app_path": request.get_full_path()}
        if REDIRECT_FIELD_NAME not in request.GET and REDIRECT_FIELD_NAME not in request.POST:
            shown[REDIRECT_FIELD_NAME] = reverse(f"{self.name}:index")
        request.current_app = self.name  # type: ignore[attr-defined]
        view: View = Entrance.as_view(
            extra_context=shown | (extra_context or {}), authentication_form=LoginForm, template_name="admin/login.html"
        )  # type: ignore[assignment]
        return view(request)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        shown: dict[str, Any] = super().each_context(request)
        return shown | {"notices": self.noticed(request)}

    def noticed(self, request: HttpRequest) -> list[tuple[str, str]]:
        """What whoever works for a tenant must know, whatever page they are on."""
        return [notice for ask in self.notices for notice in ask(request)] if caller(request) else []

    def opens(self, request: HttpRequest, page: str) -> bool:
        """Whether this person may open a page named like "swarm_task_changelist"; the first page is everybody's."""
        listed = {
            f"{model._meta.label_lower.replace('.', '_')}_changelist": rows for model, rows in self._registry.items()
        }
        return page == "index" or bool(listed[page].has_view_permission(request))

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """unfold's search keeps its answers by person, whatever tenant they were found in; the lists have their own."""
        return HttpResponse()

    def choose_tenant(self, request: HttpRequest) -> HttpResponse:
        known = caller(request)
        if known is None:
            return self._no_membership(request)
        if request.method != "POST":
            shown = {**self.each_context(request), "title": "Tenants", "caller": known}
            return TemplateResponse(request, "console/tenants.html", shown)
        wanted = next((m for m in known.memberships if str(m.tenant_id) == request.POST.get("tenant")), None)
        if wanted is None:
            raise not_found("tenant")
        request.session[TENANT_IN_SESSION] = str(wanted.tenant_id)
        say_when_done(request, f"{known.principal.name} works for {wanted.tenant_name} now.")
        return HttpResponseRedirect(reverse(f"{self.name}:index"))

    def _within_tenant(self, view: View) -> View:
        def bound_view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                known = recognise(request)
            except Refused:  # an admin has ended this session
                logout(request)
                return redirect_to_login(request.get_full_path(), reverse(f"{self.name}:login"))
            if known is None:
                return (
                    view(request, *args, **kwargs) if self._needs_no_tenant(request) else self._no_membership(request)
                )
            if lacks_second_factor(request, known.membership) and _name(request) not in WITHOUT_SECOND_FACTOR:
                return HttpResponseRedirect(reverse(f"{self.name}:second_factor"))
            response = self._in_transaction(known.principal.tenant_id, request, lambda: view(request, *args, **kwargs))
            if request.method == "POST":
                redis.nudge()
            return response

        return update_wrapper(bound_view, view)

    def _in_transaction(self, tenant_id: UUID, request: HttpRequest, page: Callable[[], HttpResponse]) -> HttpResponse:
        """What the page raises undoes its transaction; a refusal then gets a page of its own, in another one."""
        try:
            with tenancy.bound(tenant_id):
                response = _rendered(page())
            speak(request)
            return response
        except Exception as exc:
            refusal = as_refusal(exc)
            if refusal is None:
                raise
        with tenancy.bound(tenant_id):
            return _rendered(self.refusal_page(request, refusal))

    def refusal_page(self, request: HttpRequest, refusal: Refused) -> HttpResponse:
        titles = {403: "Not yours to see", 404: "Nothing here", 503: "Busy"}
        shown = {
            **self.each_context(request),
            "title": titles.get(refusal.status, "Refused"),
            "sentence": refusal.detail,
            "back": _back(request),
        }
        return TemplateResponse(request, "console/refused.html", shown, status=refusal.status)

    def _needs_no_tenant(self, request: HttpRequest) -> bool:
        name = _name(request)
        return name in WITHOUT_TENANT or (
            name.startswith("auth_user_") and bool(getattr(request.user, "is_superuser", False))
        )

    def _no_membership(self, request: HttpRequest) -> HttpResponse:
        shown = {
            **self.each_context(request),
            "title": "No tenant yet",
            "superuser": getattr(request.user, "is_superuser", False),
        }
        return TemplateResponse(request, "console/no_membership.html", shown, status=403)


def _name(request: HttpRequest) -> str:
    match = request.resolver_match
    return match.url_name if match and match.url_name else ""


def _rendered(response: HttpResponse) -> HttpResponse:
    if hasattr(response, "render") and not getattr(response, "is_rendered", True):
        response.render()
    return response


def _back(request: HttpRequest) -> str:
    """The page the person came from, if it is one of ours."""
    came_from = request.headers.get("Referer", "")
    ours = url_has_allowed_host_and_scheme(
        came_from, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return came_from if ours and came_from != request.build_absolute_uri() else reverse("admin:index")


site = ConsoleSite(name="admin")
