"""PostgreSQL dies and comes back: the pool of this process is of use again at once, whatever it held meanwhile."""

import threading
import time
from collections.abc import Iterator

import pytest
from django.db import OperationalError, connections

from tests import cluster

pytestmark = pytest.mark.slow

SIZE = 8
ASKS_WITHIN_SECONDS = 3  # longer than a second between attempts, shorter than pauses that have doubled for a while
OUTAGE_SECONDS = 8


@pytest.fixture
def pool(db: None) -> Iterator[None]:
    options = connections["default"].settings_dict["OPTIONS"]
    usual = options["pool"]
    _close()
    options["pool"] = usual | {"max_size": SIZE, "timeout": ASKS_WITHIN_SECONDS}
    yield
    cluster.postgres.start()
    _close()
    options["pool"] = usual


def _close() -> None:
    connections.close_all()  # the owner's connection has no pool that would notice its end
    connections["default"].close_pool()


def _ask() -> int:
    try:
        with connections["default"].cursor() as cursor:
            return int(cursor.execute("SELECT 1").fetchone()[0])
    finally:
        connections["default"].close()


def _ask_together() -> None:
    """So many at once that each has a connection of its own, which then lies idle in the pool."""
    together = threading.Barrier(SIZE)

    def ask() -> None:
        with connections["default"].cursor():
            together.wait(20)
        connections["default"].close()

    threads = [threading.Thread(target=ask) for _ in range(SIZE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert connections["default"].pool.get_stats()["pool_available"] == SIZE


def _wait_until_nobody_answers() -> None:
    """A backend that is asked at the moment in which its server dies may still answer."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            _ask()
        except OperationalError:
            return
    raise AssertionError("somebody still answers")


def test_idle_connections_of_a_dead_server_are_no_obstacle(pool: None) -> None:
    _ask_together()
    cluster.postgres.kill()
    cluster.postgres.start()
    assert _ask() == 1


def test_after_a_long_outage_it_is_back_as_soon_as_the_server_is(pool: None) -> None:
    connections["default"].settings_dict["OPTIONS"]["pool"]["max_size"] = 1  # one: its pauses are nobody else's
    assert _ask() == 1
    cluster.postgres.kill()
    _wait_until_nobody_answers()
    until = time.monotonic() + OUTAGE_SECONDS
    while time.monotonic() < until:
        with pytest.raises(OperationalError):
            _ask()
    cluster.postgres.start()
    assert _ask() == 1
