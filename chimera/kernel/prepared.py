"""Statements that are asked all the time: planned once per connection, bound on the server, several in one round trip.

The ORM writes and PostgreSQL plans a statement anew each time; over a table with a partition for every month that costs
many times what running it does. Here PostgreSQL keeps the plan, which fits any parameters (`plan_cache_mode` in the
settings). They are part of the transaction that Django has open, and are seen by its execute wrappers.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

import psycopg
from django.db import connection, models

Model = TypeVar("Model", bound=models.Model)
Row = tuple[Any, ...]
Params = Mapping[str, Any]
Asked = tuple[str, Params]


class _Prepared(psycopg.Cursor[Row]):
    def execute(self, query: Any, params: Any = None, **kwargs: Any) -> Any:
        return super().execute(query, params, prepare=True, **kwargs)


def ask(sql: str, params: Params) -> list[Row]:
    """The rows of one statement. Give each parameter its type, `%(ids)s::uuid[]`, or it is planned for each that comes."""
    with _cursor() as cursor:
        cursor.execute(sql, params)
        return _rows(cursor)


def ask_all(asked: Sequence[Asked], *, commit: bool = False) -> list[list[Row]]:
    """Several statements in one round trip, one after the other: each sees what those before it locked and wrote.

    With `commit` they are the last of their transaction, which ends with them; the block that began it may ask nothing more.
    """
    cursors = [_cursor() for _ in asked]
    with connection.wrap_database_errors, connection.connection.pipeline():
        for cursor, (sql, params) in zip(cursors, asked, strict=True):
            cursor.execute(sql, params)
        if commit:
            connection.connection.commit()
    return [_rows(cursor) for cursor in cursors]


def _cursor() -> Any:
    connection.ensure_connection()
    return connection._prepare_cursor(_Prepared(connection.connection))  # type: ignore[attr-defined]  # counted and wrapped


def _rows(cursor: Any) -> list[Row]:
    return cursor.fetchall() if cursor.description else []


@cache
def columns(model: type[models.Model], alias: str) -> str:
    """The columns of a model, in the order in which `instance` reads them."""
    return ", ".join(f'{alias}."{column.column}"' for column in model._meta.concrete_fields)


def instance(model: type[Model], row: Row) -> Model:
    """The row of `columns` as the ORM would have read it."""
    names, documents = _read_as(model)
    values = list(row)
    for place in documents:
        if values[place] is not None:
            values[place] = json.loads(values[place])
    return model.from_db(connection.alias, names, values)


@cache
def _read_as(model: type[models.Model]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Names of the fields, and which of them hold JSON, which comes as text."""
    fields = model._meta.concrete_fields
    documents = [place for place, column in enumerate(fields) if isinstance(column, models.JSONField)]
    return tuple(column.attname for column in fields), tuple(documents)
