"""Where output goes: tables and lines for people, one JSON object per line for programs, no colours in a pipe."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from chimera.kernel import clock

PIPE_COLUMNS = 4_000  # nothing is cut or wrapped for a program that reads
STYLES = {
    "queued": "cyan",
    "running": "magenta",
    "active": "green",
    "completed": "green",
    "blocked": "yellow",
    "inactive": "yellow",
    "failed": "red",
    "suspended": "red",
    "cancelled": "dim",
}


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """rich would end the process with 1; whoever reads no further has enough, and the command says how that ends."""
        raise BrokenPipeError


class Paper:
    def __init__(self, out: Any, *, as_json: bool, colours: bool = True) -> None:
        self.as_json, self._out = as_json, out
        terminal = bool(out.isatty())
        self._console = _Console(
            file=out, highlight=False, no_color=not colours or None, width=None if terminal else PIPE_COLUMNS
        )
        self.width = self._console.width

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str, whole: int = 1) -> None:
        """`whole` columns from the left are never cut, such as ids; the others share what the terminal has left."""
        if not rows:
            self.line(empty)
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for number, name in enumerate(columns):
            table.add_column(name, no_wrap=True, overflow="fold" if number < whole else "ellipsis")
        for row in rows:
            table.add_row(*(_cell(value) for value in row))
        self._console.print(table)

    def line(self, words: str, style: str = "") -> None:
        self._console.print(Text(plain(words), style=style), soft_wrap=True)

    def told(self, shape: dict[str, Any]) -> None:
        """One object, on one line, at once."""
        self._out.write(json.dumps(shape, ensure_ascii=False, default=_spelt))
        self._out.flush()


def _spelt(value: object) -> str:
    """As in the API."""
    return clock.written(value) if isinstance(value, datetime) else str(value)


def _cell(value: object) -> Text:
    text = plain(str(value))
    return Text(text, style=STYLES.get(text, ""))


def plain(text: str) -> str:
    """One line without control characters: what agents write may hold escape sequences, which a terminal obeys."""
    return "".join(c if c.isprintable() else " " for c in text)
