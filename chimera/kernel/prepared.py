"""Statements that are asked all the time: planned once per connection, bound on the server, several in one round trip.

The ORM writes and PostgreSQL plans a statement anew each time; over a table with a partition for every month that costs
many times what running it does. Here PostgreSQL keeps the plan, which fits any parameters (`plan_cache_mode` in the
settings). They are part of the transaction that Django has open, and are seen by its execute wrappers.
"""

import json
from collections import namedtuple
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar, cast

import psycopg
from django.db import connection, models

from chimera.kernel import pipelining
from chimera.kernel.pipelining import Asked, Params, Row

__all__ = ["Asked", "Params", "Row", "ask", "ask_all", "ask_first", "columns", "instance", "named"]
Model = TypeVar("Model", bound=models.Model)


def ask(sql: str, params: Params) -> list[Row]:
    """The rows of one statement. Give each parameter its type, `%(ids)s::uuid[]`, or it is planned for each that comes."""
    return ask_all([(sql, params)])[0]


def ask_first(asked: Asked | None) -> None:
    """This is asked before whatever comes next, the ORM's statements too, and with those of here in one round trip; nobody hears the
    answer. It has to bear being asked twice. None takes it back."""
    connection.first = asked  # type: ignore[attr-defined]


def ask_all(asked: Sequence[Asked], *, commit: bool = False) -> list[list[Row]]:
    """Several statements in one round trip, one after the other: each sees what those before it locked and wrote.

    With `commit` they are the last of their transaction, which ends with them; the block that began it may ask nothing more.
    """
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    if (first := connection.first) is not None:  # type: ignore[attr-defined]
        ask_first(None)
        try:
            return ask_all([first, *asked], commit=commit)[1:]
        except Exception:
            ask_first(first)  # it may not have been sent; asked twice it does no harm
            raise
    if connection.execute_wrappers or connection.queries_logged:
        return _watched(asked, commit=commit)
    with connection.wrap_database_errors:
        return pipelining.run(connection.connection, asked, commit=commit)


def _watched(asked: Sequence[Asked], *, commit: bool) -> list[list[Row]]:
    """One by one and unprepared, for somebody who looks on."""
    found = []
    for sql, params in asked:
        with connection._prepare_cursor(psycopg.Cursor(connection.connection)) as cursor:  # type: ignore[attr-defined]
            cursor.execute(sql, params)
            found.append(cursor.fetchall() if cursor.description else [])
    if commit:
        connection.connection.commit()
    return found


@cache
def columns(model: type[models.Model], alias: str, *, without: tuple[str, ...] = ()) -> str:
    """The columns of a model, in the order in which `instance` reads them; `without` the fields of these names."""
    return ", ".join(f'{alias}."{column.column}"' for column in _read(model, without))


def instance(model: type[Model], row: Row, *, without: tuple[str, ...] = ()) -> Model:
    """The row of `columns` as the ORM would have read it; what is left out is deferred."""
    names, documents = _read_as(model, without)
    values = list(row)
    for place in documents:
        if values[place] is not None:
            values[place] = json.loads(values[place])
    return model.from_db(connection.alias, names, values)


@cache
def named(model: type[models.Model], *, without: tuple[str, ...] = ()) -> Callable[[Row], Any]:
    """What gives a row of `columns` the names of its fields, for whoever looks at many and makes models of few. JSON stays text."""
    row: Any = namedtuple(f"{model.__name__}Row", [column.attname for column in _read(model, without)])  # type: ignore[misc]
    return cast("Callable[[Row], Any]", row._make)


@cache
def _read_as(model: type[models.Model], without: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Names of the fields, and which of them hold JSON, which comes as text."""
    fields = _read(model, without)
    documents = [place for place, column in enumerate(fields) if isinstance(column, models.JSONField)]
    return tuple(column.attname for column in fields), tuple(documents)


def _read(model: type[models.Model], without: tuple[str, ...]) -> list[models.Field]:
    return [column for column in model._meta.concrete_fields if column.name not in without]
