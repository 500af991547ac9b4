"""What /metrics tells of the relay: lags, parked events, and who holds the log back."""

import pytest
from django.db import OperationalError
from prometheus_client import REGISTRY, generate_latest

from chimera.kernel import relay
from chimera.kernel.loop import Stop
from chimera.kernel.relay import slow_lane
from chimera.kernel.relay.redis_lane import RedisLane
from chimera.kernel.relay.slow_lane import SlowLane
from tests import cluster
from tests.kernel.log import Noted, Writer, drain, note, registered

pytestmark = pytest.mark.usefixtures("db")


def sample(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_a_lane_that_has_caught_up_lags_by_nothing_and_one_that_has_not_by_what_it_misses() -> None:
    note("1")
    with registered({}):
        drain(RedisLane())
    assert sample("chimera_lane_lag_events", lane="redis") == 0
    assert sample("chimera_lane_lag_seconds", lane="redis") == 0
    note("2", "3")
    assert sample("chimera_lane_lag_events", lane="redis") == 2
    lag = sample("chimera_lane_lag_seconds", lane="redis")
    assert lag is not None
    assert 0 < lag < 60


def test_parked_events_are_counted_by_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_lane, "PAUSES_SECONDS", (0.0, 0.0, 0.0))

    def broken(event: object) -> None:
        raise ValueError

    note("1", "2")
    with registered({Noted: [relay.slow("diary", broken)]}):
        drain(SlowLane("diary", Stop()))
    assert sample("chimera_parked_events", lane="diary") == 2


def test_whoever_holds_the_log_back_is_named_with_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chimera.kernel.relay.metrics.OLDER_THAN_SECONDS", 0.0)
    with Writer(application_name="forgetful") as writer:
        writer.note("pending")
        who = {"pid": str(writer.pid), "database": cluster.DATABASE, "role": "chimera_app", "application": "forgetful"}
        held = sample("chimera_eventlog_withheld_seconds", **who)
        assert held is not None
        assert held >= 0
        writer.rollback()
    assert sample("chimera_eventlog_withheld_seconds", **who) is None


def test_without_a_database_that_alone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*families: object) -> None:
        raise OperationalError("connection refused")

    assert b"chimera_eventlog_readable 1.0" in generate_latest()
    monkeypatch.setattr("chimera.kernel.relay.metrics._measure", away)
    told = generate_latest()
    assert b"chimera_eventlog_readable 0.0" in told
    assert b"chimera_lane_lag_events{" not in told
