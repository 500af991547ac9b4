"""Statements: some days of the ledger added up, as a chart, a table, and files to take along."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path

from chimera.flows.show_statement import show_statement
from chimera.kernel.console import panels, show
from chimera.kernel.console.charts import Column, Part, chart
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.rows import RowsAdmin
from chimera.kernel.console.site import site
from chimera.kernel.errors import Refused, invalid
from commerce import sheets
from commerce.admin.increases import VIEWERS
from commerce.limits import ZERO
from commerce.models import Statement
from commerce.statements import NAMED, Figures, Grouping, Line
from commerce.statements import Statement as Days

LINES_SHOWN_MAX = 500  # a page; the files have them all
REFUSED_MOST = 3  # times the dearest day: higher columns, of what was refused, are cut off
LEGEND = (("captured", "captured"), ("held", "held or in review"), ("denied", "denied"))
MONEY = (
    ("opening", "Opening"),
    ("asked", "Asked for"),
    ("held", "Held"),
    ("captured", "Captured"),
    ("released", "Released"),
    ("voided", "Voided"),
    ("expired", "Expired"),
    ("denied", "Denied"),
    ("overshot", "Overshot"),
)


@admin.register(Statement, site=site)
class StatementAdmin(RowsAdmin):
    nouns = "Statements"
    viewers = VIEWERS

    def get_urls(self) -> list[Any]:
        return [path("", self.admin_site.admin_view(self.statement_view), name="commerce_statement_changelist")]

    def panels(self, request: HttpRequest, row: Any) -> Sequence[Panel]:
        return ()  # sums have no page for each row

    def statement_view(self, request: HttpRequest) -> HttpResponse:
        self.check_view(request)
        asked = sheets.parse_group(",".join(request.GET.getlist("group")) or Grouping.DAY)
        group = asked or [Grouping.DAY]
        shown: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "crumbs": self.crumbs(),
            "title": self.nouns,
            "groupings": [(str(g), g in group) for g in Grouping if g != Grouping.TENANT],
            "first": request.GET.get("from", ""),
            "last": request.GET.get("to", ""),
        }
        try:
            if asked is None:
                raise invalid(f"`group` must be of: {', '.join(Grouping)}.", field_name="group")
            shown |= _read(_day(request, "from"), _day(request, "to"), group)
        except Refused as refusal:
            return TemplateResponse(
                request, "commerce/statement/page.html", shown | {"refusal": refusal.detail}, status=422
            )
        return TemplateResponse(request, "commerce/statement/page.html", shown)


def _read(first: date | None, last: date | None, group: list[Grouping]) -> dict[str, Any]:
    by_day = show_statement(first=first, last=last, group=[Grouping.DAY])
    days = list(by_day.lines)
    statement = by_day if group == [Grouping.DAY] else show_statement(first=by_day.first, last=by_day.last, group=group)
    lines = days if statement is by_day else list(statement.lines)
    query = urlencode({"group": ",".join(group), "from": by_day.first.isoformat(), "to": by_day.last.isoformat()})
    return {
        "first": by_day.first.isoformat(),
        "last": by_day.last.isoformat(),
        "files": [(kind.upper(), f"/api/v1/statements?{query}&format={kind}") for kind in ("csv", "json")],
        "panels": [_chart(by_day, days), _table(statement, lines)],
    }


def _chart(statement: Days, days: list[Line]) -> Panel:
    spent = max((_height(line, refused=False) for line in days), default=ZERO)
    most = spent * REFUSED_MOST
    drawn = chart("What was spent, day by day", [_column(line) for line in days], [], show.usd, most)
    note = f"{statement.first} to {statement.last}, in {statement.time_zone}"
    if most and any(_height(line, refused=True) > most for line in days):
        note += "; columns of large refusals are cut off"
    return panels.custom("Day by day", "console/panels/chart.html", note=note, chart=drawn, legend=LEGEND)


def _height(line: Line, *, refused: bool) -> Decimal:
    figures = line.figures
    return figures.captured_usd + figures.held_usd + (figures.denied_usd if refused else ZERO)


def _column(line: Line) -> Column:
    figures, day = line.figures, line.day
    parts = [Part(name, getattr(figures, f"{name}_usd")) for name, _ in LEGEND]
    words = ", ".join(f"{show.usd(part.amount)} {part.tone}" for part in parts)
    return Column(f"{day:%d.%m.}" if day else "", parts, f"{day}: {words}")


def _table(statement: Days, lines: list[Line]) -> Panel:
    named = [grouping for grouping in NAMED if grouping in statement.group]
    by_day = Grouping.DAY in statement.group
    shown = [
        [
            *([line.day.isoformat()] if line.day else []),
            *(line.names[g] or show.NOTHING for g in named),
            *_cells(line.figures),
        ]
        for line in lines[:LINES_SHOWN_MAX]
    ]
    more = (
        f"the first {LINES_SHOWN_MAX} of {len(lines)} lines; the files have them all"
        if len(lines) > LINES_SHOWN_MAX
        else ""
    )
    keys = [*(["Day"] if by_day else []), *(str(g).capitalize() for g in named)]
    total = ["Total", *[""] * (len(keys) - 1), *_cells(statement.total)]
    return panels.custom(
        "Statement",
        "commerce/statement/table.html",
        note=more,
        keys=keys,
        figures=[words for _, words in MONEY],
        rows=[(row[: len(keys)], row[len(keys) :]) for row in shown],
        total=(total[: len(keys)], total[len(keys) :]),
    )


def _cells(figures: Figures) -> list[tuple[str, str]]:
    """(amount, count in words); captures release in part, which has no count of its own."""
    cells = []
    for name, _ in MONEY:
        count = getattr(figures, f"{name}_count", None)
        cells.append((show.usd(getattr(figures, f"{name}_usd")), "" if count is None else str(count)))
    return cells


def _day(request: HttpRequest, name: str) -> date | None:
    text = request.GET.get(name, "")
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused(f"{text[:40]!r} is no day; write 2026-03-01.", code="invalid_days", status=422) from None
