"""Several runs of the same row, and what is said of them: the median, and from where to where it went."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.swarm.contenders import Contender
from benchmarks.swarm.measuring import Row
from benchmarks.swarm.metering import Cpu


@dataclass(frozen=True)
class Figure:
    median: float
    least: float
    most: float

    def shown(self, digits: int) -> str:
        """The median, and in brackets the least and the most where there were several runs."""
        middle = _number(self.median, digits)
        if self.least == self.most:
            return middle
        return f"{middle} ({_number(self.least, digits)}–{_number(self.most, digits)})"


@dataclass(frozen=True)
class Runs:
    """All rows of one contender."""

    contender: type[Contender]
    rows: Sequence[Row]

    def of(self, figure: Callable[[Row], float]) -> Figure:
        found = [figure(row) for row in self.rows]
        return Figure(statistics.median(found), min(found), max(found))

    def maybe(self, figure: Callable[[Row], float | None]) -> Figure | None:
        """None where the contender has no such thing."""
        found = [value for row in self.rows if (value := figure(row)) is not None]
        return Figure(statistics.median(found), min(found), max(found)) if found else None

    def cpu(self, cost: Callable[[Row], Cpu]) -> Cpu:
        """The median of each process."""
        names = dict.fromkeys(name for row in self.rows for name in cost(row))
        return {name: statistics.median(cost(row).get(name, 0.0) for row in self.rows) for name in names}


def _number(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}".replace(",", " ")
