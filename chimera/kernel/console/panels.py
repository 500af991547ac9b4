"""The panels that a detail page is made of: data and the template that shows it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from chimera.kernel.console import show


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    title: str
    template: str
    content: dict[str, Any] = field(default_factory=dict)
    aside: bool = False  # in the narrow column
    note: str = ""  # a word beside the title


def facts(title: str, rows: Iterable[tuple[str, Any]], *, aside: bool = True) -> Panel:
    """Names and values; what is None or '' is left out."""
    shown = [(name, value) for name, value in rows if value not in (None, "")]
    return Panel(title=title, template="console/panels/facts.html", content={"rows": shown}, aside=aside)


def table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, empty: str = "None.", note: str = ""
) -> Panel:
    content = {"columns": columns, "rows": rows, "empty": empty}
    return Panel(title=title, template="console/panels/table.html", content=content, note=note)


def json_value(title: str, value: Any, *, aside: bool = False, note: str = "") -> Panel:
    """A JSON object: its texts as text, the whole of it as indented JSON below."""
    content = {"texts": texts(value), "json": show.pretty(value)}
    return Panel(title=title, template="console/panels/json.html", content=content, aside=aside, note=note)


def prose(title: str, text: str, *, aside: bool = False) -> Panel:
    return Panel(title=title, template="console/panels/prose.html", content={"text": text}, aside=aside)


def custom(title: str, template: str, *, aside: bool = False, note: str = "", **content: Any) -> Panel:
    return Panel(title=title, template=template, content=content, aside=aside, note=note)


TEXTS_MAX = 40  # pieces of text shown above the JSON; the JSON has them all


def texts(value: Any) -> list[tuple[str, str]]:
    """The texts and numbers of a JSON object with the path to each, so that nobody has to read braces."""
    found: list[tuple[str, str]] = []
    _collect(value, "", found)
    return found[:TEXTS_MAX]


def _collect(value: Any, path: str, found: list[tuple[str, str]]) -> None:
    if len(found) >= TEXTS_MAX:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            _collect(inner, f"{path} › {name}" if path else str(name), found)
    elif isinstance(value, list) and all(isinstance(inner, str | int | float) for inner in value):
        found.append((path, ", ".join(str(inner) for inner in value) or show.NOTHING))
    elif isinstance(value, list):
        for number, inner in enumerate(value, start=1):
            _collect(inner, f"{path} {number}", found)
    else:
        found.append((path, _plain(value)))


def _plain(value: Any) -> str:
    match value:
        case None:
            return show.NOTHING
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)
