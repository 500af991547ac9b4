"""Who is given which context, and what is refused."""

from typing import Any

import pytest

from chimera.kernel import clock
from memory.models import ContextShown
from swarm.models import Task
from tests.cast import Stage
from tests.memory.personas.conftest import PATH, Add, keep, task_of

UNKNOWN = "0199aaaa-0000-7000-8000-000000000000"


def test_an_agent_is_given_the_context_of_its_own_task_alone(acme: Stage, claim: dict[str, Any]) -> None:
    acme.bob.get(PATH, task=task_of(claim)).refused(403, "not_yours")
    acme.pia.get(PATH, task=task_of(claim)).refused(403, "not_yours")
    body = {"task": task_of(claim), "lease_token": claim["lease_token"]}
    acme.bob.post(PATH, body).refused(409, "stale_lease")
    acme.otto.post(PATH, body).refused(403, "role")
    keep(acme, claim, lease_token=UNKNOWN).refused(409, "stale_lease")
    acme.ada.finish(claim).ok()
    acme.ada.get(PATH, task=task_of(claim)).refused(403, "not_yours")
    keep(acme, claim).refused(409, "stale_lease")


def test_a_lapsed_lease_opens_nothing(acme: Stage, claim: dict[str, Any]) -> None:
    with acme.bound():
        Task.objects.filter(pk=task_of(claim)).update(lease_expires_at=clock.now())
    acme.ada.get(PATH, task=task_of(claim)).refused(409, "stale_lease")
    keep(acme, claim).refused(409, "stale_lease")
    with acme.bound():
        assert not ContextShown.objects.exists()


def test_another_tenants_task_and_persona_are_not_there(
    acme: Stage, zenith: Stage, claim: dict[str, Any], add: Add
) -> None:
    zenith.ada.get(PATH).refused(404, "not_found")
    add(zenith.otto)
    zenith.boss.get(PATH, task=task_of(claim)).refused(404, "not_found")
    keep(zenith, claim).refused(404, "not_found")
    assert "ferry" not in zenith.boss.get(PATH, query="ferry").ok()["text"]


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"budget_tokens": "100"}, 422, "invalid"),
        ({"budget_tokens": "256"}, 422, "budget_too_small"),
        ({"budget_tokens": "100001"}, 422, "invalid"),
        ({"budget_tokens": "many"}, 422, "invalid"),
        ({"budget_tokens": "1e3"}, 422, "invalid"),
        ({"version": "0"}, 422, "invalid"),
        ({"version": "1.5"}, 422, "invalid"),
        ({"task": "mine"}, 422, "invalid"),
        ({"task": UNKNOWN}, 404, "not_found"),
        ({"query": "x" * 2_001}, 422, "invalid"),
        ({"query": "a\x00b"}, 422, "invalid"),
        ({"lease_token": UNKNOWN}, 422, "unknown_parameter"),
    ],
)
def test_bad_questions_are_refused(acme: Stage, add: Add, asked: dict[str, str], status: int, code: str) -> None:
    add(acme.otto, directives=("x" * 400,))
    acme.ada.get(PATH, **asked).refused(status, code)


def test_a_budget_that_is_too_small_says_what_is_needed(acme: Stage, add: Add) -> None:
    add(acme.otto, directives=("abc " * 120,))
    least = acme.ada.get(PATH, budget_tokens=256).refused(422, "budget_too_small")["least_tokens"]
    context = acme.ada.get(PATH, budget_tokens=least).ok()
    assert context["used_tokens"] <= least
    acme.ada.get(PATH, budget_tokens=least - 1).refused(422, "budget_too_small")


@pytest.mark.parametrize("body", [{}, {"task": UNKNOWN}, {"budget_tokens": "300"}, {"lease_token": 7}, {"more": 1}])
def test_evidence_needs_task_and_lease(acme: Stage, claim: dict[str, Any], body: dict[str, Any]) -> None:
    said = acme.ada.post(PATH, body)
    assert said.status == 422, said.body
