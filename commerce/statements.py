"""A statement: what was asked for in some days, and what became of it. Pure; the flow fills it from the ledger."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from chimera.kernel.http.parsing import money_text
from commerce.limits import ZERO


class Grouping(StrEnum):
    """What a statement may have a line for; any of them together."""

    TENANT = "tenant"
    CAMPAIGN = "campaign"
    AGENT = "agent"
    DAY = "day"


NAMED = (Grouping.TENANT, Grouping.CAMPAIGN, Grouping.AGENT)  # those that have an id and a name
Cell = str | int


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts and sums in US dollars. A transaction counts in the day in which it was asked for, whenever it was settled.

    `opening` is what was held or in review when the line's time began, from earlier days. The rest is about what was asked
    for since: asked = held + captured + released + voided + expired + denied, where held is what still is, in review too,
    and released is what captures left over of their holds. `overshot` stands beside it: what metered leases have cost, by their
    own word, beyond what was captured of them; no window counts it.
    """

    opening_count: int = 0
    opening_usd: Decimal = ZERO
    asked_count: int = 0
    asked_usd: Decimal = ZERO
    held_count: int = 0
    held_usd: Decimal = ZERO
    captured_count: int = 0
    captured_usd: Decimal = ZERO
    released_usd: Decimal = ZERO
    voided_count: int = 0
    voided_usd: Decimal = ZERO
    expired_count: int = 0
    expired_usd: Decimal = ZERO
    denied_count: int = 0
    denied_usd: Decimal = ZERO
    overshot_count: int = 0
    overshot_usd: Decimal = ZERO

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(*(getattr(self, name) + getattr(other, name) for name in FIGURES))

    def cells(self) -> list[Cell]:
        """As they are written: counts as numbers, amounts as decimal strings."""
        values = [getattr(self, name) for name in FIGURES]
        return [money_text(value) if isinstance(value, Decimal) else value for value in values]


FIGURES = tuple(each.name for each in fields(Figures))


@dataclass(frozen=True, slots=True)
class Line:
    """`keys` and `names` have the groupings that the statement is by; a key of None is spending outside any campaign."""

    figures: Figures
    day: date | None = None
    keys: dict[Grouping, UUID | None] = field(default_factory=dict)
    names: dict[Grouping, str] = field(default_factory=dict)

    def shape(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"day": self.day.isoformat()} if self.day else {}
        for grouping, key in self.keys.items():
            shown |= {str(grouping): str(key) if key else None, f"{grouping}_name": self.names[grouping]}
        return shown | dict(zip(FIGURES, self.figures.cells(), strict=True))


@dataclass(slots=True)
class Statement:
    """From `first` to `last`, both included. `lines` is read once; `total` is whole when they have been."""

    tenant_id: UUID
    tenant_name: str
    time_zone: str
    first: date
    last: date
    group: Sequence[Grouping]
    lines: Iterator[Line]
    total: Figures = field(default_factory=Figures)

    @property
    def columns(self) -> list[str]:
        """Of a line, in order."""
        keys = [name for grouping in NAMED if grouping in self.group for name in (str(grouping), f"{grouping}_name")]
        return [*(["day"] if Grouping.DAY in self.group else []), *keys, *FIGURES]
