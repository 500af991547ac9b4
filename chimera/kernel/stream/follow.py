"""Following a session: history from PostgreSQL, then the stream, one cursor, nothing missing and nothing twice.

Subscribed first, then history, then what the subscription gathered meanwhile. Each entry names the event before it;
where that is ahead of the viewer, or entries may have been lost, PostgreSQL is read again from the viewer's cursor.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError

from chimera.kernel import clock
from chimera.kernel.bridge import in_thread
from chimera.kernel.eventlog import Position
from chimera.kernel.stream import history
from chimera.kernel.stream.entries import Frame
from chimera.kernel.stream.hub import Hub, hub
from chimera.kernel.stream.viewer import Viewer

log = structlog.get_logger()
PING_SECONDS = 20.0  # proxies cut connections that are silent for a minute
FOLLOW_SECONDS_MAX = 3600.0  # then the viewer comes back with its cursor, and shows again who it is
HISTORY_EVENTS_MAX = 50_000  # of one connection: servers buffer what a slow reader has not taken yet
DATABASE_AWAY_SECONDS = 0.5


class Following:
    """One viewer of one session; `frames` is its life. Whoever makes it checked that the session is the tenant's."""

    def __init__(self, *, tenant_id: UUID, session_id: UUID, after: Position) -> None:
        self.tenant_id, self.session_id, self.stand = tenant_id, session_id, after
        self._is_live, self._from_history = False, 0
        self._said = time.monotonic()

    async def frames(self) -> AsyncGenerator[Frame]:
        """gap?, event…, live, then event and ping. Close it (aclosing) to leave the hub.

        Ends after FOLLOW_SECONDS_MAX or HISTORY_EVENTS_MAX: come back with the cursor.
        """
        ends, shared = time.monotonic() + FOLLOW_SECONDS_MAX, hub()
        viewer = shared.join(self.session_id)
        try:
            while time.monotonic() < ends and self._from_history < HISTORY_EVENTS_MAX:
                async for frame in self._turn(shared, viewer, ends):
                    self._said = time.monotonic()
                    yield frame
        finally:
            shared.leave(viewer)

    async def _turn(self, shared: Hub, viewer: Viewer, ends: float) -> AsyncIterator[Frame]:
        """Be subscribed, catch up from PostgreSQL, then go along with the stream for as long as it lasts."""
        fed = await shared.attach(viewer)
        try:
            if not self._is_live:
                async for frame in self._gap():
                    yield frame
            async for frame in self._history():
                yield frame
        except (OperationalError, InterfaceError) as error:
            log.warning("live_history_away", error=str(error))
            await asyncio.sleep(DATABASE_AWAY_SECONDS)
            return
        if self._from_history >= HISTORY_EVENTS_MAX:
            return
        if not self._is_live:
            self._is_live = True
            yield Frame.told("live", position=str(self.stand))
        while fed and not viewer.reread and time.monotonic() < ends:
            entry = await viewer.next(self._silence_left())
            if entry is None:
                if self._silence_left() <= 0:
                    yield _ping()
            elif entry.position > self.stand:
                if entry.prev > self.stand:
                    return
                self.stand = entry.position
                yield entry.frame
        if self._silence_left() <= 0:
            yield _ping()

    async def _history(self) -> AsyncIterator[Frame]:
        while self._from_history < HISTORY_EVENTS_MAX:
            page = await in_thread(history.page, self.tenant_id, self.session_id, self.stand)
            self._from_history += len(page)
            for event in page:
                self.stand = event.position
                yield Frame.of_event(event)
            if len(page) < history.PAGE:
                return

    async def _gap(self) -> AsyncIterator[Frame]:
        found = await in_thread(history.gap, self.tenant_id, self.session_id, self.stand)
        if found:
            yield Frame.told("gap", **{"from": str(found.after), "to": str(found.oldest) if found.oldest else None})

    def _silence_left(self) -> float:
        return max(0.0, self._said + PING_SECONDS - time.monotonic())


def _ping() -> Frame:
    return Frame.told("ping", at=clock.now().isoformat())
