"""What daphne leaves unbounded or unsaid about WebSockets: how much waits to be read, who does not read, and the farewell.

Other servers have this of their own; `install` changes nothing for them. Under daphne a client that sends faster than it is
answered finds its connection slow (TCP's own back-pressure) instead of our memory large.
"""

import time
from typing import Any, Final

import structlog
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from django.conf import settings
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred

from chimera.kernel.http import going

log = structlog.get_logger()
reactor: Any = _reactor

WAITING_MAX = 16  # frames that a consumer has not taken yet; then nothing more is read from this connection
LOOK_SECONDS = 0.02
DEAF_SECONDS = 30.0  # a client that does not read what it is sent for so long is dropped
FAREWELL_SECONDS = 0.3  # for the close frames to leave
GOING_AWAY: Final = 1001
_open: "set[Socket]" = set()


class Socket(WebSocketProtocol):
    """Daphne's, with bounds. A message above FRAME_BYTES_MAX is answered 1009 before it is read to its end."""

    maxFramePayloadSize = settings.FRAME_BYTES_MAX  # noqa: N815
    maxMessagePayloadSize = settings.FRAME_BYTES_MAX  # noqa: N815
    failByDrop = False  # noqa: N815  (with a close frame that says why)
    _held = False  # nothing is read
    _deaf_since: float | None = None  # what we send does not get away

    def onOpen(self) -> None:  # noqa: N802
        super().onOpen()
        _open.add(self)
        self.transport.unregisterProducer()  # the HTTP channel's, which has nothing to say any more
        self.transport.registerProducer(_Sending(self), True)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N802, N803
        super().onMessage(payload, isBinary)
        self.look()

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:  # noqa: N802, N803
        _open.discard(self)
        super().onClose(wasClean, code, reason)

    def handle_reply(self, message: dict[str, Any]) -> None:
        """Any close code, and its reason: daphne's own way sends neither 1001 to 2999 nor reasons."""
        if message.get("type") == "websocket.close" and self.state != self.STATE_CONNECTING:
            self.say_goodbye(message.get("code") or 1000, message.get("reason") or "")
        else:
            super().handle_reply(message)

    def serverSend(self, content: Any, binary: bool = False) -> None:  # noqa: N802
        """The bounds are those of what we read."""
        self.maxMessagePayloadSize = 0
        try:
            super().serverSend(content, binary)
        finally:
            del self.maxMessagePayloadSize

    def say_goodbye(self, code: int, reason: str) -> None:
        told = reason.encode()[:123].decode(errors="ignore").encode()  # all that a close frame holds
        self.sendCloseFrame(code=code, reasonUtf8=told, isReply=False)

    # -------------------------------------------------------------- how much is read

    def look(self) -> None:
        """Read on only while the consumer keeps up, and the client reads what it is answered."""
        full = self._deaf_since is not None or self.application_queue.qsize() > WAITING_MAX
        if full and not self._held:
            self._held = True
            self.transport.pauseProducing()
            reactor.callLater(LOOK_SECONDS, self._look_again)
        elif not full and self._held:
            self._held = False
            self.transport.resumeProducing()

    def _look_again(self) -> None:
        if self.state == self.STATE_CLOSED:
            return
        if self._deaf_since is not None and time.monotonic() - self._deaf_since > DEAF_SECONDS:
            log.warning("socket_dropped", why="its client does not read", client=self.client_addr)
            self.dropConnection(abort=True)
            return
        self.look()
        if self._held:
            reactor.callLater(LOOK_SECONDS, self._look_again)

    def deaf(self, is_deaf: bool) -> None:
        self._deaf_since = time.monotonic() if is_deaf else None
        self.look()


class _Sending:
    """Hears from the transport whether its buffer is full (above 64 KiB) or has emptied (IPushProducer)."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket

    def pauseProducing(self) -> None:  # noqa: N802
        self._socket.deaf(True)

    def resumeProducing(self) -> None:  # noqa: N802
        self._socket.deaf(False)

    def stopProducing(self) -> None:  # noqa: N802
        """The connection is lost; `onClose` hears of it."""


def install() -> None:
    """Once per process, before daphne serves."""
    WebSocketFactory.protocol = Socket
    reactor.addSystemEventTrigger("before", "shutdown", _farewell)


def _farewell() -> "Deferred[None] | None":
    """SIGTERM: everybody is told to connect again, which leads to another process, or to this one's successor."""
    going.leave()
    if not _open:
        return None
    for socket in list(_open):
        socket.say_goodbye(GOING_AWAY, "This server is going away; connect again.")
    gone: Deferred[None] = Deferred()
    reactor.callLater(FAREWELL_SECONDS, gone.callback, None)
    return gone
