"""What doors promise besides the way of one task: repeats, endings, names, lists, and who is let in."""

from collections.abc import Callable
from typing import Any

import pytest

from swarm.models import Campaign, SwarmSession, Task
from tests.cast import Caller, Stage

Settle = Callable[[], None]
NEW = {"type": "research", "input_payload": {}}


def claimed(acme: Stage, settle: Settle, **task: Any) -> dict[str, Any]:
    acme.task(acme.session(), **task)
    settle()
    (claim,) = acme.ada.claim()
    return claim


def beat(agent: Caller, claim: dict[str, Any], more: Any = None, **headers: str) -> Any:
    body = {"lease_token": claim["lease_token"]} | (more or {})
    return agent.post(f"tasks/{claim['task']['id']}/heartbeat", body, **headers)


# ------------------------------------------------------------------ campaigns


def test_a_campaign_completes_only_when_its_sessions_have_ended(acme: Stage) -> None:
    campaign = acme.otto.post("campaigns", {"name": "harbour", "goal": "open it"}).ok(201)
    one, two = (acme.session(campaign=campaign["id"]) for _ in range(2))
    said = acme.otto.post(f"campaigns/{campaign['id']}/complete").refused(409, "sessions_open")
    assert "2 sessions" in said["detail"]
    acme.pia.post(f"sessions/{one['id']}/complete").ok()
    said = acme.otto.post(f"campaigns/{campaign['id']}/complete").refused(409, "sessions_open")
    assert "1 session is" in said["detail"]
    acme.otto.post(f"sessions/{two['id']}/stop").ok()
    assert acme.otto.post(f"campaigns/{campaign['id']}/complete").ok()["status"] == "completed"


@pytest.mark.parametrize("status", ["completed", "stopped"])
def test_a_campaign_that_is_over_takes_no_new_tasks(acme: Stage, status: str) -> None:
    campaign = acme.otto.post("campaigns", {"name": "harbour", "goal": "open it"}).ok(201)
    session = acme.session(campaign=campaign["id"])
    with acme.bound():
        Campaign.objects.filter(pk=campaign["id"]).update(status=status)
    acme.pia.post("tasks", {"session": session["id"], **NEW}).refused(409, f"campaign_{status}")
    with acme.bound():
        assert (Task.objects.count(), SwarmSession.objects.get().status) == (0, "created")
