"""Prepared statements in one round trip: values, transactions and faults are as psycopg's cursors have them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import DataError, OperationalError, connection, transaction
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from chimera.kernel import pipelining, prepared
from chimera.kernel.pipelining import run
from tests import cluster

ONE = "SELECT %(said)s::int"
VALUES: dict[str, Any] = {
    "a": UUID(int=7),
    "b": [UUID(int=1), UUID(int=2)],
    "c": "naïve % \U0001f6a2",
    "d": ["x", 'y"', None, ""],
    "e": b"\x00\xff",
    "f": [b"\x00", b""],
    "g": 2**40,
    "h": [1, 70_000],
    "i": True,
    "j": datetime(2026, 3, 1, 8, 0, 0, 123, tzinfo=UTC),
    "k": timedelta(seconds=60),
    "l": Decimal("0.000001"),
    "m": None,
    "n": [],
}
TYPES = {
    "a": "uuid", "b": "uuid[]", "c": "text", "d": "text[]", "e": "bytea", "f": "bytea[]", "g": "bigint", "h": "int[]",
    "i": "boolean", "j": "timestamptz", "k": "interval", "l": "numeric", "m": "uuid", "n": "uuid[]",
}  # fmt: skip
ALL = f"SELECT {', '.join(f'%({name})s::{kind}' for name, kind in TYPES.items())}, '5 %%', %(a)s::uuid"


@pytest.fixture
def made(db: None) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(cluster.postgres.urls.app) as found:
        yield found


def test_values_go_and_come_as_with_a_cursor(made: psycopg.Connection[Any]) -> None:
    (rows,) = run(made, [(ALL, VALUES)])
    assert rows == made.execute(ALL, VALUES).fetchall()
    assert rows[0][:3] == (VALUES["a"], VALUES["b"], VALUES["c"])
    assert rows[0][-2:] == ("5 %", VALUES["a"])


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/St_Johns", "Europe/Amsterdam"])
def test_moments_come_as_with_a_cursor_in_whatever_zone_the_session_is(
    made: psycopg.Connection[Any], zone: str
) -> None:
    """Before there were zones of whole hours their offsets had seconds; in Amsterdam until 1937."""
    made.execute("SELECT set_config('TimeZone', %s, false)", [zone])
    said = ["0001-02-01", "0999-12-31 23:59:59.5", "1850-06-01 12:00", "1970-01-01", "2026-03-01 08:00:00.000123"]
    said += ["2026-10-25 00:30", "2026-10-25 01:30", "9999-12-30 23:59:59.999999"]
    asked = (
        "SELECT m, ARRAY[m, NULL] FROM unnest(%(said)s::timestamp[]) s(t), LATERAL (SELECT t AT TIME ZONE 'UTC') l(m)"
    )
    (ours,) = run(made, [(asked, {"said": said})])
    theirs = made.execute(asked, {"said": said}).fetchall()
    for text, *rows in zip(said, ours, theirs, strict=True):
        moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
        assert [[one.astimezone(UTC), [many[0].astimezone(UTC), many[1]]] for one, many in rows] == [
            [moment, [moment, None]]
        ] * 2


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "0044-03-15 12:00+00 BC", "10000-01-01", "294201-12-31"])
def test_a_moment_that_python_has_not_is_refused_as_with_a_cursor(made: psycopg.Connection[Any], moment: str) -> None:
    asked = ("SELECT %(said)s::text::timestamptz", {"said": moment})
    with pytest.raises(psycopg.DataError) as ours:
        run(made, [asked])
    with pytest.raises(psycopg.DataError) as theirs:
        made.execute(*asked).fetchall()
    assert str(ours.value) == str(theirs.value)
    assert run(made, [(ONE, {"said": 1})]) == [[(1,)]]


def test_moments_are_djangos_and_come_in_no_other_style(db: None) -> None:
    asked = "SELECT '2026-03-01 08:00:00.5+00'::timestamptz"
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute("SET LOCAL TimeZone = 'Asia/Kolkata'")
        ((ours,),) = prepared.ask(asked, {})
        assert ours == datetime(2026, 3, 1, 8, 0, 0, 500_000, tzinfo=UTC), "that moment, whatever the session's zone"
        cursor.execute("SET LOCAL DateStyle = 'German'")
        with pytest.raises(NotImplementedError, match="DateStyle"):
            prepared.ask(asked, {})
    ((ours,),) = prepared.ask(asked, {})
    with connection.cursor() as cursor:
        cursor.execute(asked)
        assert (ours, ours.tzinfo) == (theirs := cursor.fetchone()[0], theirs.tzinfo)


def test_a_statement_is_prepared_once_for_values_of_the_same_types(made: psycopg.Connection[Any]) -> None:
    for number in range(3):
        assert run(made, [(ONE, {"said": number})] * 2) == [[(number,)]] * 2
    names = made.execute("SELECT name FROM pg_prepared_statements").fetchall()
    assert len(names) == 1


def test_no_more_is_kept_than_there_is_room_for(made: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipelining, "STATEMENTS_MAX", 2)
    for number in range(4):
        assert run(made, [(f"SELECT %(said)s::int + {number}", {"said": 1})] * 2) == [[(number + 1,)]] * 2
    names = made.execute("SELECT name FROM pg_prepared_statements").fetchall()
    assert len([name for (name,) in names if name]) == 2


def test_it_begins_where_a_cursor_would_and_ends_when_it_is_told(made: psycopg.Connection[Any]) -> None:
    whose = ("SELECT pg_current_xact_id()::text::bigint", {})
    assert run(made, [whose]) == run(made, [whose])
    assert made.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
    run(made, [whose], commit=True)
    assert made.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    made.autocommit = True
    assert run(made, [whose]) != run(made, [whose])


def test_a_fault_is_raised_nothing_after_it_is_run_and_the_connection_is_of_use(made: psycopg.Connection[Any]) -> None:
    later = ("SELECT nextval('kernel_event_seq')", {})
    ((before,),), _ = run(made, [later, later])
    with pytest.raises(psycopg.errors.DivisionByZero):
        run(made, [("SELECT 1 / %(said)s::int", {"said": 0}), later], commit=True)
    made.rollback()
    assert run(made, [later]) == [[(before + 2,)]]


def test_a_statement_that_could_not_be_prepared_does_not_count_as_prepared(made: psycopg.Connection[Any]) -> None:
    broken = ("SELECT no_such_column", {})
    for _ in range(2):
        with pytest.raises(psycopg.errors.UndefinedColumn):
            run(made, [broken, (ONE, {"said": 1})])
        made.rollback()
    assert run(made, [(ONE, {"said": 2})]) == [[(2,)]]


def test_a_value_that_cannot_go_leaves_the_connection_as_it_was(made: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.ProgrammingError):
        run(made, [(ONE, {"said": object()})])
    with pytest.raises(KeyError):
        run(made, [(ONE, {})])
    assert run(made, [(ONE, {"said": 3})]) == [[(3,)]]


def test_much_goes_and_comes(made: psycopg.Connection[Any]) -> None:
    text = "x" * 2_000_000
    asked = [("SELECT %(text)s::text", {"text": text})] * 8
    assert run(made, asked) == [[(text,)]] * 8


def test_a_connection_that_is_lost_on_the_way_says_so(made: psycopg.Connection[Any]) -> None:
    killed = ("SELECT pg_terminate_backend(pg_backend_pid())", {})
    with pytest.raises(psycopg.OperationalError):
        run(made, [killed, (ONE, {"said": 1})])
    assert made.closed


# ------------------------------------------------------------------ in Django's transactions


def test_faults_are_djangos_and_break_its_transaction(db: None) -> None:
    with transaction.atomic():
        with pytest.raises(DataError), transaction.atomic():
            prepared.ask("SELECT 1 / %(said)s::int", {"said": 0})
        assert prepared.ask(ONE, {"said": 1}) == [(1,)]
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(TransactionManagementError):
            prepared.ask(ONE, {"said": 1})


def test_a_lost_connection_is_djangos_fault_too(db: None) -> None:
    with pytest.raises(OperationalError):
        prepared.ask("SELECT pg_terminate_backend(pg_backend_pid())", {})
    connection.close()
    assert prepared.ask(ONE, {"said": 1}) == [(1,)]


def test_whoever_looks_on_sees_each_statement(db: None) -> None:
    with CaptureQueriesContext(connection) as seen:
        assert prepared.ask_all([(ONE, {"said": 1}), (ALL, VALUES)]) == [
            [(1,)],
            *[[tuple(row)] for row in prepared.ask(ALL, VALUES)],
        ]
    assert len(seen) == 3


def test_what_was_prepared_before_its_table_was_changed_is_prepared_anew(db: None) -> None:
    """Once it fails, as it does with any driver; and then it is well again."""
    with psycopg.connect(cluster.postgres.urls.superuser) as made:
        asked = [("SELECT name FROM changing", {})]
        made.execute("CREATE TEMP TABLE changing (name varchar(5))")
        made.commit()
        assert pipelining.run(made, asked) == [[]]
        made.execute("ALTER TABLE changing ALTER name TYPE varchar(50)")
        made.commit()
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            pipelining.run(made, asked)
        made.rollback()
        assert pipelining.run(made, asked) == [[]]
        made.execute("DEALLOCATE ALL")
        made.commit()
        with pytest.raises(psycopg.errors.InvalidSqlStatementName):
            pipelining.run(made, asked)
        made.rollback()
        assert pipelining.run(made, asked) == [[]]
