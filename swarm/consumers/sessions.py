"""The session's socket: authenticate in the handshake, then send frames; one cursor over history and stream."""

import asyncio
from contextlib import aclosing
from typing import Any
from urllib.parse import parse_qs

import structlog
from channels.generic.websocket import AsyncWebsocketConsumer  # type: ignore[import-untyped]
from django.conf import settings

from chimera.kernel import eventlog, tenancy
from chimera.kernel.bridge import in_thread
from chimera.kernel.errors import Refused
from chimera.kernel.eventlog import START, Position
from chimera.kernel.http.permissions import ANYONE, check
from chimera.kernel.http.problem import as_refusal
from chimera.kernel.http.sockets import principal_of_scope
from chimera.kernel.http.watching import no_longer
from chimera.kernel.stream.follow import Following
from swarm.models import SwarmSession

log = structlog.get_logger()
COME_BACK = 4408  # reconnect with your cursor: the connection has lived, or was sent, as much as one may
TOO_BIG = 4413
BROKEN = 4500  # a server may send none of the codes from 1001 to 2999 itself


class SessionConsumer(AsyncWebsocketConsumer):
    """`ws/sessions/{id}/?after=`. A refusal closes with 4000 + its HTTP status: 4401, 4403, 4404, 4413, 4422, 4500, 4503.

    A frame above FRAME_BYTES_MAX closes with 1009 before it comes here, where the server is daphne (kernel.http.wire).
    """

    _sending: "asyncio.Task[None] | None" = None
    _asking: "asyncio.Task[None] | None" = None

    async def connect(self) -> None:
        await self.accept()  # a handshake that is refused shows the client no code
        try:
            following = await in_thread(_open, self.scope)
        except Exception as exc:
            await self._refuse(exc)
            return
        self._sending = asyncio.create_task(self._send_frames(following), name="session-socket")
        self._asking = asyncio.create_task(self._ask_again(following), name="session-socket-asks")

    async def disconnect(self, code: int) -> None:
        for task in (self._sending, self._asking):
            if task:
                task.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Viewers have nothing to say; what they say all the same is dropped, and bounded."""
        said = (text_data or "").encode(errors="surrogatepass") or bytes_data or b""
        if len(said) > settings.FRAME_BYTES_MAX:
            if self._sending:
                self._sending.cancel()
            await self.close(TOO_BIG, reason="This frame is too large; viewers need not say anything.")

    async def _send_frames(self, following: Following) -> None:
        try:
            async with aclosing(following.frames()) as frames:
                async for frame in frames:
                    await self.send(text_data=frame.body)
            await self.close(COME_BACK)
        except Exception as exc:
            await self._refuse(exc)

    async def _ask_again(self, following: Following) -> None:
        refusal = None
        while refusal is None:
            await asyncio.sleep(settings.VIEWER_ASKED_AGAIN_SECONDS)
            refusal = await no_longer(self.scope, tenant_id=following.tenant_id)
        if self._sending:
            self._sending.cancel()
        await self._refuse(refusal)

    async def _refuse(self, exc: Exception) -> None:
        refusal = as_refusal(exc)
        if refusal is None:
            log.exception("socket_broke", exc_info=exc)
        await self.close(4000 + refusal.status if refusal else BROKEN, reason=refusal.detail[:100] if refusal else None)


class Nowhere(AsyncWebsocketConsumer):
    """Every other address: there is no such socket."""

    async def connect(self) -> None:
        await self.accept()
        await self.close(4404)


def _open(scope: dict[str, Any]) -> Following:
    """Who asks, from where on, and whether the session is one of theirs."""
    principal = principal_of_scope(scope)
    check(principal, ANYONE)  # as at the doors that read: a member without any role sees nothing
    after = _after(scope)
    session_id = scope["url_route"]["kwargs"]["session_id"]
    with tenancy.bound(principal.tenant_id):
        SwarmSession.objects.get_or_refuse(session_id)
        eventlog.check_not_ahead(after)
    return Following(tenant_id=principal.tenant_id, session_id=session_id, after=after)


def _after(scope: dict[str, Any]) -> Position:
    try:
        asked = parse_qs(scope["query_string"].decode("ascii"), max_num_fields=20).get("after", [""])[-1]
    except ValueError:
        raise Refused("The query cannot be read.", code="malformed_query") from None
    return Position.parse(asked) if asked else START
