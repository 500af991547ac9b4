"""Work that comes in heaps is done in slices, and nothing is left over."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from chimera.kernel import redis
from swarm import dispatch
from swarm.models import Task
from tests.cast import Stage

Settle = Callable[[], None]
SLICE = 2


@pytest.fixture
def sliced(settings: Any) -> None:
    settings.RELAY_BATCH = SLICE


def statuses(stage: Stage) -> dict[str, int]:
    with stage.bound():
        return dict(Counter(Task.objects.values_list("status", flat=True)))


def listed(stage: Stage, band: str = "normal") -> list[str]:
    found: Any = redis.client().lrange(redis.queue(band, stage.tenant_id, "worker"), 0, -1)
    return found


def drop_lists(stage: Stage) -> None:
    redis.client().delete(*(redis.queue(band, stage.tenant_id, "worker") for band in redis.PRIORITIES))


# ------------------------------------------------------------------ dispatch


def test_a_completed_task_releases_a_slice_of_its_dependents_and_the_clock_the_rest(
    acme: Stage, settle: Settle, sliced: None
) -> None:
    session = acme.session()
    top = acme.task(session)["id"]
    waiting = {acme.task(session, depends_on=[top])["id"] for _ in range(5)}
    settle()
    (claim,) = acme.ada.claim()
    acme.ada.finish(claim).ok()
    settle()
    assert len(listed(acme)) == SLICE
    dispatch.queue_due()
    assert set(listed(acme)) == waiting
    assert statuses(acme) == {"completed": 1, "queued": 5}


@pytest.mark.parametrize("house", ["session", "campaign"])
def test_a_resumed_house_hands_out_a_slice_at_once_and_the_rest_by_the_clock(
    acme: Stage, settle: Settle, sliced: None, house: str
) -> None:
    campaign = acme.otto.post("campaigns", {"name": "c", "goal": "g"}).ok(201)
    session = acme.session(campaign=campaign["id"])
    tasks = [acme.task(session)["id"] for _ in range(4)]
    settle()
    path = f"sessions/{session['id']}" if house == "session" else f"campaigns/{campaign['id']}"
    acme.otto.post(f"{path}/pause").ok()
    later = acme.task(session)["id"]
    settle()
    drop_lists(acme)  # a paused house's ids are popped and forgotten
    acme.otto.post(f"{path}/resume").ok()
    settle()
    assert listed(acme) == tasks[:SLICE]
    assert statuses(acme) == {"queued": 4, "pending": 1}  # the reaction itself makes nothing QUEUED
    dispatch.queue_due()
    dispatch.restock()
    assert sorted(listed(acme)) == sorted([*tasks, later])


def test_a_house_that_is_paused_and_resumed_over_and_over_doubles_no_id(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    tasks = [acme.task(session)["id"] for _ in range(3)]
    settle()
    for _ in range(3):
        acme.otto.post(f"sessions/{session['id']}/pause").ok()
        acme.otto.post(f"sessions/{session['id']}/resume").ok()
        settle()
    assert listed(acme) == tasks


def test_restock_pushes_in_slices_what_neither_list_nor_inflight_knows(
    acme: Stage, settle: Settle, sliced: None
) -> None:
    session = acme.session()
    low = acme.task(session, priority=0)["id"]
    tasks = [acme.task(session)["id"] for _ in range(5)]
    settle()
    (popped,) = dispatch.pop(tenant_id=acme.tenant_id, role="worker", most=1) or []
    lost = tasks[3]
    redis.client().lrem(redis.queue("normal", acme.tenant_id, "worker"), 1, lost)
    dispatch.restock()
    assert sorted([*listed(acme), *listed(acme, "low"), str(popped)]) == sorted([low, *tasks])
    redis.client().flushall()
    dispatch.restock()
    assert (listed(acme, "low"), listed(acme)) == ([low], tasks)


def test_a_list_is_filled_up_to_its_limit_and_again_when_it_has_room(
    acme: Stage, settle: Settle, sliced: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "STOCK_MAX", 4)
    session = acme.session()
    tasks = [acme.task(session)["id"] for _ in range(7)]
    settle()
    drop_lists(acme)
    dispatch.restock()
    dispatch.restock()
    assert listed(acme) == tasks[:4]
    acme.ada.claim(3)
    dispatch.restock()
    assert listed(acme) == tasks[3:7]


def test_a_full_list_is_counted_and_not_compared(acme: Stage, settle: Settle, monkeypatch: pytest.MonkeyPatch) -> None:
    acme.task(acme.session())
    settle()
    monkeypatch.setattr(dispatch, "_fill", pytest.fail)
    dispatch.restock()
