"""Concurrency limits: set by operators, kept by claims through Redis and through PostgreSQL, and gone when they are removed."""

from typing import Any

import pytest

from chimera.kernel.actors import SYSTEM
from swarm.actions import agents
from tests.cast import Caller, Stage
from tests.lanes import settle


@pytest.fixture
def mia(acme: Stage) -> Caller:
    """A worker with many slots."""
    with acme.bound():
        agent, key = agents.register(
            name="mia", role="worker", capabilities=[], tools_config={}, max_slots=64, by=SYSTEM
        )
    return Caller(key, id=str(agent.pk), name="mia")


def offer(acme: Stage, number: int, **more: Any) -> list[str]:
    session = acme.session()
    body = {"session": session["id"], "type": "render", "input_payload": {}, **more}
    made = acme.pia.post("tasks/batch", {"tasks": [body] * number}).ok(201)["tasks"]
    settle()
    return [task["id"] for task in made]


def test_the_next_of_a_key_follows_the_one_that_ended(acme: Stage, mia: Caller) -> None:
    first, second, third = offer(acme, 3, concurrency_key="printer")
    (claim,) = mia.claim(10)
    assert claim["task"]["id"] == first
    assert mia.claim(10) == []
    for expected in (second, third):
        mia.finish(claim).ok()
        settle()
        (claim,) = mia.claim(10)
        assert claim["task"]["id"] == expected


def test_a_full_key_hides_nobody_else(acme: Stage, mia: Caller) -> None:
    offer(acme, 30, concurrency_key="printer", priority=60)
    others = offer(acme, 3)
    taken: list[str] = []
    for _ in range(5):
        taken += [claim["task"]["id"] for claim in mia.claim(8)]
    assert set(others) < set(taken)
    assert len(taken) == 1 + len(others)


def test_a_full_key_hides_nobody_from_a_claim_by_type(acme: Stage, mia: Caller) -> None:
    offer(acme, 30, concurrency_key="printer", priority=60)
    offer(acme, 3)
    assert len(mia.claim(1, types=["render"])) == 1
    assert len(mia.claim(8, types=["render"])) == 3


def test_what_a_limit_keeps_back_stays_at_the_front(acme: Stage, mia: Caller) -> None:
    acme.otto.post("concurrency-limits", {"scope": "tenant", "running_max": 2}).ok(201)
    made = offer(acme, 6)
    claims = mia.claim(6)
    assert [claim["task"]["id"] for claim in claims] == made[:2]
    assert mia.claim(6) == []
    mia.finish(claims[0]).ok()
    (claim,) = mia.claim(6)
    assert claim["task"]["id"] == made[2]


def test_a_changed_limit_acts_from_the_next_claim_on(acme: Stage, mia: Caller) -> None:
    limit = acme.otto.post("concurrency-limits", {"scope": "role", "value": "worker", "running_max": 1}).ok(201)
    offer(acme, 6)
    assert len(mia.claim(6)) == 1
    acme.otto.patch(f"concurrency-limits/{limit['id']}", {"running_max": 3}).ok()
    assert len(mia.claim(6)) == 2
    acme.otto.patch(f"concurrency-limits/{limit['id']}", {"running_max": 0}).ok()
    assert mia.claim(6) == []
    acme.otto.post(f"concurrency-limits/{limit['id']}/remove").ok()
    assert len(mia.claim(6)) == 3
    acme.otto.get(f"concurrency-limits/{limit['id']}").refused(404, "not_found")


def test_a_limit_is_its_tenants_own(acme: Stage, zenith: Stage, mia: Caller) -> None:
    zenith.otto.post("concurrency-limits", {"scope": "tenant", "running_max": 0}).ok(201)
    offer(acme, 2)
    assert len(mia.claim(2)) == 2
    assert acme.otto.get("concurrency-limits").ok()["results"] == []


def test_what_a_limit_cannot_be_is_refused(acme: Stage) -> None:
    acme.otto.post("concurrency-limits", {"scope": "tenant", "running_max": 2}).ok(201)
    acme.otto.post("concurrency-limits", {"scope": "tenant", "running_max": 3}).refused(409, "limit_exists")
    for odd in (
        {"scope": "tenant", "value": "all", "running_max": 1},
        {"scope": "role", "value": "reviewer", "running_max": 1},
        {"scope": "role", "running_max": 1},
        {"scope": "key", "value": "k", "running_max": -1},
        {"scope": "key", "value": "k", "running_max": 1.5},
        {"scope": "key", "value": "k", "running_max": True},
        {"scope": "moon", "running_max": 1},
        {"scope": "key", "value": "k\x00", "running_max": 1},
    ):
        acme.otto.post("concurrency-limits", odd).refused(422, "invalid")
    acme.ada.post("concurrency-limits", {"scope": "tenant", "running_max": 1}).refused(403, "role")


def test_a_removed_limit_says_what_is_left_in_its_place(acme: Stage) -> None:
    def made(scope: str, value: str, running_max: int) -> str:
        body = {"scope": scope, "value": value, "running_max": running_max}
        return str(acme.otto.post("concurrency-limits", body).ok(201)["id"])

    def left(limit: str) -> int | None:
        found: int | None = acme.otto.post(f"concurrency-limits/{limit}/remove").ok()["falls_back_to"]
        return found

    printer, scanner = made("key", "printer", 3), made("key", "scanner", 3)
    assert left(printer) == 1
    every = made("key", "", 0)
    assert left(scanner) == 0  # what every key has, which is nothing
    assert left(every) == 1
    assert left(made("tenant", "", 5)) is None
    assert left(made("role", "worker", 5)) is None
