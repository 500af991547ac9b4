"""Joins of many: named by their parent, released once and by whichever child is the last, at a cost that does not grow."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from chimera.kernel import clock
from chimera.kernel.eventlog import Event
from chimera.kernel.relay import direct
from swarm.dispatch import queueing
from swarm.models import Task, TaskDependency
from tests.cast import Stage
from tests.races.threads import at_once
from tests.swarm.letters import many
from tests.swarm.trees import MANY, children, depend

Settle = Callable[[], None]


def status(stage: Stage, task: str) -> str:
    return str(stage.pia.get(f"tasks/{task}").ok()["status"])


def complete(stage: Stage, task_ids: list[UUID]) -> None:
    """Without the detour of claims, and unknown to the relay."""
    with stage.bound():
        Task.objects.filter(pk__in=task_ids).update(status="completed", completed_at=clock.now())


def release(completed: list[UUID]) -> list[str]:
    """What the relay does for these facts."""
    return [str(task.id) for task in queueing.make_queued(queueing.waiting_for(completed))]


def told_queued(stage: Stage, task: str) -> int:
    with stage.bound():
        return int(Event.objects.filter(type="swarm.task.queued.v1", task_id=task).count())


# ------------------------------------------------------------------ the API


def test_a_join_waits_for_all_children_that_its_parent_has_by_then(acme: Stage, settle: Settle) -> None:
    session = acme.session()["id"]
    parent = acme.task(session)["id"]
    made = many(acme, session, 3, parent_task=parent)
    join = acme.task(session, depends_on_children_of=parent, parent_task=parent)
    assert (sorted(join["depends_on"]), join["depends_on_count"]) == (sorted(made), 3)
    acme.task(session, parent_task=parent)  # came later
    settle()
    claims = {claim["task"]["id"]: claim for claim in acme.ada.claim(8)}
    for number, task in enumerate(made):
        assert status(acme, join["id"]) == "pending", number
        acme.ada.finish(claims[task]).ok()
        settle()
    assert status(acme, join["id"]) == "queued"


def test_joins_of_one_call_do_not_wait_for_one_another(acme: Stage) -> None:
    session = acme.session()["id"]
    parent = acme.task(session)["id"]
    made = many(acme, session, 2, parent_task=parent)
    joins = many(acme, session, 2, parent_task=parent, depends_on_children_of=parent, depends_on=made[:1])
    with acme.bound():
        edges = TaskDependency.objects.filter(task_id__in=joins).values_list("task_id", "depends_on_id")
        assert sorted((str(a), str(b)) for a, b in edges) == sorted((j, m) for j in joins for m in made)


def test_what_cannot_be_waited_for_is_refused(acme: Stage, settings: Any) -> None:
    session, elsewhere = acme.session()["id"], acme.session()["id"]
    parent, barren, far = (acme.task(s)["id"] for s in (session, session, elsewhere))
    child = acme.task(session, parent_task=parent)["id"]
    body = {"session": session, "type": "join", "input_payload": {}}
    for named, code in (
        (str(uuid4()), "unknown_task"),
        (far, "other_session"),
        (barren, "no_children"),
        ("nonsense", "invalid"),
    ):
        acme.pia.post("tasks", body | {"depends_on_children_of": named}).refused(422, code)
    settings.DEPENDENCIES_MAX = 1
    acme.pia.post("tasks/batch", {"tasks": [body | {"depends_on_children_of": parent}] * 2}).refused(
        422, "too_many_dependencies"
    )
    acme.otto.post(f"tasks/{child}/cancel").ok()
    acme.pia.post("tasks", body | {"depends_on_children_of": parent}).refused(422, "dependency_cancelled")


def test_a_cancelled_task_takes_no_new_children(acme: Stage) -> None:
    session = acme.session()["id"]
    parent = acme.task(session)["id"]
    acme.otto.post(f"tasks/{parent}/cancel").ok()
    body = {"session": session, "type": "part", "input_payload": {}, "parent_task": parent}
    acme.pia.post("tasks", body).refused(422, "parent_cancelled")


# ------------------------------------------------------------------ ten thousand


@pytest.mark.slow
def test_a_join_of_ten_thousand_is_made_in_one_call_shown_in_part_and_released_once(acme: Stage) -> None:
    session = acme.session()["id"]
    parent = acme.task(session)["id"]
    made = children(acme, session, MANY, parent=parent)
    join = acme.task(session, depends_on_children_of=parent)
    assert join["depends_on"] == [str(child) for child in made[:1_000]]
    assert join["depends_on_count"] == MANY
    complete(acme, made[:-1])
    for first in range(0, MANY, 2_000):
        assert release(made[first : first + 2_000]) == []
    complete(acme, made[-1:])
    assert release(made[-1:]) == [join["id"]]
    assert release(made[-1:]) == []  # a batch that is repeated
    assert told_queued(acme, join["id"]) == 1


def _looked_at(stage: Stage, join: str) -> int:
    """Rows of tasks and dependencies that one look at the join reads."""
    sql = f"EXPLAIN (ANALYZE, FORMAT JSON, COSTS OFF, TIMING OFF) {queueing._RELEASED}"
    (((plan,),),) = (direct.ask(sql, queueing.rule() | queueing._those([UUID(join)]) | {"most": 500}),)
    return _rows(plan[0]["Plan"])


def _rows(node: dict[str, Any]) -> int:
    own = int(node["Actual Rows"] * node["Actual Loops"]) if "Scan" in node["Node Type"] else 0
    return own + sum(_rows(child) for child in node.get("Plans", ()))


ORDERS: dict[str, Callable[[list[UUID]], list[UUID]]] = {
    "the oldest first": lambda made: made,
    "the youngest first": lambda made: made[::-1],
    "every third, then the others": lambda made: made[::3] + [t for n, t in enumerate(made) if n % 3],
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_a_look_at_a_join_costs_the_same_for_many_as_for_few(
    acme: Stage, order: Callable[[list[UUID]], list[UUID]]
) -> None:
    session, cost = acme.session()["id"], {}
    for number in (20, 2_000):
        made = order(children(acme, session, number))
        join = acme.task(session)["id"]
        depend(acme, join, made)
        complete(acme, made[: number * 3 // 4])
        cost[number] = _looked_at(acme, join)
    assert cost[2_000] <= cost[20] + 8, cost


# ------------------------------------------------------------------ races


def _last_two_at_once(stage: Stage, settle: Settle) -> str:
    """The agents finish at the same moment, and two relays, each with one of the facts, look at the join."""
    session = stage.session()["id"]
    made = many(stage, session, 2)
    join = str(stage.task(session, depends_on=made)["id"])
    settle()
    first, second = stage.ada.claim(2)
    at_once([lambda: stage.ada.finish(first).ok(), lambda: stage.ada.finish(second).ok()])
    waiting = [queueing.waiting_for([UUID(task)]) for task in made]
    assert waiting == [[UUID(join)]] * 2
    answers = at_once([lambda: _queued_elsewhere(waiting[0]), lambda: _queued_elsewhere(waiting[1])])
    assert answers == [None, None]
    return join


def _queued_elsewhere(task_ids: list[UUID]) -> None:
    try:
        queueing.make_queued(task_ids)
    finally:
        direct.close()


def test_two_last_children_that_finish_at_once_release_the_join_once(acme: Stage, settle: Settle) -> None:
    for _ in range(5):
        join = _last_two_at_once(acme, settle)
        assert status(acme, join) == "queued"
        assert told_queued(acme, join) == 1


def test_without_its_guards_the_join_is_released_twice(
    acme: Stage, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    unguarded = queueing._QUEUE_BOUND.replace("FOR NO KEY UPDATE OF t SKIP LOCKED", "").replace(
        "t.status = 'pending'", "t.status IN ('pending', 'queued')"
    )
    monkeypatch.setattr(queueing, "_QUEUE_BOUND", unguarded)
    for _ in range(10):
        if told_queued(acme, _last_two_at_once(acme, settle)) == 2:
            return
    raise AssertionError("the guards were off, and nothing was told twice: this race shows nothing")
