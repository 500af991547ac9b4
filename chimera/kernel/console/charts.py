"""Charts as numbers for an SVG that the template draws: columns of stacked parts, and level lines. No script is needed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

WIDTH, HEIGHT = 7_200, 2_200  # of the drawing, in its own units
LEFT, RIGHT, TOP, BOTTOM = 700, 120, 140, 300  # around the columns: amounts, and the labels below
LABELS_MAX = 16  # below the columns; between them some are left out
TICKS_MAX = 4
_STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))


@dataclass(frozen=True, slots=True)
class Part:
    """`tone` is the end of its class: captured, held, forecast, denied."""

    tone: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Column:
    label: str
    parts: Sequence[Part]
    words: str  # what the pointer, or whoever does not see it, is told


@dataclass(frozen=True, slots=True)
class Level:
    """A line across, such as a limit."""

    amount: Decimal
    words: str
    tone: str = "limit"


@dataclass(frozen=True, slots=True)
class Box:
    tone: str
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Drawn:
    boxes: list[Box]
    middle: int
    label: str
    words: str
    x: int
    width: int


@dataclass(frozen=True, slots=True)
class Line:
    y: int
    words: str
    tone: str


@dataclass(frozen=True, slots=True)
class Chart:
    columns: list[Drawn]
    ticks: list[Line]
    levels: list[Line]
    name: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    floor: int = HEIGHT - BOTTOM
    below: int = HEIGHT - BOTTOM + 170


def chart(
    name: str,
    columns: Sequence[Column],
    levels: Sequence[Level],
    say: Callable[[Decimal], str],
    most: Decimal | None = None,
) -> Chart:
    """`name` says what it shows to whoever does not see it. Columns above `most` are cut off there, lest one flatten all others."""
    highest = max(
        [sum((part.amount for part in column.parts), Decimal(0)) for column in columns]
        + [level.amount for level in levels],
        default=Decimal(0),
    )
    if most:
        highest = min(highest, most)
    step = _step(highest)
    number = int(highest / step)
    top = step * max(1, number if step * number >= highest else number + 1)
    height = HEIGHT - BOTTOM - TOP

    def y(amount: Decimal) -> int:
        return HEIGHT - BOTTOM - int(min(amount, top) * height / top)

    ticks = [Line(y(step * number), say(step * number), "tick") for number in range(int(top / step) + 1)]
    lines = [Line(y(level.amount), level.words, level.tone) for level in levels]
    return Chart(_columns(columns, y), ticks, lines, name)


def _columns(columns: Sequence[Column], y: Callable[[Decimal], int]) -> list[Drawn]:
    room = WIDTH - LEFT - RIGHT
    every = max(1, -(-len(columns) // LABELS_MAX))
    drawn = []
    for number, column in enumerate(columns):
        x, after = LEFT + room * number // len(columns), LEFT + room * (number + 1) // len(columns)
        gap = (after - x) // 6
        boxes, below = [], Decimal(0)
        for part in column.parts:
            low, high = y(below), y(below + part.amount)
            if low > high:
                boxes.append(Box(part.tone, x + gap, high, after - x - 2 * gap, low - high))
            below += part.amount
        label = column.label if number % every == 0 else ""
        drawn.append(Drawn(boxes, (x + after) // 2, label, column.words, x, after - x))
    return drawn


def _step(highest: Decimal) -> Decimal:
    """A round amount of which at most TICKS_MAX reach the highest."""
    if highest <= 0:
        return Decimal(1)
    least = highest / TICKS_MAX
    power = Decimal(10) ** least.adjusted()
    return next(factor * power for factor in _STEPS if factor * power >= least)
