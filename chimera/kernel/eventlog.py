"""The event log: outbox, durable session history and feed of every reaction, in one table (docs/architecture.md).

A row's position is (xid, seq): the transaction's id, raised by xid_base, and an identity. A reader takes rows after its
cursor whose transaction is older than every transaction still running, so one that commits late is never skipped.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from json.encoder import encode_basestring
from typing import Any, ClassVar, Self
from uuid import UUID

from django.db import connection, models
from pydantic import BaseModel, ConfigDict

from chimera.kernel import clock, ids, tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.errors import invalid
from chimera.kernel.http.trace import current_trace
from chimera.kernel.prepared import Asked


class Fact(BaseModel):
    """A frozen, versioned fact in the past tense. Subclasses set `type` ("swarm.task.completed") and add plain data."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    registry: ClassVar[dict[str, type["Fact"]]] = {}  # before `type`, which hides the built-in one from here on
    type: ClassVar[str] = ""
    revision: ClassVar[int] = 1

    aggregate_id: UUID
    aggregate_version: int
    session_id: UUID | None = None
    task_id: UUID | None = None

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        if cls.type:
            name = cls.full_type()
            if name in Fact.registry:
                raise TypeError(f"{name} is declared twice")
            Fact.registry[name] = cls

    @classmethod
    def full_type(cls) -> str:
        return f"{cls.type}.v{cls.revision}"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where a reader stands: it has everything up to and including this."""

    xid: int
    seq: int

    def __str__(self) -> str:
        return f"{self.xid}-{self.seq}"

    @classmethod
    def parse(cls, text: str) -> Self:
        xid, dash, seq = text.partition("-")
        if not (dash and xid.isascii() and xid.isdigit() and seq.isascii() and seq.isdigit() and len(text) <= 39):
            raise invalid(
                "`after` must be a position such as 1042-7; leave it out to begin at the start.",
                field_name="after",
                code="invalid_cursor",
            )
        found = cls(int(xid), int(seq))
        if max(found.xid, found.seq) >= 2**63:
            raise invalid("`after` is no position of this log.", field_name="after", code="invalid_cursor")
        return found


START = Position(0, 0)


@dataclass(frozen=True)
class Recorded:
    """A fact as the log holds it. Its payload is parsed for those alone who look into it; most readers only hand it on."""

    position: Position
    tenant_id: UUID
    session_id: UUID | None
    task_id: UUID | None
    type: str
    at: datetime
    actor: str
    trace_id: str
    payload_text: str  # a JSON object

    @cached_property
    def payload(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.payload_text)
        return found

    def fact(self) -> Fact:
        return Fact.registry[self.type].model_validate(self.payload)

    def shape(self) -> dict[str, Any]:
        """The event as the API, the stream and the socket show it (/api/docs/)."""
        return {
            "position": str(self.position),
            "type": self.type,
            "at": self.at.isoformat(),
            "actor": self.actor,
            "trace_id": self.trace_id,
            "session": str(self.session_id) if self.session_id else None,
            "task": str(self.task_id) if self.task_id else None,
            "payload": self.payload,
        }

    def text(self) -> str:
        """The JSON of `shape`."""
        return (
            f'{{"position":"{self.position}","type":{encode_basestring(self.type)},"at":"{self.at.isoformat()}",'
            f'"actor":{encode_basestring(self.actor)},"trace_id":{encode_basestring(self.trace_id)},'
            f'"session":{_id_text(self.session_id)},"task":{_id_text(self.task_id)},"payload":{self.payload_text}}}'
        )


def _id_text(id: UUID | None) -> str:
    return f'"{id}"' if id else "null"


class Event(models.Model):
    """One fact. Append-only; partitioned by month of its id; the position is set by the database."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    tenant_id = models.UUIDField()
    session_id = models.UUIDField(null=True)
    task_id = models.UUIDField(null=True)
    aggregate_id = models.UUIDField()
    aggregate_version = models.PositiveIntegerField()
    type = models.CharField(max_length=80)
    payload = models.JSONField()
    actor = models.CharField(max_length=120)
    trace_id = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField()
    xid = models.BigIntegerField(db_default=models.Func(function="chimera_xid", output_field=models.BigIntegerField()))
    seq = models.BigIntegerField(
        db_default=models.Func(
            models.Value("kernel_event_seq"), function="nextval", output_field=models.BigIntegerField()
        )
    )

    class Meta:
        db_table = "kernel_event"
        indexes = [
            models.Index(fields=["xid", "seq"], name="event_position"),
            models.Index(
                fields=["session_id", "xid", "seq"], name="event_session", condition=models.Q(session_id__isnull=False)
            ),
            models.Index(fields=["aggregate_id", "xid", "seq"], name="event_aggregate"),
        ]

    def __str__(self) -> str:
        return f"{self.type} at {self.xid}-{self.seq}"


# The columns of a fact, for a statement that tells what it does itself.
TOLD = "id, tenant_id, session_id, task_id, aggregate_id, aggregate_version, type, payload, actor, trace_id, at"


def tell(*facts: Fact, by: Actor) -> None:
    """Append facts in the present transaction, for the bound tenant. They become visible with its commit."""
    tell_all([(fact, by) for fact in facts])


def tell_all(facts: Sequence[tuple[Fact, Actor]]) -> None:
    """The same for facts that are several actors' doing, in one statement."""
    if facts:
        tenant = tenancy.current()
        _append([(tenant, fact, by) for fact, by in facts])


def tell_tenants(tenant_ids: Iterable[UUID], fact: Fact, *, by: Actor) -> None:
    """The same fact into the logs of these tenants, in the present transaction, which is one across tenants."""
    if told := [(tenant_id, fact, by) for tenant_id in tenant_ids]:
        _append(told)


def _append(told: Sequence[tuple[UUID, Fact, Actor]]) -> None:
    at, trace = clock.now(), current_trace()
    rows = [
        (
            ids.uuid7(),
            tenant,
            fact.session_id,
            fact.task_id,
            fact.aggregate_id,
            fact.aggregate_version,
            fact.full_type(),
            fact.model_dump_json(),
            str(by),
            trace,
            at,
        )
        for tenant, fact, by in told
    ]
    row = f"({', '.join(['%s'] * len(rows[0]))})"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO kernel_event ({TOLD}) VALUES {', '.join([row] * len(rows))}",
            [value for values in rows for value in values],
        )


# As one JSON array: psycopg would look through each payload for what an array's text must escape.
_TELL = f"""
    INSERT INTO kernel_event ({TOLD})
    SELECT id, %(tenant)s::uuid, session_id, task_id, aggregate_id, aggregate_version, type, payload, actor, trace,
           %(at)s::timestamptz
    FROM jsonb_to_recordset(%(facts)s::jsonb) AS told (
        id uuid, session_id uuid, task_id uuid, aggregate_id uuid, aggregate_version int, type text, payload jsonb, actor text,
        trace text
    )
"""


def telling(facts: Sequence[tuple[Fact, Actor, str]]) -> Asked:
    """The statement of `tell_all`, each fact with the trace of whoever asked for it; "": the present one."""
    trace = current_trace()
    said = ",".join(_said(fact, by, own or trace) for fact, by, own in facts)
    return _TELL, {"tenant": tenancy.current(), "at": clock.now(), "facts": f"[{said}]"}


def _said(fact: Fact, by: Actor, trace: str) -> str:
    return (
        f'{{"id":"{ids.uuid7()}","session_id":{_id_text(fact.session_id)},"task_id":{_id_text(fact.task_id)},'
        f'"aggregate_id":"{fact.aggregate_id}","aggregate_version":{fact.aggregate_version},"type":"{fact.full_type()}",'
        f'"payload":{fact.model_dump_json()},"actor":{encode_basestring(str(by))},"trace":"{trace}"}}'
    )


COLUMNS = "xid, seq, tenant_id, session_id, task_id, type, at, actor, trace_id, payload::text AS payload_text"
_BASE = "(SELECT base FROM kernel_xidbase)"
SETTLED_BELOW = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"  # plus the base
_SETTLED = f"xid < {_BASE} + {SETTLED_BELOW}"


def read(after: Position, *, limit: int, session_id: UUID | None = None) -> list[Recorded]:
    """Settled facts after a position, in order of position; what row-level security lets this transaction see."""
    where = "AND session_id = %s" if session_id else ""
    params: list[Any] = [after.xid, after.seq, *([session_id] if session_id else []), limit]
    sql = f"SELECT {COLUMNS} FROM kernel_event WHERE (xid, seq) > (%s, %s) AND {_SETTLED} {where} ORDER BY xid, seq LIMIT %s"
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [recorded(row) for row in cursor.fetchall()]


def last_settled() -> Position:
    """The position of the newest settled fact that this transaction may see; START for an empty log."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT xid, seq FROM kernel_event WHERE {_SETTLED} ORDER BY xid DESC, seq DESC LIMIT 1")
        row = cursor.fetchone()
    return Position(*row) if row else START


def check_not_ahead(after: Position) -> None:
    """Refuse a cursor that no transaction of this log has reached: its reader would miss everything until then.

    Compared with transactions, not with facts: what was handed out has ended, so it lies below every later snapshot's
    xmax, however far behind the settled facts are held.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_BASE} + pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
        (unused,) = cursor.fetchone()
    if after.xid >= unused:
        raise invalid(
            "This position lies ahead of the log; begin again without it.", field_name="after", code="invalid_cursor"
        )


def recorded(row: Sequence[Any]) -> Recorded:
    """From a row of COLUMNS."""
    return Recorded(Position(row[0], row[1]), *row[2:])


POSITION_SQL = """
CREATE TABLE kernel_xidbase (one boolean PRIMARY KEY DEFAULT true CHECK (one), base bigint NOT NULL CHECK (base >= 0));
INSERT INTO kernel_xidbase (base) VALUES (0);
CREATE SEQUENCE kernel_event_seq AS bigint;
CREATE FUNCTION chimera_xid() RETURNS bigint LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT base + pg_current_xact_id()::text::bigint FROM kernel_xidbase
$$;
"""
POSITION_REVERSE_SQL = "DROP FUNCTION chimera_xid(); DROP SEQUENCE kernel_event_seq; DROP TABLE kernel_xidbase;"
