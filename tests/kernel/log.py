"""Facts of the tests' own, writers on connections of their own, and lanes whose reactions the test gives."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, ClassVar, Self
from uuid import UUID, uuid4

import psycopg
from django.conf import settings

from chimera.kernel import eventlog, ids, relay, tenancy
from chimera.kernel.actors import SYSTEM
from chimera.kernel.eventlog import START, Fact, Position, Recorded, tell
from chimera.kernel.loop import Stop
from chimera.kernel.relay import reactions
from chimera.kernel.relay.pace import Pace
from chimera.kernel.relay.run import Relay

TENANT = UUID("01900000-0000-7000-8000-0000000000aa")


class Noted(Fact):
    type: ClassVar[str] = "tests.noted"
    text: str = ""


class Shouted(Fact):
    type: ClassVar[str] = "tests.shouted"
    text: str = ""


def noted(text: str = "", *, session: UUID | None = None, version: int = 1, fact: type[Any] = Noted) -> Any:
    aggregate = session or uuid4()
    return fact(aggregate_id=aggregate, aggregate_version=version, session_id=session, text=text)


def note(*texts: str, session: UUID | None = None, tenant: UUID = TENANT, fact: type[Any] = Noted) -> None:
    """One transaction with a fact per text."""
    with tenancy.bound(tenant):
        tell(*(noted(text, session=session, version=n, fact=fact) for n, text in enumerate(texts, 1)), by=SYSTEM)


def log(after: Position = START, limit: int = 10_000) -> list[Recorded]:
    with tenancy.system():
        return eventlog.read(after, limit=limit)


def texts(events: list[Recorded]) -> list[str]:
    return [event.payload["text"] for event in events]


class Writer:
    """A writer on a connection of its own, whose commit the test decides."""

    def __init__(self, **options: str) -> None:
        database = settings.DATABASES["default"]
        self.connection = psycopg.connect(
            host=database["HOST"],
            port=database["PORT"],
            user=database["USER"],
            password=database["PASSWORD"],
            dbname=database["NAME"],
            **options,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()

    @property
    def pid(self) -> int:
        return self.connection.info.backend_pid

    def note(self, text: str, *, session: UUID | None = None) -> Self:
        self.connection.execute("SELECT set_config('chimera.tenant', %s, true)", [str(TENANT)])
        self.connection.execute(
            "INSERT INTO kernel_event (id, tenant_id, session_id, aggregate_id, aggregate_version, type, payload, actor, trace_id, at)"
            " VALUES (%s, %s, %s, %s, 1, 'tests.noted.v1', jsonb_build_object('text', %s::text), 'system:test', '', now())",
            [ids.uuid7(), TENANT, session, session or uuid4(), text],
        )
        return self

    def commit(self) -> None:
        self.connection.commit()

    def rollback(self) -> None:
        self.connection.rollback()


@contextmanager
def registered(table: dict[type[Fact], list[relay.Reaction]], **more: Any) -> Iterator[None]:
    """These reactions instead of the application's."""
    before = reactions._registry
    relay.register(table, **more)
    try:
        yield
    finally:
        reactions._registry = before


@contextmanager
def running(*lanes: str) -> Iterator[Relay]:
    made = Relay(lanes, stop=Stop())
    made.start()
    try:
        yield made
    finally:
        made.finish()


def drain(lane: Any, turns_max: int = 1_000) -> None:
    """Step until the lane says that there is nothing more."""
    for _ in range(turns_max):
        if lane.step() not in (Pace.MORE, Pace.DONE, Pace.TOLD):
            return
    raise AssertionError("the lane never came to rest")
