"""A card that waits, a target that hears of it, and what the relay and the worker do for it."""

from datetime import timedelta
from typing import Any

from django.db import connection

from chimera.flows.notify import SEND
from chimera.kernel import clock, tenancy
from chimera.kernel.loop import Stop
from chimera.kernel.relay.pace import Pace
from chimera.kernel.relay.slow_lane import SlowLane
from chimera.kernel.relay.tables import Lane
from safety.models import Delivery
from tests.cast import Said, Stage


def card(stage: Stage) -> str:
    """A task that waits for its start by a person: its card is there at once."""
    task = stage.task(stage.session(), execution_mode="manual")
    (review,) = stage.rita.get("reviews", task=task["id"]).ok()["results"]
    return str(review["id"])


def target(stage: Stage, address: str, **more: Any) -> dict[str, Any]:
    body = {"name": "house", "kind": "webhook", "address": address} | more
    made: dict[str, Any] = stage.boss.post("notification-targets", body).ok(201).body
    return made


def relay() -> None:
    """What the lane does with the facts that are there."""
    lane = SlowLane("notify", Stop())
    while lane.step() is Pace.MORE:
        pass


def deliveries(stage: Stage) -> list[Delivery]:
    with stage.bound():
        return list(Delivery.objects.order_by("pk"))


def jobs() -> int:
    """How many times the worker is asked to send."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE task_name = %s AND status = 'todo'", [SEND])
        (number,) = cursor.fetchone()
    return int(number)


def done() -> None:
    """The worker has done what it was asked."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")


def later(by: timedelta = timedelta(hours=1)) -> Any:
    """Longer than any early pause."""
    return clock.held(clock.now() + by)


def forget() -> None:
    """A relay that dies before it has written where it stands begins again."""
    with tenancy.system():
        Lane.objects.filter(name="notify").update(xid=0, seq=0)


def shown(stage: Stage, number: int = 0) -> Said:
    """A delivery as the API shows it; they are numbered in the order in which they were put."""
    found = stage.otto.get("deliveries").ok()["results"][::-1]
    return stage.otto.get(f"deliveries/{found[number]['id']}").ok()
