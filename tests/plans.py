"""How much PostgreSQL reads for what is asked, whatever it has to do with time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

PLANNED = "EXPLAIN (ANALYZE, FORMAT JSON) "


def rows_read(node: dict[str, Any]) -> int:
    """Rows that it read of tables, those that it threw away included.

    Whether an index is walked by itself or through a bitmap is the statistics' choice: a row of a bitmap counts once.
    """
    rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    own = int(rows * node["Actual Loops"]) if "Relation Name" in node else 0
    return own + sum(rows_read(child) for child in node.get("Plans", ()))


@contextmanager
def watched() -> Iterator[dict[str, int]]:
    """What is asked inside, with the rows that each statement read at most; each is run twice."""
    found: dict[str, int] = {}

    def run(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        answer = execute(sql, params, many, context)
        if sql.lstrip().startswith(("SELECT", "WITH")) and "FOR NO KEY UPDATE" not in sql:
            with connection.cursor() as cursor:
                cursor.execute(PLANNED + sql, params)
                ((plan,),) = cursor.fetchall()
            found[sql] = max(found.get(sql, 0), rows_read(plan[0]["Plan"]))
        return answer

    with connection.execute_wrapper(run):
        yield found
