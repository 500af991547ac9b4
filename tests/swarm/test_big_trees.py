"""Ten thousand tasks under one parent: cancelled, stopped, paused and joined, in bounded statements and within seconds."""

import time
from collections.abc import Callable
from uuid import UUID

import pytest
from django.conf import settings

from chimera.flows import cancel_many
from chimera.kernel import clock
from chimera.kernel.eventlog import Event
from swarm.models import Task
from tests.cast import Stage
from tests.swarm.letters import statuses
from tests.swarm.trees import MANY, children, depend

Settle = Callable[[], None]
SECONDS_MAX = 60  # on a machine that others use too; alone it takes a tenth


def lease_all(stage: Stage, task_ids: list[UUID]) -> None:
    """As if Ada had claimed them."""
    with stage.bound():
        Task.objects.filter(pk__in=task_ids).update(
            status="running",
            agent_id=stage.ada.id,
            lease_token=UUID(int=1),
            lease_expires_at=clock.now() + settings.LEASE,
            started_at=clock.now(),
        )


@pytest.mark.slow
def test_a_cancel_reaches_ten_thousand_children_and_their_join_and_revokes_leases(acme: Stage, settle: Settle) -> None:
    session = acme.session()["id"]
    parent = acme.task(session)["id"]
    made = children(acme, session, MANY, parent=parent)
    join = acme.task(session)["id"]
    depend(acme, join, made)
    acme.task(session, description="another's")
    settle()
    lease_all(acme, made[: MANY // 2])
    began = time.monotonic()
    acme.otto.post(f"tasks/{parent}/cancel").ok()
    settle()
    took = time.monotonic() - began
    assert statuses(acme) == {"cancelled": MANY + 2, "queued": 1}
    assert took < SECONDS_MAX
    with acme.bound():
        assert not Task.objects.filter(lease_token__isnull=False).exists()
        assert Event.objects.filter(type="swarm.task.cancelled.v1").count() == MANY + 2
