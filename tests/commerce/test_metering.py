"""Metered leases: a heartbeat says what its lease has cost; the hold keeps a step ahead, and where it cannot a person decides."""

from datetime import timedelta

import pytest

from chimera.kernel import clock
from chimera.kernel.http.parsing import money_text
from commerce.models import SpendWindow, Transaction
from tests.cast import Stage
from tests.commerce.books import at_work, check_books, claimed_again, spent, task_row
from tests.commerce.meters import END, beat, ledger


def test_the_first_cost_makes_a_hold_that_is_one_step_ahead(acme: Stage) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    said = beat(acme.ada, claim, "0.20").ok()
    assert said["commands"] == []
    assert ledger(acme) == [("held", "0.40", "0.20", None)]
    assert spent(acme, budget) == ("0.40", "0.00", "9.60")
    check_books(acme)


def test_a_cost_is_what_the_lease_has_cost_in_all_so_a_repeated_or_late_beat_counts_nothing(acme: Stage) -> None:
    acme.budget(day_usd="10")
    claim = at_work(acme)
    for cost in ("0.20", "0.20", "0.50", "0.30", "0.50"):
        beat(acme.ada, claim, cost).ok()
    assert ledger(acme) == [("held", "0.80", "0.50", None)]
    check_books(acme)


def test_a_finished_task_has_spent_what_was_metered_and_no_more(acme: Stage) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    beat(acme.ada, claim, "0.20").ok()
    acme.ada.finish(claim).ok()
    assert ledger(acme) == [("captured", "0.40", "0.20", "0.20")]
    assert spent(acme, budget) == ("0.00", "0.20", "9.80")
    check_books(acme)


@pytest.mark.parametrize("end", ["failed", "cancelled", "lapsed", "killed"])
def test_what_a_lost_lease_has_cost_is_spent_and_the_rest_is_free(acme: Stage, end: str) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    acme.ada.spend(claim, "4").ok(201)
    beat(acme.ada, claim, "0.20").ok()
    END[end](acme, claim)
    assert [row[0] for row in ledger(acme)] == ["voided", "captured"]
    assert spent(acme, budget) == ("0.00", "0.20", "9.80")
    check_books(acme)


def test_where_nothing_can_be_reserved_ahead_the_agent_is_stopped_and_a_person_decides(acme: Stage) -> None:
    budget = acme.budget(day_usd="1")
    claim = at_work(acme)
    other = acme.ada.spend(claim, "0.25").ok(201)
    beat(acme.ada, claim, "0.30").ok()
    said = beat(acme.ada, claim, "0.75").ok()
    assert (said["commands"], said["reason"], said["lease_expires_at"]) == (["stop"], "budget_exceeded", None)
    assert ledger(acme) == [("held", "0.25", None, None), ("captured", "0.75", "0.75", "0.75")]
    assert spent(acme, budget) == ("0.25", "0.75", "0.00")
    assert task_row(acme, claim).status == "blocked"
    card = acme.rita.get(f"reviews/{said['review']}").ok()
    assert (card["kind"], card["status"], card["reasons"][0]["code"]) == ("spend", "pending", "budget_exceeded")
    with acme.bound():
        assert Transaction.objects.get(pk=other["id"]).keeper == "card"
    beat(acme.ada, claim, "0.80").refused(409, "stale_lease")
    check_books(acme)


def test_what_was_reported_beyond_the_hold_stands_in_the_row_and_in_no_window(acme: Stage) -> None:
    budget = acme.budget(day_usd="1")
    claim = at_work(acme)
    beat(acme.ada, claim, "0.30").ok()
    assert beat(acme.ada, claim, "1.40").ok()["commands"] == ["stop"]
    assert ledger(acme) == [("captured", "1.00", "1.40", "1.00")]
    assert spent(acme, budget) == ("0.00", "1.00", "0.00")
    check_books(acme)


def test_without_a_budget_a_cost_is_written_as_denied_and_stops(acme: Stage) -> None:
    claim = at_work(acme)
    said = beat(acme.ada, claim, "0.10").ok()
    assert (said["commands"], said["reason"]) == (["stop"], "no_budget")
    assert ledger(acme) == [("denied", "0.10", "0.10", None)]


def test_after_an_approval_with_a_raised_limit_it_goes_on_and_meters_anew(acme: Stage) -> None:
    budget = acme.budget(day_usd="1")
    claim = at_work(acme)
    other = acme.ada.spend(claim, "0.50").ok(201)
    said = beat(acme.ada, claim, "0.60").ok()
    assert said["commands"] == ["stop"]
    acme.fay.patch(f"budgets/{budget['id']}", {"day_usd": "5"}).ok()
    acme.rita.post(f"reviews/{said['review']}/decision", {"decision": "approve", "note": "go on"}).ok()
    again = claimed_again(acme, claim)
    assert [t["id"] for t in again["resume"]["transactions"]] == [other["id"]]
    assert beat(acme.ada, again, "0.10").ok()["commands"] == []
    assert ledger(acme)[1:] == [("captured", "0.50", "0.60", "0.50"), ("held", "0.20", "0.10", None)]
    check_books(acme)


def test_a_rejection_fails_the_task_and_keeps_what_was_spent(acme: Stage) -> None:
    budget = acme.budget(day_usd="1")
    claim = at_work(acme)
    acme.ada.spend(claim, "0.50").ok(201)
    said = beat(acme.ada, claim, "0.60").ok()
    acme.rita.post(f"reviews/{said['review']}/decision", {"decision": "reject", "note": "no"}).ok()
    assert task_row(acme, claim).status == "failed"
    assert spent(acme, budget) == ("0.00", "0.50", "0.50")
    check_books(acme)


def test_a_hold_that_a_card_kept_ends_its_meter_when_the_next_lease_begins(acme: Stage) -> None:
    acme.budget(day_usd="20", approval_threshold_usd="5")
    claim = at_work(acme)
    beat(acme.ada, claim, "0.20").ok()
    review = acme.ada.spend(claim, "8").ok(202)["review"]
    acme.rita.post(f"reviews/{review}/decision", {"decision": "approve", "note": "ok"}).ok()
    claimed_again(acme, claim)
    assert ledger(acme) == [("captured", "0.40", "0.20", "0.20"), ("held", "8.00", None, None)]
    check_books(acme)


def test_another_days_cost_is_counted_in_that_day(acme: Stage) -> None:
    acme.budget(day_usd="1")
    midnight, _ = clock.day_bounds("Europe/Lisbon", clock.day_in("Europe/Lisbon"))
    with clock.held(midnight - timedelta(seconds=10)):
        claim = at_work(acme)
        beat(acme.ada, claim, "0.40").ok()
    with clock.held(midnight + timedelta(seconds=10)):
        beat(acme.ada, claim, "0.50").ok()
    assert ledger(acme) == [("captured", "0.80", "0.40", "0.40"), ("held", "0.20", "0.10", None)]
    with acme.bound():
        days = SpendWindow.objects.filter(kind="day").order_by("starts_on")
        seen = [(money_text(day.held_usd), money_text(day.captured_usd)) for day in days]
    assert seen == [("0.00", "0.40"), ("0.20", "0.00")]
    check_books(acme)


def test_a_budget_that_comes_while_a_meter_runs_counts_what_comes_after_it(acme: Stage) -> None:
    acme.budget(day_usd="1")
    claim = at_work(acme)
    beat(acme.ada, claim, "0.40").ok()
    acme.budget(scope="agent", scope_id=acme.ada.id, day_usd="1")
    beat(acme.ada, claim, "0.50").ok()
    assert ledger(acme) == [("captured", "0.80", "0.40", "0.40"), ("held", "0.20", "0.10", None)]
    check_books(acme)


def test_an_agent_settles_no_metered_hold_itself(acme: Stage) -> None:
    acme.budget(day_usd="1")
    claim = at_work(acme)
    beat(acme.ada, claim, "0.20").ok()
    with acme.bound():
        hold = Transaction.objects.get()
    for verb in ("capture", "void"):
        body = {"lease_token": claim["lease_token"]}
        acme.ada.post(f"transactions/{hold.pk}/{verb}", body).refused(409, "metered")


def test_a_dry_run_meters_nothing(acme: Stage) -> None:
    acme.budget(day_usd="1")
    claim = at_work(acme, execution_mode="dry_run")
    beat(acme.ada, claim, "0.20").refused(422, "dry_run")
    assert ledger(acme) == []


def test_a_cost_that_comes_after_the_result_is_refused(acme: Stage) -> None:
    acme.budget(day_usd="1")
    claim = at_work(acme)
    beat(acme.ada, claim, "0.20").ok()
    acme.ada.finish(claim).ok()
    beat(acme.ada, claim, "0.25").refused(409, "stale_lease")
    assert ledger(acme) == [("captured", "0.40", "0.20", "0.20")]


def test_results_in_bulk_capture_what_was_metered(acme: Stage) -> None:
    acme.budget(day_usd="10")
    claims = [at_work(acme) for _ in range(2)]
    beat(acme.ada, claims[0], "0.20").ok()
    said = {"status": "succeeded", "output_payload": {}, "confidence_score": 0.95}
    results = [said | {"task": claim["task"]["id"], "lease_token": claim["lease_token"]} for claim in claims]
    outcomes = acme.ada.post("claims/results", {"results": results}).ok()["outcomes"]
    assert [outcome["status"] for outcome in outcomes] == ["completed", "completed"]
    assert ledger(acme) == [("captured", "0.40", "0.20", "0.20")]
    check_books(acme)


def test_no_approval_is_asked_for_a_meter_however_far_it_goes(acme: Stage) -> None:
    acme.budget(day_usd="20", approval_threshold_usd="1")
    claim = at_work(acme)
    for cost in ("0.60", "3", "7"):
        assert beat(acme.ada, claim, cost).ok()["commands"] == []
    assert ledger(acme) == [("held", "11.00", "7.00", None)]
    acme.ada.spend(claim, "2").ok(202)


def test_rules_are_asked_when_a_meter_begins(acme: Stage) -> None:
    budget = acme.budget(day_usd="20")
    acme.fay.put(f"budgets/{budget['id']}/rules", {"rules": {"categories": {"denied": ["metered"]}}}).ok()
    claim = at_work(acme)
    said = beat(acme.ada, claim, "0.20").ok()
    assert (said["commands"], said["reason"]) == (["stop"], "category_denied")
    assert [row[0] for row in ledger(acme)] == ["denied"]


def test_the_ledger_shows_what_was_metered(acme: Stage) -> None:
    acme.budget(day_usd="1")
    claim = at_work(acme)
    beat(acme.ada, claim, "0.30").ok()
    beat(acme.ada, claim, "1.40").ok()
    (row,) = acme.fay.get("transactions").ok()["results"]
    assert (row["status"], row["amount_usd"], row["metered_usd"], row["captured_usd"]) == (
        "captured",
        "1.00",
        "1.40",
        "1.00",
    )
    assert row["category"] == "metered"
