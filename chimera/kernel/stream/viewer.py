"""One viewer's place in a hub: a bounded queue that is thrown away rather than waited for."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from chimera.kernel.stream.entries import Entry

QUEUE_MAX = 1_000  # entries one viewer may lag behind the stream; beyond, it is sent back to PostgreSQL


class Viewer:
    """Fed by the hub, drained by whoever shows the frames. `reread` says that entries were thrown away."""

    def __init__(self, session_id: UUID) -> None:
        self.session_id = session_id
        self.reread = False
        self._entries: deque[Entry] = deque()
        self._ready = asyncio.Event()

    def offer(self, entries: Sequence[Entry]) -> None:
        """Never waits: a slow viewer holds up nobody else."""
        if self.reread:
            return
        if len(self._entries) + len(entries) > QUEUE_MAX:
            self.lose()
            return
        self._entries.extend(entries)
        self._ready.set()

    def lose(self) -> None:
        """Entries were or may have been lost; PostgreSQL has them."""
        self._entries.clear()
        self.reread = True
        self._ready.set()

    def begin(self) -> None:
        """Queue again from now on; what came before is about to be read from PostgreSQL."""
        self.reread = False

    async def next(self, seconds: float) -> Entry | None:
        """The next entry; None after `seconds` without one, or when it is time to reread."""
        if not self._entries and not self.reread:
            self._ready.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._ready.wait()
        return self._entries.popleft() if self._entries else None
