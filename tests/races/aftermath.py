"""What a death left behind, and how the house finds it."""

from datetime import timedelta
from typing import Any

from django.db import connection

from chimera.kernel import clock, tenancy
from swarm import dispatch


def bring_back() -> None:
    """The relay's clock finds what a dead process had popped."""
    with clock.held(clock.now() + timedelta(seconds=dispatch.INFLIGHT_SECONDS + 1)):
        dispatch.restock()


def log_and_cursors() -> Any:
    with tenancy.system(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM kernel_event")
        events = cursor.fetchone()
        cursor.execute("SELECT name, xid, seq FROM kernel_lane ORDER BY name")
        return events, cursor.fetchall()
