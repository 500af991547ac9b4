"""Statements as text, piece by piece: CSV as RFC 4180 has it, and JSON."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from commerce.statements import FIGURES, Grouping, Statement

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # where spreadsheets begin to calculate


def as_csv(statement: Statement) -> Iterator[str]:
    """A header, the lines and a total, each ended by CRLF. The total stands under `total` in the first column of keys.

    Names are people's and agents' words: one that a spreadsheet would take for a formula is led by an apostrophe.
    """
    columns = statement.columns
    yield _row(columns)
    for line in statement.lines:
        shape = line.shape()
        yield _row(_safe(shape[name]) for name in columns)
    keys = len(columns) - len(FIGURES)
    head = ["total", *[""] * (keys - 1)] if keys else []
    yield _row([*head, *statement.total.cells()])


def as_json(statement: Statement) -> Iterator[str]:
    """One object; `lines` and then the `total`."""
    head = {
        "tenant": str(statement.tenant_id),
        "tenant_name": statement.tenant_name,
        "time_zone": statement.time_zone,
        "from": statement.first.isoformat(),
        "to": statement.last.isoformat(),
        "group": [str(grouping) for grouping in statement.group],
    }
    yield f'{_text(head)[:-1]}, "lines": ['
    for number, line in enumerate(statement.lines):
        yield f"{',' if number else ''}\n{_text(line.shape())}"
    yield f'\n], "total": {_text(dict(zip(FIGURES, statement.total.cells(), strict=True)))}}}\n'


def parse_group(text: str) -> list[Grouping] | None:
    """`campaign,day`; None for a word that is no grouping. Nothing is one line for the whole."""
    known = {str(grouping): grouping for grouping in Grouping}
    words = [word.strip() for word in text.split(",") if word.strip()]
    return [known[word] for word in words] if all(word in known for word in words) else None


def _row(cells: Iterable[Any]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(["" if cell is None else cell for cell in cells])
    return out.getvalue()


def _safe(cell: Any) -> Any:
    formula = isinstance(cell, str) and (cell.startswith(_FORMULA) or cell.strip().startswith(_FORMULA))
    return f"'{cell}" if formula else cell


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)
