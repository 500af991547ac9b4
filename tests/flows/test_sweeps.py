"""Work that comes in heaps is done in slices, and nothing is left over."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chimera.flows import cancel_task, flush_progress
from chimera.kernel import clock, eventlog, redis, tenancy
from chimera.kernel.sweep import Incomplete
from swarm import dispatch
from swarm.dispatch import lists, queueing, stock
from swarm.models import SwarmSession, Task
from tests import cluster
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
    return [lists.id_of(entry) for entry in found]


def ahead(seconds: float) -> str:
    return (clock.now() + timedelta(seconds=seconds)).isoformat()


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


def test_a_heap_that_waits_is_looked_over_in_turns_and_none_in_it_is_missed(
    acme: Stage, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queueing, "LOOK_MAX", 2)
    session = acme.session()
    for _ in range(5):
        acme.task(session, not_before=ahead(600))
    settle()
    lost = acme.task(session)["id"]  # its reaction never came
    looks = 0
    while statuses(acme)["pending"] == 6:
        dispatch.queue_due()
        looks += 1
    assert looks == 3
    assert listed(acme) == [lost]


def test_whose_time_has_come_is_not_kept_waiting_by_the_heap_before_it(
    acme: Stage, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queueing, "LOOK_MAX", 2)
    session = acme.session()
    for _ in range(5):
        acme.task(session, not_before=ahead(600))
    timed = acme.task(session, not_before=ahead(30))["id"]
    settle()
    with clock.held(clock.now() + timedelta(seconds=31)):
        dispatch.queue_due()
    assert listed(acme) == [timed]
    dispatch.queue_due()  # comes round to the end, so that the next begins anew
    dispatch.queue_due()


def test_an_open_task_of_an_ended_session_is_found_among_those_of_open_ones(acme: Stage, settle: Settle) -> None:
    session, ended = acme.session(), acme.session()
    kept = acme.task(session)["id"]
    acme.task(session, not_before=ahead(600))
    orphan = acme.task(ended)["id"]
    settle()
    with acme.bound():
        SwarmSession.objects.filter(pk=ended["id"]).update(status="stopped", ended_at=clock.now())
    assert cancel_task.cancel_orphans() == 1
    with acme.bound():
        assert {str(task.pk): task.status for task in Task.objects.filter(pk__in=[kept, orphan])} == {
            kept: "queued",
            orphan: "cancelled",
        }
    assert cancel_task.cancel_orphans() == 0


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
    redis.client().lrem(redis.queue("normal", acme.tenant_id, "worker"), 1, f"{lost} research")
    dispatch.restock()
    assert sorted([*listed(acme), *listed(acme, "low"), str(popped)]) == sorted([low, *tasks])
    redis.client().flushall()
    dispatch.restock()
    assert (listed(acme, "low"), listed(acme)) == ([low], tasks)


def test_a_list_is_filled_up_to_its_limit_and_again_when_it_has_room(
    acme: Stage, settle: Settle, sliced: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stock, "STOCK_MAX", 4)
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
    monkeypatch.setattr(stock, "_fill", pytest.fail)
    dispatch.restock()


# ------------------------------------------------------------------ progress, stops, cancels


def test_progress_is_flushed_in_slices(acme: Stage, settle: Settle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flush_progress, "SLICE_MAX", SLICE)
    session = acme.session()
    for _ in range(5):
        acme.task(session)
    settle()
    for claim in acme.ada.claim(5):
        body = {"lease_token": claim["lease_token"], "progress": {"phase": "reading"}}
        acme.ada.post(f"tasks/{claim['task']['id']}/heartbeat", body).ok()
    assert [flush_progress.flush_progress(), flush_progress.flush_progress()] == [5, 0]


def test_a_cancel_goes_down_in_slices_until_nothing_is_left(
    acme: Stage, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancel_task, "AT_ONCE_MAX", SLICE)
    session = acme.session()
    top = acme.task(session)["id"]
    child = acme.task(session, parent_task=top)["id"]
    for _ in range(3):
        acme.task(session, parent_task=child)
        acme.task(session, depends_on=[child])
    other = acme.task(session)["id"]
    settle()
    acme.otto.post(f"tasks/{top}/cancel").ok()
    with tenancy.system():
        (told,) = [e for e in eventlog.read(eventlog.START, limit=1000) if e.type == "swarm.task.cancelled.v1"]
    cancel_task.cancel_below(told)  # this alone, without those that follow it
    assert statuses(acme) == {"cancelled": 8, "queued": 1}
    assert acme.pia.get(f"tasks/{other}").ok()["status"] == "queued"


def test_what_resists_a_cancel_keeps_the_rest_from_nothing_and_is_tried_again(
    acme: Stage, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancel_task, "AT_ONCE_MAX", SLICE)
    session = acme.session()
    top = acme.task(session)["id"]
    children = [acme.task(session, parent_task=top)["id"] for _ in range(5)]
    settle()
    acme.otto.post(f"tasks/{top}/cancel").ok()
    with tenancy.system():
        (told,) = [e for e in eventlog.read(eventlog.START, limit=1000) if e.type == "swarm.task.cancelled.v1"]
    with psycopg.connect(cluster.postgres.urls.superuser) as elsewhere:
        elsewhere.execute("SELECT 1 FROM swarm_task WHERE id = %s FOR UPDATE", [children[0]])
        with pytest.raises(Incomplete):
            cancel_task.cancel_below(told)
        assert statuses(acme) == {"cancelled": 5, "queued": 1}
    cancel_task.cancel_below(told)
    assert statuses(acme) == {"cancelled": 6}


def test_a_campaign_stopped_over_the_api_has_no_open_task_when_the_answer_comes(acme: Stage, settle: Settle) -> None:
    campaign = acme.otto.post("campaigns", {"name": "c", "goal": "g"}).ok(201)
    for _ in range(2):
        acme.task(acme.session(campaign=campaign["id"]))
    acme.task(acme.session())
    settle()
    acme.otto.post(f"campaigns/{campaign['id']}/stop", {"reason": "over"}).ok()
    assert statuses(acme) == {"cancelled": 2, "queued": 1}


def test_a_stop_locks_every_session_before_it_writes(acme: Stage) -> None:
    campaign = acme.otto.post("campaigns", {"name": "c", "goal": "g"}).ok(201)
    for _ in range(3):
        acme.session(campaign=campaign["id"])
    with CaptureQueriesContext(connection) as seen:
        acme.otto.post(f"campaigns/{campaign['id']}/stop", {"reason": "over"}).ok()
    said = [query["sql"] for query in seen.captured_queries]
    locks = [n for n, sql in enumerate(said) if "FOR NO KEY UPDATE" in sql]
    writes = [n for n, sql in enumerate(said) if sql.startswith(("UPDATE", "INSERT"))]
    assert len(locks) == 2
    assert max(locks) < min(writes)
