"""What is to be said over the socket, gathered into frames. No I/O, so that its limits can be tested as they are."""

from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from chimera_sdk.encoding import encoded
from chimera_sdk.errors import Json
from chimera_sdk.work import Work

ROOM = 60  # bytes around an item: its kind, its ref, a comma


class Beat(NamedTuple):
    """The works that a heartbeat is about, by task; and what it says of their costs."""

    works: dict[str, Work]
    costs: dict[str, Decimal]


About = Work | Beat | None
"""Whom the answer concerns; None: nobody."""


class Item(NamedTuple):
    kind: str
    text: str | None  # a JSON object; None for progress: what the work has to note at the moment of sending
    about: About


class Outbox:
    """`waiting` holds, by ref, what was sent and is not answered: never more than `unanswered_max`."""

    def __init__(self) -> None:
        self.frame_bytes_max, self.unanswered_max = 262_144, 256
        self.waiting: dict[int, Item] = {}
        self._queue: deque[Item] = deque()
        self._ref = 0

    def __bool__(self) -> bool:
        """Whether `frame` has something to say now."""
        return bool(self._queue) and len(self.waiting) < self.unanswered_max

    def forget(self) -> None:
        """A new connection: nothing of the last one will be answered."""
        self.waiting.clear()
        self._queue.clear()

    def fits(self, text: str) -> bool:
        return len(text) + ROOM <= self.frame_bytes_max  # JSON as we write it is ASCII: a character is a byte

    def put(self, kind: str, fields: Json) -> None:
        self._queue.append(Item(kind, encoded(fields), None))

    def result(self, work: Work) -> None:
        """`work.said`, which has a task and a lease."""
        self._queue.append(Item("result", work.said, work))

    def note(self, work: Work, note: Json) -> None:
        if work.note is None:
            self._queue.append(Item("progress", None, work))
        work.note = note

    def beat(self, works: Sequence[Work]) -> None:
        about = Beat({work.task.id: work for work in works}, {})
        leases: list[Json] = []
        for work in works:
            leases.append({"task": work.task.id, "lease_token": work.token})
            if (cost := work.meter.tell()) is not None:
                about.costs[work.task.id] = cost
                leases[-1] |= work.meter.fields(cost)
        self._queue.append(Item("heartbeat", encoded({"leases": leases}), about))

    def frame(self) -> str:
        """As much as one frame holds and may be unanswered; one object, or a list."""
        said: list[str] = []
        size = 0
        while self:
            item = self._queue[0]
            text = item.text or _progress(item.about)
            size += len(text) + ROOM
            if said and size > self.frame_bytes_max:
                break
            self._queue.popleft()
            if isinstance(item.about, Work) and item.kind == "progress":
                item.about.note = None
            self._ref += 1
            self.waiting[self._ref] = item
            said.append(f'{{"kind":"{item.kind}","ref":{self._ref},{text[1:]}')
        return said[0] if len(said) == 1 else f"[{','.join(said)}]"


def _progress(about: About) -> str:
    assert isinstance(about, Work)
    return encoded({"task": about.task.id, "lease_token": about.token} | (about.note or {}))
