"""A result says what its lease has cost in the end."""

from typing import Any

from tests.cast import Stage
from tests.commerce.books import at_work, check_books, spent
from tests.commerce.meters import beat, ledger


def test_a_result_says_the_last_cost_and_nothing_is_held_ahead_of_it(acme: Stage) -> None:
    """Exactly at the limit too: what is done needs nothing more."""
    budget = acme.budget(day_usd="0.50")
    first, second = at_work(acme), at_work(acme)
    beat(acme.ada, first, "0.10").ok()
    assert acme.ada.finish(first, cost_usd="0.30").ok()["outcome"] == "completed"
    assert acme.ada.finish(second, cost_usd="0.20").ok()["outcome"] == "completed"
    assert ledger(acme) == [("captured", "0.30", "0.30", "0.30"), ("captured", "0.20", "0.20", "0.20")]
    assert spent(acme, budget) == ("0.00", "0.50", "0.00")
    check_books(acme)


def test_a_last_cost_that_no_window_permits_is_written_and_a_person_looks(acme: Stage) -> None:
    """At the result, which stands, or before there is another attempt; what failed for good has nothing to wait for."""
    budget = acme.budget(day_usd="0.50")
    claim = at_work(acme)
    beat(acme.ada, claim, "0.10").ok()
    done = acme.ada.finish(claim, cost_usd="0.70").ok()
    assert done["outcome"] == "blocked"
    card = acme.rita.get(f"reviews/{done['review']}").ok()
    assert [reason["code"] for reason in card["reasons"]] == ["budget_exceeded"]
    acme.rita.post(f"reviews/{done['review']}/decision", {"decision": "approve"}).ok()
    assert acme.otto.get(f"tasks/{claim['task']['id']}").ok()["status"] == "completed"
    low = acme.ada.finish(at_work(acme), confidence=0.1, cost_usd="0.20").ok()
    assert (low["outcome"], low["task"]["status"]) == ("blocked", "blocked")
    for retryable, outcome in ((True, "blocked"), (False, "failed")):
        claim = at_work(acme)
        body = {"lease_token": claim["lease_token"], "status": "failed", "cost_usd": "0.20"}
        body |= {"error": {"code": "broken", "message": "", "retryable": retryable}}
        assert acme.ada.post(f"tasks/{claim['task']['id']}/result", body).ok()["outcome"] == outcome
    assert ledger(acme) == [("captured", "0.50", "0.70", "0.50"), *[("denied", "0.20", "0.20", None)] * 3]
    assert spent(acme, budget) == ("0.00", "0.50", "0.00")
    check_books(acme)


def test_a_result_that_comes_again_costs_nothing_twice(acme: Stage) -> None:
    acme.budget(day_usd="10")
    claim = at_work(acme)
    said = [acme.ada.finish(claim, cost_usd="0.30").ok() for _ in range(2)]
    assert said[0].body == said[1].body
    assert ledger(acme) == [("captured", "0.30", "0.30", "0.30")]
    late = acme.ada.post("claims/results", {"results": [_result(claim, cost_usd="0.90")]}).ok()["outcomes"]
    assert late == [{"task": claim["task"]["id"], "status": "completed", "review": None}]
    assert len(ledger(acme)) == 1


def test_whatever_becomes_of_its_result_a_lease_has_cost_what_it_says(acme: Stage) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    error = {"code": "broken", "message": "", "retryable": False}
    body = {"lease_token": claim["lease_token"], "status": "failed", "error": error, "cost_usd": "0.30"}
    acme.ada.post(f"tasks/{claim['task']['id']}/result", body).ok()
    for confidence, outcome in ((0.95, "completed"), (0.8, "blocked"), (0.1, "retrying")):
        assert acme.ada.finish(at_work(acme), confidence=confidence, cost_usd="0.30").ok()["outcome"] == outcome
    assert ledger(acme) == [("captured", "0.30", "0.30", "0.30")] * 4
    assert spent(acme, budget) == ("0.00", "1.20", "8.80")
    check_books(acme)


def test_a_cost_that_cannot_be_counted_refuses_its_result_and_writes_nothing(acme: Stage) -> None:
    acme.budget(day_usd="10")
    dry = at_work(acme, execution_mode="dry_run")
    acme.ada.finish(dry, cost_usd="0.30").refused(422, "dry_run")
    live = at_work(acme)
    acme.ada.finish(live, cost_usd="-1").refused(422, "invalid")
    for bad in ("NaN", "1e400", "0.0000001", 0.5):
        acme.ada.finish(live, cost_usd=bad).refused(422, "invalid_money")
    assert ledger(acme) == []
    for claim in (dry, live):
        assert acme.ada.finish(claim, cost_usd="0").ok()["outcome"] == "completed"


def _result(claim: dict[str, Any], **more: Any) -> dict[str, Any]:
    said = {"task": claim["task"]["id"], "lease_token": claim["lease_token"], "status": "succeeded"}
    return said | {"output_payload": {}, "confidence_score": 0.95} | more
