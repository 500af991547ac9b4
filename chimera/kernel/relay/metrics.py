"""What Prometheus sees of the relay: computed from PostgreSQL at each scrape, so that any web process can tell it."""

from collections.abc import Iterable, Iterator

import structlog
from django.db import Error, connection
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from chimera.kernel import clock, tenancy
from chimera.kernel.relay.blockers import eventlog_blockers

log = structlog.get_logger()
OLDER_THAN_SECONDS = 1.0  # shorter transactions are the ordinary course of things
LAG_EVENTS_MAX = 10_000  # counting stops there; more is "far behind" anyway

_LAG = """
    SELECT l.name, count(e.at), min(e.at) FROM kernel_lane l
    LEFT JOIN LATERAL (
        SELECT at FROM kernel_event WHERE (xid, seq) > (l.xid, l.seq) ORDER BY xid, seq LIMIT %s
    ) e ON true GROUP BY l.name ORDER BY l.name
"""
_PARKED = "SELECT lane, count(*) FROM kernel_parkedevent WHERE status <> 'resolved' GROUP BY lane"


class RelayCollector(Collector):
    def describe(self) -> Iterable[Metric]:
        return _families()

    def collect(self) -> Iterator[Metric]:
        """Without a database there is nothing to tell but that."""
        readable, *measured = _families()
        try:
            _measure(*measured)
        except Error as error:
            log.warning("metrics_without_database", error=str(error))
            readable.add_metric([], 0)
            yield readable
            return
        readable.add_metric([], 1)
        yield from (readable, *measured)


def register() -> None:
    REGISTRY.register(RelayCollector())


def _families() -> tuple[GaugeMetricFamily, ...]:
    return (
        GaugeMetricFamily("chimera_eventlog_readable", "Whether PostgreSQL answered", labels=[]),
        GaugeMetricFamily(
            "chimera_lane_lag_events", f"Events behind the log, at most {LAG_EVENTS_MAX}", labels=["lane"]
        ),
        GaugeMetricFamily("chimera_lane_lag_seconds", "Age of the oldest event a lane has not read", labels=["lane"]),
        GaugeMetricFamily("chimera_parked_events", "Events put aside by a slow lane", labels=["lane"]),
        GaugeMetricFamily(
            "chimera_eventlog_withheld_seconds",
            "For how long the oldest running writer has been holding the log back",
            labels=["pid", "database", "role", "application"],
        ),
    )


def _measure(
    lag_events: GaugeMetricFamily,
    lag_seconds: GaugeMetricFamily,
    parked: GaugeMetricFamily,
    withheld: GaugeMetricFamily,
) -> None:
    with tenancy.system(), connection.cursor() as cursor:
        cursor.execute(_LAG, [LAG_EVENTS_MAX])
        for lane, behind, oldest in cursor.fetchall():
            lag_events.add_metric([lane], behind)
            lag_seconds.add_metric([lane], max(0.0, (clock.now() - oldest).total_seconds()) if oldest else 0.0)
        cursor.execute(_PARKED)
        for lane, number in cursor.fetchall():
            parked.add_metric([lane], number)
        for blocker in eventlog_blockers(older_than_seconds=OLDER_THAN_SECONDS)[:1]:
            who = str(blocker.pid) if blocker.pid else f"prepared {blocker.prepared}"
            age = blocker.age_seconds if blocker.age_seconds is not None else float("nan")
            withheld.add_metric([who, blocker.database, blocker.role, blocker.application], age)
