"""One reader of Redis per process: it reads the streams of all sessions that somebody watches, for all who watch them.

Redis may lose entries at any time. The relay certifies a rebuilt Redis with a new `chimera:epoch`; whenever that is
absent or another than before, and whenever the connection broke, every viewer is sent back to PostgreSQL.
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import structlog
from prometheus_client import Counter, Gauge

from chimera.kernel import redis
from chimera.kernel.errors import busy
from chimera.kernel.stream.entries import Entry
from chimera.kernel.stream.viewer import Viewer

log = structlog.get_logger()
VIEWERS_MAX = 5_000  # of one process: each costs a socket and up to a megabyte of queue
BLOCK_MS = 200  # one XREAD waits so long; a session that is newly watched joins the next one
READ_COUNT = 200  # entries per stream and XREAD
EPOCH_SECONDS = 1.0  # how long a rebuilt Redis may go unnoticed
RECONNECT_SECONDS = 0.5
POLL_SECONDS = 0.5  # how long a viewer waits for the streams before it looks into PostgreSQL by itself
ANSWER_SECONDS = 3.0  # an XREAD that blocks longer than this over its time has a dead server behind it

READS = Counter("chimera_live_stream_reads_total", "XREADs by this process, each for all viewers")
VIEWERS = Gauge("chimera_live_viewers", "Viewers of sessions in this process")


@dataclass(slots=True)
class Tail:
    """A stream that is read: everything up to `cursor` has been offered to its viewers."""

    cursor: str
    viewers: set[Viewer] = field(default_factory=set)


class Hub:
    def __init__(self) -> None:
        self._client: redis.AsyncClient | None = None
        self._reader: asyncio.Task[None] | None = None
        self._viewers: set[Viewer] = set()
        self._tails: dict[UUID, Tail] = {}
        self._certified = asyncio.Event()
        self._epoch = ""
        self._looked = 0.0
        self._attaching = asyncio.Lock()

    def join(self, session_id: UUID) -> Viewer:
        """A new viewer, not yet fed; raises 503 when this process has enough."""
        self.check_room()
        viewer = Viewer(session_id)
        self._viewers.add(viewer)
        VIEWERS.inc()
        return viewer

    def check_room(self) -> None:
        """Raises 503 when this process has enough viewers."""
        if len(self._viewers) >= VIEWERS_MAX:
            raise busy("Too many live viewers here; come back in a moment, with your cursor.", retry_seconds=5)

    def leave(self, viewer: Viewer) -> None:
        """The last one out ends the reader."""
        if viewer in self._viewers:
            self._viewers.remove(viewer)
            VIEWERS.dec()
        self._detach(viewer)
        if not self._viewers and self._reader:
            self._reader.cancel()
            self._reader = None

    async def attach(self, viewer: Viewer) -> bool:
        """Feed this viewer with everything that follows what PostgreSQL shows from now on.

        False after POLL_SECONDS in which the streams could not be had: read PostgreSQL, and ask again.
        """
        viewer.begin()
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._run(), name="stream-hub")
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._certified.wait()
        except TimeoutError:
            return False
        async with self._attaching:
            tail = self._tails.get(viewer.session_id) or await self._tail(viewer.session_id)
        if tail is None or viewer not in self._viewers:
            await asyncio.sleep(POLL_SECONDS)
            return False
        tail.viewers.add(viewer)
        return True

    def _detach(self, viewer: Viewer) -> None:
        tail = self._tails.get(viewer.session_id)
        if tail:
            tail.viewers.discard(viewer)
            if not tail.viewers:
                del self._tails[viewer.session_id]

    async def _tail(self, session_id: UUID) -> Tail | None:
        """Begin to read a stream at its end: what is in it by now is settled, and thus to be read from PostgreSQL."""
        epoch, client = self._epoch, self._client
        if not epoch or client is None:
            return None
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                newest = await client.xrevrange(redis.stream(session_id), count=1)
        except redis.FAULTS:
            return None  # the reader meets the same fault, and tells everybody
        if self._epoch != epoch:
            return None
        tail = self._tails[session_id] = Tail(cursor=str(newest[0][0]) if newest else "0-0")
        return tail

    async def _run(self) -> None:
        while True:
            client = redis.async_client()
            try:
                await self._serve(client)
            except redis.FAULTS as error:
                log.warning("streams_away", error=str(error))
            finally:
                self._lose()
                await client.aclose()
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _serve(self, client: redis.AsyncClient) -> None:
        self._client = client
        while True:
            await self._certify(client)
            await self._read(client)
            redis.heed_cancel()

    async def _certify(self, client: redis.AsyncClient) -> None:
        if self._epoch and time.monotonic() - self._looked < EPOCH_SECONDS:
            return
        async with asyncio.timeout(ANSWER_SECONDS):
            epoch = str(await client.get(redis.EPOCH) or "")
        self._looked = time.monotonic()
        if epoch != self._epoch:
            self._lose()
            self._epoch = epoch
        if epoch:
            self._certified.set()

    async def _read(self, client: redis.AsyncClient) -> None:
        cursors = {redis.stream(session): tail.cursor for session, tail in self._tails.items()}
        if not cursors:
            await asyncio.sleep(BLOCK_MS / 1000)
            return
        READS.inc()
        async with asyncio.timeout(BLOCK_MS / 1000 + ANSWER_SECONDS):
            found: Any = await client.xread(cursors, count=READ_COUNT, block=BLOCK_MS)  # type: ignore[arg-type]
        by_key = dict(found)
        for session, tail in list(self._tails.items()):
            if raw := by_key.get(redis.stream(session)):
                self._offer(tail, cursors[redis.stream(session)], raw)

    def _offer(self, tail: Tail, read_from: str, raw: list[tuple[str, dict[str, str]]]) -> None:
        if tail.cursor != read_from:
            return  # left and watched again while we read: the next XREAD has what it needs
        tail.cursor = raw[-1][0]
        entries = [Entry.of(stream_id, fields) for stream_id, fields in raw]
        for viewer in tail.viewers:
            viewer.offer(entries)

    def _lose(self) -> None:
        """Whoever was fed reads PostgreSQL again; who is not fed yet is about to read it anyway."""
        self._epoch = ""
        self._certified.clear()
        for tail in self._tails.values():
            for viewer in tail.viewers:
                viewer.lose()
        self._tails.clear()


_by_loop: "WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]" = WeakKeyDictionary()


def hub() -> Hub:
    """The hub of the running loop."""
    return _by_loop.setdefault(asyncio.get_running_loop(), Hub())
