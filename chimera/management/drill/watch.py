"""Somebody looks on from outside, over a connection of his own: does any window ever count more than its limit?

Each look is one statement, so it sees one moment: what the windows count, and what the ledger's rows add up to. The two
must be the same, and neither may pass the limit.
"""

import threading
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import psycopg

PAUSE_SECONDS = (
    0.01  # between two looks, and at least twice as long as a look takes: he watches, and does not take part
)
BREACHES_KEPT = 50
CONNECT_SECONDS = 10
WINDOW_PASSES, LEDGER_PASSES, THEY_DIFFER = (
    "the window passes its limit",
    "the ledger passes the limit",
    "window and ledger differ",
)

_LOOK = """
WITH counted AS (
    SELECT named.id, sum(CASE WHEN t.status = 'captured' THEN t.captured_usd ELSE t.amount_usd END) AS used
    FROM commerce_transaction t CROSS JOIN LATERAL unnest(t.windows) AS named (id)
    WHERE t.status IN ('held', 'review', 'captured') GROUP BY 1
)
SELECT w.id::text, b.scope, w.kind, coalesce(w.starts_on::text, ''), w.limit_usd, w.held_usd, w.captured_usd,
       coalesce(c.used, 0)
FROM commerce_spendwindow w JOIN commerce_budgetconfig b ON b.id = w.budget_id LEFT JOIN counted c ON c.id = w.id
"""


@dataclass(frozen=True, slots=True)
class Breach:
    """`by` is who counts too much: the window itself, the ledger's sum, or the two differ."""

    second: float
    window: str
    by: str
    limit_usd: Decimal | None
    window_usd: Decimal
    ledger_usd: Decimal


@dataclass(slots=True)
class Peak:
    """The most that a window ever counted."""

    scope: str
    kind: str
    starts_on: str
    limit_usd: Decimal
    most_usd: Decimal = Decimal(0)
    over_usd: Decimal = Decimal(0)

    @property
    def percent(self) -> float:
        return float(100 * self.most_usd / self.limit_usd) if self.limit_usd else 0.0


@dataclass
class Seen:
    samples: int = 0
    broken: int = 0  # samples in which something was wrong
    held_most_usd: Decimal = Decimal(0)
    breaches: list[Breach] = field(default_factory=list)
    peaks: dict[str, Peak] = field(default_factory=dict)
    longest_gap_seconds: float = 0.0

    @property
    def overshoot_usd(self) -> Decimal:
        return max((peak.over_usd for peak in self.peaks.values()), default=Decimal(0))

    @property
    def overshot(self) -> bool:
        """Both ways: a window counted more than its limit, and the ledger's rows added up to more."""
        return {WINDOW_PASSES, LEDGER_PASSES} <= {breach.by for breach in self.breaches}


class Watch:
    """Looks until `stop`; an error of its own ends it, and `check` raises it."""

    def __init__(self, url: str) -> None:
        self.seen = Seen()
        self._url = url
        self._stop = threading.Event()
        self._error: Exception | None = None
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        self._began = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(30)

    def check(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            with psycopg.connect(self._url, autocommit=True, connect_timeout=CONNECT_SECONDS) as connection:
                last = time.monotonic()
                while not self._stop.is_set():
                    began = time.monotonic()
                    self._note(connection.execute(_LOOK).fetchall())
                    self.seen.longest_gap_seconds = max(self.seen.longest_gap_seconds, time.monotonic() - last)
                    last = time.monotonic()
                    self._stop.wait(max(PAUSE_SECONDS, 3 * (last - began)))
        except psycopg.Error as error:
            self._error = error

    def _note(self, rows: list[Any]) -> None:
        wrong = False
        held_usd = Decimal(0)
        for window, scope, kind, starts_on, limit, held, captured, ledger in rows:
            counted = held + captured
            held_usd = max(held_usd, held)
            if limit is not None:
                peak = self.seen.peaks.setdefault(window, Peak(scope, kind, starts_on, limit))
                peak.most_usd = max(peak.most_usd, counted, ledger)
                peak.over_usd = max(peak.over_usd, peak.most_usd - limit)
            for by in _wrong(limit, counted, ledger):
                wrong = True
                if len(self.seen.breaches) < BREACHES_KEPT:
                    second = round(time.monotonic() - self._began, 3)
                    self.seen.breaches.append(Breach(second, window, by, limit, counted, ledger))
        self.seen.samples += 1
        self.seen.broken += wrong
        self.seen.held_most_usd = max(self.seen.held_most_usd, held_usd)


def _wrong(limit: Decimal | None, counted: Decimal, ledger: Decimal) -> list[str]:
    found = []
    if limit is not None and counted > limit:
        found.append(WINDOW_PASSES)
    if limit is not None and ledger > limit:
        found.append(LEDGER_PASSES)
    if counted != ledger:
        found.append(THEY_DIFFER)
    return found
