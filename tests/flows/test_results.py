"""What a result does: confidence bands, risk tiers, topics, staleness, repetition."""

from collections.abc import Callable
from uuid import UUID

import pytest
from django.db.utils import OperationalError

from chimera.flows import finish_many
from chimera.flows.finish_task import Finished, Handed
from tests.cast import Caller, Stage


def claimed(acme: Stage, settle: Callable[[], None], agent: Caller | None = None, **more: object) -> dict:
    task = acme.task(acme.session(), **more)
    settle()
    (claim,) = (agent or acme.ada).claim()
    assert claim["task"]["id"] == task["id"]
    return claim


@pytest.mark.parametrize(
    ("risk_tier", "confidence", "outcome", "reason"),
    [
        (2, 0.90, "completed", None),
        (2, 0.8999, "blocked", "confidence_band"),
        (2, 0.70, "blocked", "confidence_band"),
        (2, 0.6999, "retrying", None),
        (2, None, "blocked", "no_confidence"),
        (3, None, "completed", None),
        (3, 0.5, "retrying", None),
        (1, 1.0, "blocked", "risk_tier_critical"),
        (1, 0.1, "blocked", "risk_tier_critical"),
    ],
)
def test_the_bands_decide(
    acme: Stage, settle: Callable[[], None], risk_tier: int, confidence: float | None, outcome: str, reason: str | None
) -> None:
    claim = claimed(acme, settle, risk_tier=risk_tier)
    finished = acme.ada.finish(claim, confidence).ok()
    assert finished["outcome"] == outcome
    assert (finished["review"] is not None) == (outcome == "blocked")
    if reason:
        review = acme.rita.get(f"reviews/{finished['review']}").ok()
        assert review["status"] == "pending"
        assert [r["code"] for r in review["reasons"]] == [reason]
        assert review["result"]["output_payload"] == {"answer": "42"}


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("Vote for the mayor in the next election", "topic_politics"),
        ("The water here cures joint pain", "topic_health_advice"),
        ("A guaranteed return for every investor in the harbour fund", "topic_financial_advice"),
        ("The port is legally liable for the damage", "topic_legal_claims"),
        ("Use the password of the tide gate", "topic_security"),
    ],
)
def test_sensitive_topics_go_to_a_person_whatever_the_score(
    acme: Stage, settle: Callable[[], None], text: str, topic: str
) -> None:
    claim = claimed(acme, settle, risk_tier=3)
    finished = acme.ada.finish(claim, 1.0, output={"post": {"text": text}}).ok()
    assert finished["outcome"] == "blocked"
    review = acme.rita.get(f"reviews/{finished['review']}").ok()
    assert topic in [r["code"] for r in review["reasons"]]
    assert any(r.get("evidence") for r in review["reasons"])


def test_a_low_score_goes_to_a_person_when_attempts_are_used_up(acme: Stage, settle: Callable[[], None]) -> None:
    claim = claimed(acme, settle, max_attempts=2)
    assert acme.ada.finish(claim, 0.2).ok()["outcome"] == "retrying"
    settle()
    (again,) = acme.bob.claim()
    assert again["attempt"] == 2
    assert again["task"]["error"]["code"] == "confidence_low"
    finished = acme.bob.finish(again, 0.2).ok()
    assert finished["outcome"] == "blocked"
    codes = [r["code"] for r in acme.rita.get(f"reviews/{finished['review']}").ok()["reasons"]]
    assert codes == ["confidence_low", "attempts_used_up"]


def test_a_repeated_result_answers_the_same(acme: Stage, settle: Callable[[], None]) -> None:
    claim = claimed(acme, settle)
    first = acme.ada.finish(claim, 0.8).ok()
    second = acme.ada.finish(claim, 0.99).ok()
    assert (second["outcome"], second["review"]) == (first["outcome"], first["review"])
    assert len(acme.pia.get(f"tasks/{claim['task']['id']}").ok()["results"]) == 1


def test_another_agent_cannot_repeat_it(acme: Stage, settle: Callable[[], None]) -> None:
    claim = claimed(acme, settle)
    acme.ada.finish(claim).ok()
    acme.bob.finish(claim).refused(409, "stale_lease")


def test_a_token_of_another_task_is_refused(acme: Stage, settle: Callable[[], None]) -> None:
    session = acme.session()
    acme.task(session), acme.task(session)
    settle()
    one, two = acme.ada.claim(2)
    crossed = one | {"lease_token": two["lease_token"]}
    acme.ada.finish(crossed).refused(409, "stale_lease")
    acme.ada.post(f"tasks/{one['task']['id']}/heartbeat", {"lease_token": two["lease_token"]}).refused(
        409, "stale_lease"
    )


def test_a_failed_result_is_retried_while_it_says_so(acme: Stage, settle: Callable[[], None]) -> None:
    claim = claimed(acme, settle, max_attempts=2)
    error = {"code": "upstream", "message": "the render farm is down", "retryable": True}
    body = {"status": "failed", "output_payload": None, "confidence_score": None, "error": error}
    assert acme.ada.finish(claim, **body).ok()["outcome"] == "retrying"
    settle()
    (again,) = acme.ada.claim()
    finished = acme.ada.finish(again, **body).ok()
    assert finished["outcome"] == "failed"
    task = acme.pia.get(f"tasks/{claim['task']['id']}").ok()
    assert task["error"] == error  # also of the last attempt: what the agent said
    assert task["attempt_count"] == 2


def test_a_failed_task_can_be_retried_or_dropped(acme: Stage, settle: Callable[[], None]) -> None:
    claim = claimed(acme, settle)
    error = {"code": "poison", "message": "no", "retryable": False}
    acme.ada.finish(claim, status="failed", output_payload=None, confidence_score=None, error=error).ok()
    task_id = claim["task"]["id"]
    retried = acme.otto.post(f"tasks/{task_id}/retry").ok()
    assert (retried["status"], retried["attempt_count"], retried["error"]) == ("queued", 0, None)
    settle()
    (again,) = acme.ada.claim()
    acme.ada.finish(again, status="failed", output_payload=None, confidence_score=None, error=error).ok()
    assert acme.pia.post(f"tasks/{task_id}/cancel", {"reason": "dropped"}).ok()["status"] == "cancelled"
    acme.pia.post(f"tasks/{task_id}/retry").refused(409, "task_cancelled")


def test_success_and_error_exclude_each_other(acme: Stage, settle: Callable[[], None]) -> None:
    claim = claimed(acme, settle)
    error = {"code": "x", "message": "y"}
    acme.ada.finish(claim, error=error).refused(422, "invalid")
    acme.ada.finish(claim, status="failed", error=error).refused(422, "invalid")
    acme.ada.finish(claim, status="failed", output_payload=None).refused(422, "invalid")
    acme.ada.finish(claim).ok()


def test_a_result_against_an_older_context_is_kept_but_not_applied(acme: Stage, settle: Callable[[], None]) -> None:
    claim = claimed(acme, settle)
    session_id = claim["task"]["session"]
    changed = acme.otto.patch(f"sessions/{session_id}", {"context": {"tone": "calm"}, "state_version": 1}).ok()
    assert changed["state_version"] == 2
    acme.otto.patch(f"sessions/{session_id}", {"context": {}, "state_version": 1}).refused(409, "stale")
    finished = acme.ada.finish(claim).ok()
    assert finished["outcome"] == "stale"
    task = acme.pia.get(f"tasks/{claim['task']['id']}").ok()
    assert (task["status"], task["attempt_count"]) == ("queued", 0)
    assert [(r["outcome"], r["applied"]) for r in task["results"]] == [("stale", False)]
    settle()
    (again,) = acme.ada.claim()
    assert again["attempt"] == 1
    assert acme.ada.finish(again).ok()["outcome"] == "completed"


def test_pause_and_resume_do_not_make_a_result_stale(acme: Stage, settle: Callable[[], None]) -> None:
    claim = claimed(acme, settle)
    session_id = claim["task"]["session"]
    acme.otto.post(f"sessions/{session_id}/pause").ok()
    beat = acme.ada.post(f"tasks/{claim['task']['id']}/heartbeat", {"lease_token": claim["lease_token"]}).ok()
    assert beat["commands"] == ["pause"]
    acme.otto.post(f"sessions/{session_id}/resume").ok()
    assert acme.ada.finish(claim).ok()["outcome"] == "completed"


def test_many_results_each_have_their_own_outcome(acme: Stage, settle: Callable[[], None]) -> None:
    session = acme.session()
    for _ in range(3):
        acme.task(session)
    settle()
    one, two, three = acme.ada.claim(3)
    fields = {"status": "succeeded", "output_payload": {"a": 1}, "confidence_score": 0.99}
    outcomes = acme.ada.post(
        "claims/results",
        {
            "results": [
                {"task": one["task"]["id"], "lease_token": one["lease_token"], **fields},
                {"task": two["task"]["id"], "lease_token": three["lease_token"], **fields},
                {"task": "nonsense", **fields},
                {"task": three["task"]["id"], "lease_token": three["lease_token"], **fields, "confidence_score": 0.8},
            ]
        },
    ).ok()["outcomes"]
    assert outcomes[0]["status"] == "completed"
    assert outcomes[1]["error"]["code"] == "stale_lease"
    assert outcomes[2]["error"]["code"] == "invalid"
    assert outcomes[3]["status"] == "blocked"


def test_a_result_that_breaks_oddly_is_answered_so_and_the_others_as_they_were(
    acme: Stage, settle: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = acme.session()
    for _ in range(3):
        acme.task(session)
    settle()
    claims = acme.ada.claim(3)
    faults = {claims[1]["task"]["id"]: RuntimeError("odd"), claims[2]["task"]["id"]: OperationalError("away")}
    alone = finish_many.finish_alone

    def breaks(tenant_id: UUID, one: Handed) -> Finished:
        if fault := faults.get(str(one.task_id)):
            raise fault
        return alone(tenant_id, one)

    monkeypatch.setattr(finish_many, "finish_together", lambda *_: {})
    monkeypatch.setattr(finish_many, "finish_alone", breaks)
    fields = {"status": "succeeded", "output_payload": {"a": 1}, "confidence_score": 0.99}
    results = [{"task": one["task"]["id"], "lease_token": one["lease_token"], **fields} for one in claims]
    outcomes = acme.ada.post("claims/results", {"results": results}).ok()["outcomes"]
    assert outcomes[0]["status"] == "completed"
    assert [(one["error"]["code"], one["error"]["status"]) for one in outcomes[1:]] == [
        ("internal", 500),
        ("unavailable", 503),
    ]


def test_artifacts_are_kept_typed(acme: Stage, settle: Callable[[], None]) -> None:
    claim = claimed(acme, settle)
    artifacts = [{"type": "table", "content": {"rows": [1, 2]}}, {"type": "video", "uri": "s3://renders/1.mp4"}]
    acme.ada.finish(claim, artifacts=artifacts).ok()
    (result,) = acme.pia.get(f"tasks/{claim['task']['id']}").ok()["results"]
    assert result["artifacts"] == artifacts
