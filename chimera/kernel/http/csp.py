"""Content-Security-Policy: scripts of this house alone, none inline, anywhere.

Two exceptions, both of others' pages: unfold's Alpine compiles the expressions in its attributes, so pages of the console allow
'unsafe-eval'; and styles may be inline, because unfold and Swagger UI write them so.
"""

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse

# 'self' covers sockets too in today's browsers; older ones need the address.
_SOCKETS = settings.BASE_URL.rstrip("/").replace("http", "ws", 1)
STRICT = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    f"connect-src 'self' {_SOCKETS}; frame-ancestors 'none'; base-uri 'self'; form-action 'self'; object-src 'none'"
)
CONSOLE = STRICT.replace("script-src 'self'", "script-src 'self' 'unsafe-eval'")


def policy_for(path: str) -> str:
    return CONSOLE if path.startswith("/admin/") else STRICT


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
