"""A person decides: task, card and money are settled together, once."""

from collections.abc import Callable

import pytest
from django.conf import settings

from chimera.flows.expire_cards import expire_cards
from chimera.kernel import clock
from tests.cast import Stage

Settle = Callable[[], None]


def waiting_result(acme: Stage, settle: Settle, **more: object) -> tuple[dict, dict]:
    task = acme.task(acme.session(), **more)
    settle()
    (claim,) = acme.ada.claim()
    finished = acme.ada.finish(claim, 0.8).ok()
    assert finished["task"]["status"] == "blocked"
    return task, acme.rita.get(f"reviews/{finished['review']}").ok().body


def waiting_spend(acme: Stage, settle: Settle) -> tuple[dict, dict, dict]:
    acme.budget(day_usd="100", approval_threshold_usd="10")
    acme.task(acme.session())
    settle()
    (claim,) = acme.ada.claim()
    asked = acme.ada.spend(claim, "40").ok(202)
    assert asked["status"] == "review"
    return claim, asked.body, acme.rita.get(f"reviews/{asked['review']}").ok().body


def usage(acme: Stage) -> tuple[str, str]:
    (budget,) = acme.fay.get("budgets").ok()["results"]
    (day,) = [w for w in acme.fay.get(f"budgets/{budget['id']}/usage").ok()["windows"] if w["window"] == "day"]
    return day["held_usd"], day["captured_usd"]


def test_an_approved_result_completes_its_task(acme: Stage, settle: Settle) -> None:
    task, review = waiting_result(acme, settle)
    decided = acme.rita.post(f"reviews/{review['id']}/decision", {"decision": "approve", "note": "fine"}).ok()
    assert (decided["status"], decided["decided_by"]) == ("approved", acme.rita.name)
    done = acme.pia.get(f"tasks/{task['id']}").ok()
    assert done["status"] == "completed"
    assert done["results"][0]["applied"]


def test_an_edited_result_completes_with_the_edit(acme: Stage, settle: Settle) -> None:
    task, review = waiting_result(acme, settle)
    acme.rita.post(f"reviews/{review['id']}/decision", {"decision": "approve", "edited_payload": {"answer": "43"}}).ok()
    (result,) = acme.pia.get(f"tasks/{task['id']}").ok()["results"]
    assert (result["output_payload"], result["original_payload"]) == ({"answer": "43"}, {"answer": "42"})


def test_a_rejected_result_fails_its_task(acme: Stage, settle: Settle) -> None:
    task, review = waiting_result(acme, settle)
    acme.rita.post(f"reviews/{review['id']}/decision", {"decision": "reject"}).refused(422, "note_required")
    acme.rita.post(f"reviews/{review['id']}/decision", {"decision": "reject", "note": "wrong harbour"}).ok()
    failed = acme.pia.get(f"tasks/{task['id']}").ok()
    assert (failed["status"], failed["error"]["code"]) == ("failed", "rejected")
    assert not failed["results"][0]["applied"]


def test_requested_changes_go_back_to_an_agent_with_the_note(acme: Stage, settle: Settle) -> None:
    _, review = waiting_result(acme, settle)
    acme.rita.post(f"reviews/{review['id']}/decision", {"decision": "request_changes", "note": "name the ferry"}).ok()
    settle()
    (again,) = acme.bob.claim()
    assert again["attempt"] == 1, "resuming uses up no attempt"
    assert again["resume"] == {
        "review": review["id"],
        "decision": "changes_requested",
        "note": "name the ferry",
        "transactions": [],
    }


def test_the_second_decision_is_told_whose_was_first(acme: Stage, settle: Settle) -> None:
    _, review = waiting_result(acme, settle)
    acme.rita.post(f"reviews/{review['id']}/decision", {"decision": "approve"}).ok()
    late = acme.boss.post(f"reviews/{review['id']}/decision", {"decision": "reject", "note": "no"}).refused(
        409, "already_decided"
    )
    assert late["decided_by"] == acme.rita.name
    assert acme.rita.name in late["detail"]


def test_a_card_that_a_colleague_looks_at_is_claimed(acme: Stage, settle: Settle) -> None:
    _, review = waiting_result(acme, settle)
    acme.rita.post(f"reviews/{review['id']}/claim").ok()
    assert acme.boss.post(f"reviews/{review['id']}/claim").refused(409, "claimed")["claimed_by"] == acme.rita.name
    acme.rita.post(f"reviews/{review['id']}/claim").ok()


@pytest.mark.parametrize("who", ["ada", "pia", "jude", "otto", "fay", "anna"])
def test_only_reviewers_decide(acme: Stage, settle: Settle, who: str) -> None:
    _, review = waiting_result(acme, settle)
    getattr(acme, who).post(f"reviews/{review['id']}/decision", {"decision": "approve"}).refused(403, "role")
    assert acme.rita.get(f"reviews/{review['id']}").ok()["status"] == "pending"


def test_an_approved_spend_waits_with_its_hold_and_is_captured_by_the_resumed_task(acme: Stage, settle: Settle) -> None:
    claim, asked, review = waiting_spend(acme, settle)
    assert usage(acme) == ("40.00", "0.00")
    assert acme.pia.get(f"tasks/{claim['task']['id']}").ok()["status"] == "blocked"
    acme.ada.post(f"transactions/{asked['id']}/capture", {"lease_token": claim["lease_token"]}).refused(
        409, "stale_lease"
    )
    acme.rita.post(f"reviews/{review['id']}/decision", {"decision": "approve"}).ok()
    settle()
    (again,) = acme.bob.claim()
    assert again["attempt"] == 1, "resuming uses up no attempt"
    assert [t["id"] for t in again["resume"]["transactions"]] == [asked["id"]]
    same = acme.bob.spend(again, "40").ok(201)
    assert (same["id"], same["status"]) == (asked["id"], "held")
    assert len(acme.rita.get("reviews").ok()["results"]) == 1, "the resumed task meets no second card"
    assert (
        acme.bob.post(f"transactions/{same['id']}/capture", {"lease_token": again["lease_token"]}).ok()["status"]
        == "captured"
    )
    assert usage(acme) == ("0.00", "40.00")
    assert acme.bob.finish(again).ok()["outcome"] == "completed"


def test_a_rejected_spend_releases_the_money_and_fails_the_task(acme: Stage, settle: Settle) -> None:
    claim, asked, review = waiting_spend(acme, settle)
    acme.rita.post(f"reviews/{review['id']}/decision", {"decision": "reject", "note": "too dear"}).ok()
    assert usage(acme) == ("0.00", "0.00")
    assert acme.fay.get(f"transactions/{asked['id']}").ok()["status"] == "denied"
    assert acme.pia.get(f"tasks/{claim['task']['id']}").ok()["status"] == "failed"


def test_a_card_that_nobody_decides_fails_closed(acme: Stage, settle: Settle) -> None:
    claim, _, review = waiting_spend(acme, settle)
    with clock.held(clock.now() + settings.CARD_DUE):
        assert expire_cards() == 1
    assert acme.rita.get(f"reviews/{review['id']}").ok()["status"] == "expired"
    assert usage(acme) == ("0.00", "0.00")
    failed = acme.pia.get(f"tasks/{claim['task']['id']}").ok()
    assert (failed["status"], failed["error"]["code"]) == ("failed", "review_expired")
    acme.rita.post(f"reviews/{review['id']}/decision", {"decision": "approve"}).refused(409, "already_decided")


def test_cancelling_a_blocked_task_withdraws_its_card_and_its_money(acme: Stage, settle: Settle) -> None:
    claim, _, review = waiting_spend(acme, settle)
    acme.otto.post(f"tasks/{claim['task']['id']}/cancel", {"reason": "not needed"}).ok()
    assert acme.rita.get(f"reviews/{review['id']}").ok()["status"] == "withdrawn"
    assert usage(acme) == ("0.00", "0.00")


def test_a_manual_task_waits_for_a_person_before_its_first_claim(acme: Stage, settle: Settle) -> None:
    task = acme.task(acme.session(), execution_mode="manual")
    assert task["status"] == "blocked"
    settle()
    assert acme.ada.claim() == []
    (review,) = acme.rita.get("reviews", status="pending").ok()["results"]
    acme.rita.post(f"reviews/{review['id']}/decision", {"decision": "approve"}).ok()
    settle()
    (claim,) = acme.ada.claim()
    assert (claim["task"]["id"], claim["attempt"]) == (task["id"], 1)
    assert acme.ada.finish(claim).ok()["outcome"] == "completed"


def test_an_approved_manual_task_still_waits_for_its_dependencies(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    first = acme.task(session)
    second = acme.task(session, execution_mode="manual", depends_on=[first["id"]])
    (review,) = acme.rita.get("reviews").ok()["results"]
    acme.rita.post(f"reviews/{review['id']}/decision", {"decision": "approve"}).ok()
    settle()
    assert acme.pia.get(f"tasks/{second['id']}").ok()["status"] == "pending"
    (claim,) = acme.ada.claim(2)
    assert claim["task"]["id"] == first["id"]
    acme.ada.finish(claim).ok()
    settle()
    assert [c["task"]["id"] for c in acme.ada.claim(2)] == [second["id"]]
