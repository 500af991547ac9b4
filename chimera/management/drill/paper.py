"""How a drill looks: a table that moves in a terminal, lines in a pipe, and the report in `out/`."""

import json
import os
import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from chimera.management.drill.plan import ZONE
from chimera.management.drill.proof import Result
from chimera.management.drill.run import Run
from chimera.management.drill.tally import Counts
from chimera.management.drill.watch import Peak, Seen

LINE_SECONDS = 5.0  # between two lines where there is no terminal
COLUMNS_OF_A_PIPE = 160


class Board:
    """`say` and `show` are given to the run."""

    def __init__(self, out: Any, *, colours: bool) -> None:
        terminal = bool(out.isatty())
        self._console = Console(
            file=out, highlight=False, no_color=not colours or None, width=None if terminal else COLUMNS_OF_A_PIPE
        )
        self._live = Live(console=self._console, refresh_per_second=4, transient=True) if terminal else None
        self._line_at = 0.0
        self._began = time.monotonic()

    def __enter__(self) -> "Board":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def say(self, what: str) -> None:
        self._console.print(Text(f"{time.monotonic() - self._began:6.1f} s  {what}"), soft_wrap=True)

    def show(self, run: Run, counts: Counts, seen: Seen) -> None:
        if self._live:
            self._live.update(_moving(run, counts, seen))
        elif time.monotonic() - self._line_at >= LINE_SECONDS:
            self._line_at = time.monotonic()
            self.say(
                f"{seen.samples} samples, {seen.broken} broken; {counts.granted} granted, {counts.denied} refused,"
                f" {counts.open} open, {counts.captured + counts.voided} settled"
            )

    def end(self, result: Result) -> None:
        self._console.print(_peaks(list(result.seen.peaks.values())))
        self._console.print(_checks(result))
        self._console.print(Text(result.verdict, style="bold red" if result.code else "bold green"), soft_wrap=True)


def _moving(run: Run, counts: Counts, seen: Seen) -> Group:
    head = Table(box=None, pad_edge=False, show_header=False)
    clock = run.house.now().isoformat(sep=" ", timespec="seconds")
    rows: list[tuple[str, ProgressBar | str]] = [
        ("drill", ProgressBar(total=run.plan.seconds, completed=min(run.seconds, run.plan.seconds), width=40)),
        ("clock", f"{clock} (budgets' days are {ZONE}'s)"),
        ("samples", f"{seen.samples}, of them broken {seen.broken}"),
        ("spends", f"{counts.granted} granted, {counts.denied} refused, {counts.open} open now"),
        (
            "refused by",
            f"day {counts.denied_by_day}, month {counts.denied_by_month}, session {counts.denied_by_total}",
        ),
        (
            "settled",
            f"{counts.captured} captured, {counts.voided} given back, of these {counts.freed} of lost leases",
        ),
    ]
    for name, value in rows:
        head.add_row(name, value)
    return Group(head, _peaks(list(seen.peaks.values())))


def _peaks(peaks: Sequence[Peak]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("scope", "window", "limit", "most at once", "%"):
        table.add_column(name, justify="left" if name in ("scope", "window") else "right", no_wrap=True)
    for peak in sorted(peaks, key=lambda peak: (peak.scope, peak.kind, peak.starts_on)):
        style = "red" if peak.over_usd > 0 else ""
        window = f"{peak.kind} {peak.starts_on}".strip()
        table.add_row(peak.scope, window, _usd(peak.limit_usd), _usd(peak.most_usd), f"{peak.percent:.1f}", style=style)
    return table


def _checks(result: Result) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for check in result.checks:
        mark = Text("passed", style="green") if check.passed else Text("FAILED", style="bold red")
        table.add_row(mark, check.what, Text(check.detail, overflow="fold"))
    return table


def _usd(amount: object) -> str:
    return f"{amount:.2f}"


def write(result: Result, folder: Path) -> list[Path]:
    """The report for people and for programs; what a former drill left there is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    name = "drill-budget-naive" if result.plan.naive else "drill-budget"
    pages = {f"{name}.md": "\n".join(_page(result)) + "\n", f"{name}.json": _json(result)}
    for file, text in pages.items():
        (folder / file).write_text(text)
    return [folder / file for file in pages]


def _json(result: Result) -> str:
    shape = asdict(result)
    shape["verdict"], shape["exit_code"] = result.verdict, result.code
    shape["checks"] = [asdict(check) for check in result.checks]
    shape["machine"] = _machine()
    return json.dumps(shape, indent=1, default=str) + "\n"


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def _page(result: Result) -> Iterator[str]:
    plan, counts, seen = result.plan, result.counts, result.seen
    yield f"# Budget drill{', without the guard' if plan.naive else ''}\n"
    yield f"**{result.verdict}**\n"
    yield f"{plan.processes} processes, each with up to {plan.holds} holds at once, for {result.seconds} s, on {_machine()}."
    yield f"At most {_usd(seen.held_most_usd)} USD were held in one window at once.\n"
    yield "| check | | |\n| --- | --- | --- |"
    for check in result.checks:
        yield f"| {check.what} | {'passed' if check.passed else '**FAILED**'} | {check.detail.replace('|', '/')} |"
    yield "\n| spends | |\n| --- | --- |"
    for label, number in asdict(counts).items():
        yield f"| {label.replace('_', ' ')} | {number} |"
    yield "\n| second | clock of the processes | what happened |\n| --- | --- | --- |"
    for event in result.events:
        yield f"| {event.second} | {event.clock} | {event.what} |"
    yield "\n| scope | window | limit USD | most at once USD | % |\n| --- | --- | --- | --- | --- |"
    for peak in sorted(seen.peaks.values(), key=lambda peak: (peak.scope, peak.kind, peak.starts_on)):
        window = f"{peak.kind} {peak.starts_on}".strip()
        yield f"| {peak.scope} | {window} | {_usd(peak.limit_usd)} | {_usd(peak.most_usd)} | {peak.percent:.1f} |"
    if seen.breaches:
        yield "\n| second | window | what | limit USD | window USD | ledger USD |\n| --- | --- | --- | --- | --- | --- |"
        for breach in seen.breaches:
            yield (
                f"| {breach.second} | {breach.window} | {breach.by} | {breach.limit_usd} | {breach.window_usd}"
                f" | {breach.ledger_usd} |"
            )
