"""Eight agents, one task: one gets it. With the guards off the same race has more winners, so the test can see them."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from chimera.flows.claim_tasks import claim_tasks
from chimera.kernel import redis
from chimera.kernel.actors import SYSTEM
from chimera.kernel.eventlog import Event
from swarm.actions import agents, claims, listed
from swarm.actions.limits import Admitted
from swarm.models import AgentProfile, Task
from tests import cluster
from tests.cast import Caller, Stage
from tests.races.threads import PATIENCE_SECONDS, InBackground, at_once, wait_for_waiters

Settle = Callable[[], None]
AGENTS = 8


@pytest.fixture
def rivals(acme: Stage) -> list[Caller]:
    with acme.bound():
        made = [
            agents.register(name=f"rival {n}", role="worker", capabilities=[], tools_config={}, max_slots=4, by=SYSTEM)
            for n in range(AGENTS)
        ]
    return [Caller(key, id=str(agent.pk), name=agent.name) for agent, key in made]


@pytest.fixture
def task(acme: Stage, settle: Settle) -> UUID:
    made = acme.task(acme.session())
    settle()
    return UUID(made["id"])


def race(acme: Stage, rivals: list[Caller], task: UUID) -> list[list[UUID]]:
    """Redis has given the same id to all, as it may after a loss; who claims it?"""

    return at_once([lambda rival=rival: claimed(acme, rival, task) for rival in rivals])


def claimed(acme: Stage, rival: Caller, task: UUID) -> list[UUID]:
    with acme.bound():
        won = claim_tasks(agent_id=UUID(rival.id), most=1, popped=[task], redis_away=False, by=rival.actor)
        return [claim.task.pk for claim in won.claims]


def winners(answers: list[Any]) -> int:
    assert all(isinstance(answer, list) for answer in answers), answers
    return sum(bool(answer) for answer in answers)


@pytest.fixture
def nothing_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one statement would take is left to `swarm.actions.claims`."""
    monkeypatch.setattr(listed, "_TAKE", listed._TAKE.replace(listed._PLAIN, "false"))


@pytest.fixture
def everyone_has_seen_it(monkeypatch: pytest.MonkeyPatch, nothing_is_plain: None) -> None:
    """The lock is off: all read the task as queued before anybody takes it."""
    seen = threading.Barrier(AGENTS)

    def queued_for(agent: AgentProfile, *, popped: list[UUID], **_: Any) -> Admitted:
        found = list(Task.objects.filter(pk__in=popped, status="queued").values_list("pk", flat=True))
        seen.wait(PATIENCE_SECONDS)
        return Admitted(found, [])

    monkeypatch.setattr(claims, "queued_for", queued_for)


@pytest.mark.usefixtures("everyone_has_seen_it")
def test_control_without_guards_all_eight_believe_that_they_won(
    acme: Stage, rivals: list[Caller], task: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "still_queued", lambda ids: Task.objects.filter(pk__in=ids))
    assert winners(race(acme, rivals, task)) == AGENTS


@pytest.mark.usefixtures("everyone_has_seen_it")
def test_without_the_lock_compare_and_set_alone_leaves_one_winner(
    acme: Stage, rivals: list[Caller], task: UUID
) -> None:
    assert winners(race(acme, rivals, task)) == 1


@pytest.fixture
def everyone_waits_for_its_row(
    acme: Stage, task: UUID, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], None]]:
    """No claim locks it: all have seen it queued when the one that holds its row lets go, which is when this is called."""
    unlocked = listed._TAKE.replace("FOR NO KEY UPDATE OF t SKIP LOCKED", "")
    assert unlocked != listed._TAKE
    monkeypatch.setattr(listed, "_TAKE", unlocked)
    with psycopg.connect(cluster.postgres.urls.superuser) as holder:
        holder.execute("SELECT 1 FROM swarm_task WHERE id = %s FOR UPDATE", [task])

        def let_go() -> None:
            wait_for_waiters(AGENTS, asking="WITH me AS MATERIALIZED")
            holder.rollback()

        yield let_go


def test_control_without_its_guards_the_statement_takes_a_task_from_its_holder(
    acme: Stage, rivals: list[Caller], task: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    unguarded = listed._TAKE.replace("t.status = 'queued' AND t.role", "t.role")
    unguarded = unguarded.replace("AND t.status = 'queued'\n        RETURNING", "RETURNING")
    assert "'queued'" not in unguarded
    monkeypatch.setattr(listed, "_TAKE", unguarded)
    assert [claimed(acme, rival, task) for rival in rivals[:2]] == [[task], [task]]


def test_a_task_is_not_taken_from_its_holder(acme: Stage, rivals: list[Caller], task: UUID) -> None:
    assert [claimed(acme, rival, task) for rival in rivals[:2]] == [[task], []]


def test_without_its_lock_the_statement_looks_again_and_leaves_one_winner(
    acme: Stage, rivals: list[Caller], task: UUID, everyone_waits_for_its_row: Callable[[], None]
) -> None:
    letting_go = InBackground(everyone_waits_for_its_row)
    assert winners(race(acme, rivals, task)) == 1
    letting_go.answer()


@pytest.mark.usefixtures("nothing_is_plain")
def test_of_eight_agents_one_wins_what_is_not_plain(acme: Stage, rivals: list[Caller], task: UUID) -> None:
    assert winners(race(acme, rivals, task)) == 1


def test_of_eight_agents_one_wins(acme: Stage, rivals: list[Caller], task: UUID) -> None:
    assert winners(race(acme, rivals, task)) == 1
    with acme.bound():
        row = Task.objects.get(pk=task)
    assert (row.status, row.attempt_count) == ("running", 1)
    shown = acme.otto.get(f"sessions/{row.session_id}/events").ok()["results"]
    assert Counter(event["type"] for event in shown)["swarm.task.claimed.v1"] == 1


def test_at_the_door_each_of_many_tasks_has_one_winner(acme: Stage, rivals: list[Caller], settle: Settle) -> None:
    session = acme.session()
    created = [acme.task(session)["id"] for _ in range(AGENTS * 2)]
    settle()
    answers = at_once([lambda rival=rival: rival.claim(4) for rival in rivals])
    assert sorted(_ids(answers)) == sorted(created)


@pytest.fixture
def redis_is_dead(acme: Stage) -> Iterator[Callable[[], None]]:
    """Call it to kill Redis."""
    yield cluster.redis.kill
    cluster.redis.start()
    redis.try_again()


def test_while_redis_is_away_each_task_still_has_one_winner(
    acme: Stage, rivals: list[Caller], settle: Settle, redis_is_dead: Callable[[], None]
) -> None:
    session = acme.session()
    created = [acme.task(session)["id"] for _ in range(AGENTS * 2)]
    settle()
    redis_is_dead()
    claimed: list[str] = []
    for _ in range(AGENTS):  # SKIP LOCKED passes over what a rival is just looking at: ask again
        claimed += _ids(at_once([lambda rival=rival: rival.claim(4) for rival in rivals]))
        if len(claimed) >= len(created):
            break
    assert sorted(claimed) == sorted(created)


def _ids(answers: list[list[dict[str, Any]]]) -> list[str]:
    return [claim["task"]["id"] for answer in answers for claim in answer]


def test_what_a_list_names_twice_is_claimed_once_and_told_once(acme: Stage, task: UUID) -> None:
    with acme.bound():
        got = claim_tasks(agent_id=UUID(acme.ada.id), most=2, popped=[task, task], redis_away=False, by=acme.ada.actor)
        told = Event.objects.filter(task_id=task, type="swarm.task.claimed.v1").count()
    assert ([claim.task.pk for claim in got.claims], told) == ([task], 1)
