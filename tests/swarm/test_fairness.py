"""Sessions take turns, and low priorities are not starved by a flood of high ones."""

from typing import Any

import pytest

from chimera.kernel.actors import SYSTEM
from swarm import dispatch
from swarm.actions import agents
from swarm.dispatch import lists
from tests.cast import Caller, Stage
from tests.lanes import settle

FLOOD = 300


@pytest.fixture
def mia(acme: Stage) -> Caller:
    with acme.bound():
        agent, key = agents.register(
            name="mia", role="worker", capabilities=[], tools_config={}, max_slots=64, by=SYSTEM
        )
    return Caller(key, id=str(agent.pk), name="mia")


def offer(acme: Stage, number: int, **more: Any) -> str:
    """So many tasks of a new session; its id."""
    session: str = acme.session()["id"]
    body = {"session": session, "type": "render", "input_payload": {}, **more}
    acme.pia.post("tasks/batch", {"tasks": [body] * number}).ok(201)
    settle()
    return session


def sessions_of(claims: list[dict[str, Any]]) -> list[str]:
    return [claim["task"]["session"] for claim in claims]


OF_ANY_TYPE: dict[str, Any] = {}
OF_ITS_TYPES = {"types": ["render", "draw"]}
ways = pytest.mark.parametrize("asked", [OF_ANY_TYPE, OF_ITS_TYPES], ids=["of any type", "of its types"])


@ways
def test_a_flood_of_one_session_does_not_keep_another_waiting(acme: Stage, mia: Caller, asked: dict[str, Any]) -> None:
    flood = offer(acme, FLOOD)
    small = offer(acme, 4)
    third = offer(acme, 2)
    dispatch.deal()
    taken = sessions_of(mia.claim(8, **asked))
    assert sorted(taken) == sorted([flood] * 3 + [small] * 3 + [third] * 2)


def test_without_turns_the_flood_goes_first(acme: Stage, mia: Caller) -> None:
    flood = offer(acme, FLOOD)
    offer(acme, 4)
    assert set(sessions_of(mia.claim(64))) == {flood}


def test_turns_lose_no_task_and_double_none(acme: Stage, mia: Caller) -> None:
    for number in (40, 3, 17):
        offer(acme, number)
    dispatch.deal()
    dispatch.deal()
    taken = [claim["task"]["id"] for claim in mia.claim(60)]
    assert len(set(taken)) == len(taken) == 60
    assert mia.claim(4) == []


def test_within_a_turn_the_better_priority_goes_first(acme: Stage, mia: Caller) -> None:
    session: str = acme.session()["id"]
    bodies = [{"session": session, "type": "render", "input_payload": {}, "priority": 40 + n % 20} for n in range(40)]
    acme.pia.post("tasks/batch", {"tasks": bodies}).ok(201)
    settle()
    offer(acme, 1, priority=40)
    dispatch.deal()
    mine = [claim["task"]["priority"] for claim in mia.claim(10) if claim["task"]["session"] == session]
    assert mine == sorted(mine, reverse=True)
    assert mine[0] == 59


@ways
def test_lesser_priorities_still_come_under_a_flood_of_high_ones(
    acme: Stage, mia: Caller, asked: dict[str, Any]
) -> None:
    offer(acme, FLOOD, priority=90)
    normal = offer(acme, FLOOD, priority=50)
    low = offer(acme, FLOOD, priority=5)
    taken: list[str] = []
    for _ in range(24):
        claims = mia.claim(1, **asked)
        taken += sessions_of(claims)
        mia.finish(claims[0]).ok()
    assert (taken.count(normal), taken.count(low)) == (6, 3)


def test_who_works_on_some_types_gets_those_alone_and_leaves_the_others_as_they_stood(acme: Stage, mia: Caller) -> None:
    others = offer(acme, 40, type="print")
    mine = offer(acme, 3)
    assert sessions_of(mia.claim(2, types=["render"])) == [mine] * 2
    assert sessions_of(mia.claim(64)) == [others] * 40 + [mine]


def test_types_behind_a_long_list_of_others_are_found_all_the_same(
    acme: Stage, mia: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "LOOKED_AT_MAX", 8)
    offer(acme, 40, type="print")
    mine = offer(acme, 3)
    assert sessions_of(mia.claim(2, types=["render"])) == [mine] * 2
    assert dispatch.pop(tenant_id=acme.tenant_id, role="worker", most=1, types=["render"]) is None  # it cannot tell
    assert dispatch.pop(tenant_id=acme.tenant_id, role="worker", most=1, types=["print"]) != []
