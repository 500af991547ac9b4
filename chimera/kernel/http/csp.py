"""Content-Security-Policy: strict everywhere, with 'unsafe-eval' under /admin/ alone, where unfold's Alpine needs it."""

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse

STRICT = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'self'; form-action 'self'; object-src 'none'"
)
ADMIN = STRICT.replace("script-src 'self'", "script-src 'self' 'unsafe-eval' 'unsafe-inline'")
DOCS = STRICT.replace("script-src 'self'", "script-src 'self' 'unsafe-inline'")


def policy_for(path: str) -> str:
    if path.startswith("/admin/"):
        return ADMIN
    return DOCS if path.startswith("/api/docs") else STRICT


class ContentSecurityPolicyMiddleware:
    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        if iscoroutinefunction(self.get_response):
            return self._later(request)
        return self._marked(request, self.get_response(request))  # type: ignore[arg-type]

    async def _later(self, request: HttpRequest) -> HttpResponse:
        return self._marked(request, await self.get_response(request))  # type: ignore[misc]

    def _marked(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response.setdefault("Content-Security-Policy", policy_for(request.path))
        return response
