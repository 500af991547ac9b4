"""The middle of a budget's page: charts of the day and the month, warnings, increases and the last refusals."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest

from chimera.flows.show_budget import Course, Page, Step, show_budget
from chimera.flows.show_history import names_of
from chimera.kernel.console import panels, show
from chimera.kernel.console.charts import Column, Level, Part, chart
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.rows import RowsAdmin
from chimera.kernel.http.parsing import money_text
from commerce.admin.increases import standing
from commerce.limits import WARNED_PERCENT, ZERO
from commerce.models import BudgetConfig

FORETOLD_MOST = 2  # times the limit, or what was used: a forecast of a day's first hour may be far above both
LEGEND = (("captured", "captured"), ("held", "held or in review"), ("forecast", "if it goes on as so far"))


def panels_of(admin: RowsAdmin, request: HttpRequest, budget: BudgetConfig) -> list[Panel]:
    page = show_budget(budget)
    return [
        drawn("Today", page.day, "h", page.outlook.time_zone),
        drawn("This month", page.month, "", page.outlook.time_zone),
        _warnings(page),
        _increases(admin, request, page),
        _refusals(admin, request, page),
    ]


def drawn(title: str, course: Course, unit: str, zone: str) -> Panel:
    """The chart of one window; `unit` follows its labels."""
    limit = course.limit.limit_usd
    levels = [Level(limit, f"limit {show.usd(limit)}")] if limit else []
    if limit:
        levels += [
            Level(limit * percent / 100, f"{percent} %", "warned") for percent in WARNED_PERCENT if percent < 100
        ]
    columns = [_column(step, unit) for step in course.steps]
    most = FORETOLD_MOST * max(limit or ZERO, *(step.captured_usd + step.held_usd for step in course.steps))
    figure = chart(f"{title}: what was used, and the limit", columns, levels, show.usd, most)
    return panels.custom(
        title,
        "console/panels/chart.html",
        note=f"used in all, in {zone}",
        chart=figure,
        legend=LEGEND,
        words=_foretold(course, zone) + _cut_off(course, most),
    )


def _column(step: Step, unit: str) -> Column:
    if step.projected_usd is not None:
        words = f"until the end of {step.label}{unit}: about {_cents(step.projected_usd)}"
        return Column(step.label, [Part("forecast", step.projected_usd)], words)
    used = [Part("captured", step.captured_usd), Part("held", step.held_usd)]
    words = (
        f"until the end of {step.label}{unit}: {show.usd(step.captured_usd)} captured, {show.usd(step.held_usd)} held"
    )
    return Column(step.label, used, words if step.captured_usd or step.held_usd else "")


def _foretold(course: Course, zone: str) -> str:
    """The forecast in a sentence, with its basis."""
    found = course.forecast
    if found is None:
        return "No forecast yet: it needs a 24th of the time."
    ends = f"{_cents(found.projected_usd)} at its end"
    basis = f"{show.usd(found.used_usd)} in {show.span(found.elapsed)} of {show.span(found.whole)}, at the same rate"
    reached = ""
    if found.limit_reached_at:
        reached = f" The limit is reached on {found.limit_reached_at.astimezone(ZoneInfo(zone)):%d %B at %H:%M}."
    elif course.limit.limit_usd is not None and course.limit.remaining_usd == ZERO and found.used_usd:
        reached = " The limit is used up."
    return f"Forecast: {ends}, from {basis}.{reached}"


def _cut_off(course: Course, most: Decimal) -> str:
    above = most and any((step.projected_usd or ZERO) > most for step in course.steps)
    return f" The columns of the forecast are cut off at {show.usd(most)}." if above else ""


def _warnings(page: Page) -> Panel:
    rows = [
        (
            show.label(f"{said['percent']} %", "bad" if said["percent"] == 100 else "warn"),
            f"{said['window']} {said['starts_on'] or ''}".strip(),
            f"${said['used_usd']} of ${said['limit_usd']}",
            show.moment(event.at),
        )
        for event in page.warnings
        for said in [event.payload]
    ]
    return panels.table("Warnings", ("Used", "Of the", "Amount", "When"), rows, empty="No threshold was reached yet.")


def _increases(admin: RowsAdmin, request: HttpRequest, page: Page) -> Panel:
    names = names_of(increase.granted_by for increase in page.increases)
    rows: Sequence[Sequence[Any]] = [
        (
            admin.link(request, "commerce.limitincrease", each.pk, f"{show.usd(each.amount_usd)} {each.kind}"),
            standing(each),
            show.moment(each.expires_at),
            names.get(each.granted_by, each.granted_by),
            show.short(each.reason, 80),
        )
        for each in page.increases
    ]
    columns = ("Increase", "Standing", "Until", "By", "Why")
    return panels.table("Temporary increases", columns, rows, empty="None was granted.")


def _refusals(admin: RowsAdmin, request: HttpRequest, page: Page) -> Panel:
    rows = [
        (
            admin.link(request, "commerce.transaction", spend.pk, show.usd(spend.amount_usd)),
            spend.denied_code.replace("_", " "),
            show.short(spend.denied_reason, 120),
            show.moment(spend.created_at),
        )
        for spend in page.refusals
    ]
    return panels.table(
        "Last refusals", ("Amount", "Code", "Why", "When"), rows, empty="None within seven days.", note="seven days"
    )


def _cents(amount: Any) -> str:
    return f"${money_text(round(amount, 2))}"
