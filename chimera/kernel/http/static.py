"""Static files beside Django: WhiteNoise on threads of its own, so that no synchronous middleware is needed."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from wsgiref.headers import Headers

from asgiref.sync import ThreadSensitiveContext
from asgiref.wsgi import WsgiToAsgi
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from whitenoise import WhiteNoise

Scope = dict[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]


class StaticInFront:
    """Answers GET and HEAD below STATIC_URL itself; everything else is the application's."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._files: Application = WsgiToAsgi(_whitenoise())  # type: ignore[no-untyped-call]

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["path"].startswith(settings.STATIC_URL) and scope["method"] in {"GET", "HEAD"}:
            async with ThreadSensitiveContext():
                await self._files(scope, receive, send)
            return
        await self._application(scope, receive, send)


def _whitenoise() -> WhiteNoise:
    """What collectstatic gathered, and what the apps bring along for those who did not run it."""
    files = WhiteNoise(_not_found, add_headers_function=_headers, allow_all_origins=False)
    for finder in get_finders():
        for path, storage in finder.list([]):
            inside = f"{prefix}/{path}" if (prefix := getattr(storage, "prefix", "")) else path
            files.add_file_to_dictionary(settings.STATIC_URL + inside, storage.path(path))
    if settings.STATIC_ROOT.is_dir():
        files.add_files(str(settings.STATIC_ROOT), settings.STATIC_URL)
    return files


def _headers(headers: Headers, path: str, url: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"


def _not_found(environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [b"There is no such file.\n"]
