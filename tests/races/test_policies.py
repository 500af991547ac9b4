"""Policies change while results are handed in: who has read the stamp before ends as it began, everybody else is judged by what acts."""

from collections.abc import Callable
from typing import Any

import pytest

from chimera.flows import finish_many, finish_task
from safety.actions import policies
from tests.cast import Said, Stage
from tests.races.threads import InBackground, held_after
from tests.safety.test_policy_doors import made

LOOK = {"name": "look at all", "when": {"task_types": ["research"]}, "then": "review"}


@pytest.fixture
def claims(acme: Stage, settle: Callable[[], None]) -> list[dict[str, Any]]:
    made(acme, name="empty")
    session = acme.session()
    for _ in range(2):
        acme.task(session)
    settle()
    return acme.ada.claim(2)


def handed_in(acme: Stage, claim: dict[str, Any]) -> Said:
    """The quick way."""
    one = {
        "task": claim["task"]["id"],
        "lease_token": claim["lease_token"],
        "status": "succeeded",
        "confidence_score": 1,
    }
    return acme.ada.post("claims/results", {"results": [one | {"output_payload": {"n": 1}}]}).ok()


@pytest.mark.parametrize("guarded", [False, True])
def test_what_was_read_before_a_change_and_is_written_after_it_is_judged_by_the_change(
    acme: Stage, claims: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """Without the stamp that is asked with the write, what this process knew decides."""
    assert handed_in(acme, claims[0])["outcomes"][0]["status"] == "completed"
    with held_after(monkeypatch, finish_many, "_passing") as hold:
        result = InBackground(lambda: handed_in(acme, claims[1]))
        hold.wait_reached()
        made(acme, LOOK)
        if not guarded:
            blind = policies.known(acme.tenant_id)
            monkeypatch.setattr(policies, "acting_at", lambda answer: blind)
        hold.release()
        (outcome,) = result.answer()["outcomes"]
    assert outcome["status"] == ("blocked" if guarded else "completed")


def test_a_decision_that_has_read_the_stamp_ends_as_it_began_and_holds_up_no_change(
    acme: Stage, claims: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with held_after(monkeypatch, finish_task, "_judged") as hold:
        result = InBackground(lambda: acme.ada.finish(claims[0], 0.99))
        hold.wait_reached()
        made(acme, LOOK)  # waits for nobody
        hold.release()
        assert result.answer().ok()["outcome"] == "completed"
    assert acme.ada.finish(claims[1], 0.99).ok()["outcome"] == "blocked"
