"""What the drill's spenders did, counted in the ledger itself: a killed process takes no counts with it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from chimera.management.drill.calendar import Moment

AROUND = timedelta(minutes=1)  # of a moment: nothing else of the drill lies so near to it

_COUNTS = """
SELECT count(*), count(*) FILTER (WHERE status <> 'denied'), count(*) FILTER (WHERE status = 'denied'),
       count(*) FILTER (WHERE status = 'captured'), count(*) FILTER (WHERE status = 'voided'),
       count(*) FILTER (WHERE denied_reason LIKE '%% day limit %%'),
       count(*) FILTER (WHERE denied_reason LIKE '%% month limit %%'),
       count(*) FILTER (WHERE denied_reason LIKE '%% total limit %%'),
       count(*) FILTER (WHERE status = 'voided' AND changed_by LIKE 'system:%%'),
       count(DISTINCT agent_id), count(*) FILTER (WHERE status IN ('held', 'review'))
FROM commerce_transaction
"""
_ASSETS = "SELECT asset_symbol, count(*) FROM commerce_transaction WHERE status <> 'denied' GROUP BY 1"
_AROUND = """
SELECT count(*) FILTER (WHERE created_at < %(at)s), count(*) FILTER (WHERE created_at >= %(at)s),
       count(*) FILTER (WHERE created_at < %(at)s AND settled_at >= %(at)s AND status IN ('captured', 'voided'))
FROM commerce_transaction WHERE created_at BETWEEN %(least)s AND %(most)s AND status <> 'denied'
"""
_LENGTHS = """
SELECT w.kind, w.starts_on::text, round(extract(epoch FROM w.ends_at - w.starts_at) / 3600)::int, count(DISTINCT t.id)
FROM commerce_spendwindow w JOIN commerce_transaction t ON w.id = ANY (t.windows)
WHERE w.kind <> 'total' GROUP BY 1, 2, 3 ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Counts:
    asked: int = 0
    granted: int = 0
    denied: int = 0
    captured: int = 0
    voided: int = 0
    denied_by_day: int = 0
    denied_by_month: int = 0
    denied_by_total: int = 0
    freed: int = 0  # of those voided: by the house, because their lease was over
    agents: int = 0
    open: int = 0

    @property
    def decisions(self) -> int:
        return self.asked + self.captured + self.voided


@dataclass(frozen=True, slots=True)
class Crossing:
    """A moment, and the holds made within AROUND of it, before and after; `across` were made before and settled after."""

    moment: Moment
    before: int
    after: int
    across: int

    @property
    def happened(self) -> bool:
        return min(self.before, self.after, self.across) > 0


@dataclass(frozen=True, slots=True)
class Period:
    """A day or month that was spent from, and how many hours it has."""

    kind: str
    starts_on: str
    hours: int
    transactions: int


class Tally:
    """A connection of its own, as the owner, who sees every tenant."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)

    def counts(self) -> Counts:
        return Counts(*self._rows(_COUNTS)[0])

    def assets(self) -> dict[str, int]:
        return dict(self._rows(_ASSETS))

    def crossing(self, moment: Moment) -> Crossing:
        bounds: dict[str, datetime] = {"at": moment.at, "least": moment.at - AROUND, "most": moment.at + AROUND}
        return Crossing(moment, *self._rows(_AROUND, bounds)[0])

    def periods(self) -> list[Period]:
        return [Period(*row) for row in self._rows(_LENGTHS)]

    def switch_rule_off(self) -> None:
        """PostgreSQL's own guard, which would refuse what the control is to show."""
        self._connection.execute("ALTER TABLE commerce_spendwindow DISABLE TRIGGER within_limit")

    def close(self) -> None:
        self._connection.close()

    def _rows(self, sql: str, params: dict[str, Any] | None = None) -> list[Any]:
        return self._connection.execute(sql.encode(), params or {}).fetchall()
