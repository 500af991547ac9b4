"""Static files beside Django: WhiteNoise finds them, threads read them, so that no synchronous middleware is needed.

Not through asgiref's WsgiToAsgi: it sends from a thread of its own, in whose context daphne then reads the connection's
next request, and that one fails ("CurrentThreadExecutor already quit") now and then.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import closing
from typing import Any
from wsgiref.headers import Headers

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from whitenoise import WhiteNoise

Scope = dict[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]
CHUNK_BYTES = 256 * 1024  # read and sent at once; one viewer's font costs no more memory than this


class StaticInFront:
    """Answers GET and HEAD below STATIC_URL itself; everything else is the application's."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._files = _whitenoise()

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["path"].startswith(settings.STATIC_URL) and scope["method"] in {"GET", "HEAD"}:
            await self._answer(scope, send)
        else:
            await self._application(scope, receive, send)

    async def _answer(self, scope: Scope, send: Any) -> None:
        found = self._files.files.get(scope["path"])
        if found is None:
            await _send(send, 404, [("Content-Type", "text/plain; charset=utf-8")], b"There is no such file.\n")
            return
        asked = {
            f"HTTP_{name.decode('latin1').upper().replace('-', '_')}": value.decode("latin1")
            for name, value in scope["headers"]
        }
        answer = await asyncio.to_thread(found.get_response, scope["method"], asked)
        if answer.file is None:
            await _send(send, answer.status, answer.headers)
            return
        with closing(answer.file):
            await _send(send, answer.status, answer.headers, more=True)
            while chunk := await asyncio.to_thread(answer.file.read, CHUNK_BYTES):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


async def _send(
    send: Any, status: int, headers: Iterable[tuple[str, str]], body: bytes = b"", *, more: bool = False
) -> None:
    """The head of an answer, and its body unless there is more to come."""
    raw = [(name.lower().encode("latin1"), value.encode("latin1")) for name, value in headers]
    await send({"type": "http.response.start", "status": int(status), "headers": raw})
    if not more:
        await send({"type": "http.response.body", "body": body})


def _whitenoise() -> WhiteNoise:
    """What collectstatic gathered, and what the apps bring along for those who did not run it."""
    files = WhiteNoise(None, add_headers_function=_headers, allow_all_origins=False)  # type: ignore[arg-type]
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
