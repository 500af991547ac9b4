"""Rules of budgets over the API: who writes them, which acts, what they refuse, and what their preview says."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection

from chimera.kernel import clock
from commerce.actions.pace import of_last_hour
from commerce.models import BudgetConfig, BudgetRules, Transaction
from tests import cluster
from tests.cast import Stage
from tests.commerce.books import at_work, check_books, claimed_again, spent
from tests.commerce.plans import filled

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def put(stage: Stage, budget: dict[str, Any], **rules: Any) -> dict[str, Any]:
    found: dict[str, Any] = stage.fay.put(f"budgets/{budget['id']}/rules", {"rules": rules}).ok().body
    return found


def test_a_budget_begins_without_rules_and_gets_one_version_after_the_other(acme: Stage) -> None:
    budget = acme.budget(day_usd="20")
    none = acme.anna.get(f"budgets/{budget['id']}/rules").ok()
    assert (none["version"], none["created_by"], none["rules"]["approvals"]) == (0, None, [])
    first = put(acme, budget, payees={"denied": ["evil.example"]})
    assert (first["version"], first["rules"]["payees"]["denied"]) == (1, ["evil.example"])
    assert first["created_by"] == f"person:{acme.fay.id}"
    assert put(acme, budget, payees={"denied": ["evil.example"]})["version"] == 1, "nothing new is no new version"
    assert put(acme, budget)["version"] == 2
    versions = acme.anna.get(f"budgets/{budget['id']}/rules/versions").ok()["results"]
    assert [v["version"] for v in versions] == [2, 1]


def test_a_change_of_rules_is_told(acme: Stage) -> None:
    session = acme.session()
    budget = acme.budget(scope="session", scope_id=session["id"], day_usd="20")
    put(acme, budget, velocity={"count_per_hour": 3})
    told = acme.pia.get(f"sessions/{session['id']}/events").ok()["results"]
    (fact,) = [event for event in told if event["type"] == "commerce.budget.rules_changed.v1"]
    assert fact["actor"] == f"person:{acme.fay.id}"
    assert (fact["payload"]["rules_version"], fact["payload"]["aggregate_version"]) == (1, 2)
    assert fact["payload"]["rules"]["velocity"]["count_per_hour"] == 3


def test_rules_that_somebody_changed_meanwhile_are_not_written_over(acme: Stage) -> None:
    budget = acme.budget(day_usd="20")
    path, said = f"budgets/{budget['id']}/rules", {"rules": {"velocity": {"count_per_hour": 1}}}
    acme.fay.put(path, said, If_Match='"0"').ok()
    stale = acme.fay.put(path, {"rules": {}}, If_Match='"0"').refused(409, "stale")
    assert stale["version"] == 1
    acme.fay.put(path, {"rules": {}, "version": 0}).refused(409, "stale")
    assert acme.fay.put(path, {"rules": {}, "version": 1}).ok()["version"] == 2


def test_what_is_no_rule_is_refused_and_nothing_changes(acme: Stage) -> None:
    budget = acme.budget(day_usd="20")
    path = f"budgets/{budget['id']}/rules"
    said = acme.fay.put(path, {"rules": {"payee": {"denied": ["x"]}}}).refused(422, "invalid_rules")
    assert [error["field"] for error in said["errors"]] == ["rules.payee"]
    acme.fay.put(path, {"rules": []}).refused(422, "not_an_object")
    assert acme.fay.put(path, {}).refused(422, "invalid")["errors"][0]["code"] == "required"
    acme.fay.put(path, {"rules": {}, "colour": "red"}).refused(422, "unknown_field")
    assert acme.fay.get(path).ok()["version"] == 0


def test_finance_writes_rules_everybody_reads_them_and_other_tenants_see_none(acme: Stage, zenith: Stage) -> None:
    budget = acme.budget(day_usd="20")
    path = f"budgets/{budget['id']}/rules"
    for caller in (acme.rita, acme.otto, acme.anna, acme.pia, acme.ada):
        caller.put(path, {"rules": {}}).refused(403, "role")
        caller.post(f"{path}/preview", {"rules": {}}).refused(403, "role")
        caller.get(path).ok()
    acme.boss.put(path, {"rules": {"velocity": {"count_per_hour": 1}}}).ok()
    zenith.fay.get(path).refused(404, "not_found")
    zenith.fay.put(path, {"rules": {}}).refused(404, "not_found")
    zenith.fay.post(f"{path}/preview", {"rules": {}}).refused(404, "not_found")


@pytest.mark.parametrize(
    ("rules", "more", "code", "rule"),
    [
        ({"payees": {"denied": ["*.evil.example"]}}, {"payee": "A.Evil.Example"}, "payee_denied", "payees.denied"),
        ({"payees": {"allowed": ["else.example"]}}, {}, "payee_denied", "payees.allowed"),
        ({"payees": {"allowed": ["else.example"]}}, {"payee": ""}, "payee_denied", "payees.allowed"),
        ({"categories": {"allowed": ["fonts"]}}, {"category": "render"}, "category_denied", "categories.allowed"),
        ({"assets": {"allowed": ["USDC"]}}, {}, "asset_denied", "assets.allowed"),
    ],
)
def test_a_denial_is_a_row_that_names_rule_budget_and_version(
    acme: Stage, rules: dict[str, Any], more: dict[str, str], code: str, rule: str
) -> None:
    budget = acme.budget(day_usd="20")
    claim = at_work(acme)
    acme.ada.spend(claim, "1", **more).ok(201)
    put(acme, budget, **rules)
    said = acme.ada.spend(claim, "1", **more).refused(402, code)
    assert (said["rule"], said["rules_version"], said["budget"]) == (rule, 1, budget["id"])
    assert (said["remaining_usd"], said["resets_at"]) == ("0.00", None)
    assert budget["id"] in said["detail"]
    row = acme.anna.get(f"transactions/{said['transaction']['id']}").ok()
    assert (row["status"], row["denied_code"], row["budgets"]) == ("denied", code, [budget["id"]])
    assert spent(acme, budget)[0] == "1.00"
    put(acme, budget)
    acme.ada.spend(claim, "1", **more).ok(201)
    check_books(acme)


def test_all_budgets_must_permit_and_a_denial_names_whose_rule_it_was(acme: Stage) -> None:
    acme.budget(day_usd="20")
    strict = acme.budget(scope="agent", scope_id=acme.ada.id, day_usd="20")
    put(acme, strict, payees={"denied": ["render.example"]})
    said = acme.ada.spend(at_work(acme), "1").refused(402, "payee_denied")
    assert (said["budget"], said["transaction"]["budgets"][0]) == (strict["id"], strict["id"])
    acme.bob.spend(at_work(acme, acme.bob), "1").ok(201)


def test_rules_of_a_budget_that_is_switched_off_are_not_asked(acme: Stage) -> None:
    """Where another budget of the same scope serves."""
    acme.budget(day_usd="20")
    off = acme.budget(day_usd="20", is_active=False)
    put(acme, off, payees={"denied": ["render.example"]})
    acme.ada.spend(at_work(acme), "1").ok(201)


def test_a_rule_refuses_before_a_limit_does_and_asks_nobody(acme: Stage) -> None:
    budget = acme.budget(day_usd="2", approval_threshold_usd="1")
    put(acme, budget, payees={"denied": ["render.example"]})
    acme.ada.spend(at_work(acme), "50").refused(402, "payee_denied")
    assert acme.rita.get("reviews").ok()["results"] == []


def test_no_more_than_so_many_spends_pass_within_an_hour(acme: Stage) -> None:
    budget = acme.budget(day_usd="20")
    put(acme, budget, velocity={"count_per_hour": 2})
    with clock.held(NOON):
        claim = at_work(acme)
        acme.ada.spend(claim, "1").ok(201)
    with clock.held(NOON + timedelta(seconds=20)):
        acme.ada.spend(claim, "1").ok(201)
        said = acme.ada.spend(claim, "1").refused(402, "velocity_exceeded")
        assert said["rule"] == "velocity.count_per_hour"
        assert said["resets_at"] == "2026-11-21T13:00:00Z"
        assert said["remaining_usd"] == "0.00"
    later = NOON + timedelta(hours=1, seconds=1)
    with clock.held(later):
        other = at_work(acme)
        acme.ada.spend(other, "1").ok(201)
        again = acme.ada.spend(other, "1").refused(402, "velocity_exceeded")
        assert again["resets_at"] == "2026-11-21T13:00:20Z"
    check_books(acme)


def test_no_more_than_so_much_passes_within_an_hour(acme: Stage) -> None:
    budget = acme.budget(day_usd="100")
    put(acme, budget, velocity={"amount_usd_per_hour": "10"})
    with clock.held(NOON):
        claim = at_work(acme)
        acme.ada.spend(claim, "4").ok(201)
    with clock.held(NOON + timedelta(seconds=10)):
        acme.ada.spend(claim, "3").ok(201)
        said = acme.ada.spend(claim, "5").refused(402, "velocity_exceeded")
        assert (said["rule"], said["remaining_usd"]) == ("velocity.amount_usd_per_hour", "3.00")
        assert said["resets_at"] == "2026-11-21T13:00:00Z", "when the 4 have left"
        assert acme.ada.spend(claim, "8").refused(402, "velocity_exceeded")["resets_at"] == "2026-11-21T13:00:10Z"
        never = acme.ada.spend(claim, "10.01").refused(402, "velocity_exceeded")
        assert never["resets_at"] is None
        acme.ada.spend(claim, "3").ok(201)


def test_what_remains_under_a_rule_is_no_more_than_the_limits_leave(acme: Stage) -> None:
    budget = acme.budget(day_usd="4")
    put(acme, budget, velocity={"amount_usd_per_hour": "10"})
    claim = at_work(acme)
    acme.ada.spend(claim, "3").ok(201)
    assert acme.ada.spend(claim, "9").refused(402, "velocity_exceeded")["remaining_usd"] == "1.00"
    assert acme.ada.spend(claim, "2").refused(402, "budget_exceeded")["remaining_usd"] == "1.00"


def test_velocity_counts_what_is_counted_not_what_was_denied_or_given_back(acme: Stage) -> None:
    budget = acme.budget(day_usd="100", approval_threshold_usd="50")
    put(acme, budget, velocity={"count_per_hour": 2, "amount_usd_per_hour": "60"})
    one, two = at_work(acme), at_work(acme)
    lease = {"lease_token": one["lease_token"]}
    acme.ada.spend(one, "1000").refused(402, "velocity_exceeded")
    voided = acme.ada.spend(one, "5").ok(201)
    acme.ada.post(f"transactions/{voided['id']}/void", lease).ok()
    captured = acme.ada.spend(one, "9").ok(201)
    acme.ada.post(f"transactions/{captured['id']}/capture", lease | {"amount_usd": "1"}).ok()
    acme.ada.spend(two, "59").ok(202)  # 1 captured and 59 in review are 60
    assert acme.ada.spend(one, "0.01").refused(402, "velocity_exceeded")["rule"] == "velocity.count_per_hour"


@pytest.mark.parametrize("scope", ["tenant", "campaign", "session", "agent", "task"])
def test_velocity_counts_its_own_scope_also_from_before_the_rule(acme: Stage, scope: str) -> None:
    campaign = acme.otto.post("campaigns", {"name": "Harbour", "goal": "Open the baths."}).ok(201)
    inside, outside = acme.session(campaign=campaign["id"]), acme.session()
    acme.budget(day_usd="100")
    claim = at_work(acme, session=inside)
    ids = {
        "tenant": None,
        "campaign": campaign["id"],
        "session": inside["id"],
        "agent": acme.ada.id,
        "task": claim["task"]["id"],
    }
    budget = acme.budget(scope=scope, scope_id=ids[scope], day_usd="100")
    other = at_work(acme, acme.bob, session=outside)
    acme.bob.spend(other, "1").ok(201)
    acme.ada.spend(claim, "1").ok(201)
    put(acme, budget, velocity={"count_per_hour": 1})
    acme.ada.spend(claim, "1").refused(402, "velocity_exceeded")
    if scope != "tenant":
        acme.bob.spend(other, "1").ok(201)


def test_velocity_is_served_by_an_index_of_what_counts(acme: Stage) -> None:
    """However many were denied within the hour: they are not in it."""
    acme.ada.spend(at_work(acme), "1").refused(402, "no_budget")
    names = filled("transaction_pace", "transaction_agents_pace")
    for scope, scope_id in (("tenant", None), ("agent", acme.ada.id)):
        budget = acme.budget(scope=scope, scope_id=scope_id, day_usd="100")
        with acme.bound():
            plan = of_last_hour(BudgetConfig.objects.get(pk=budget["id"]), clock.now()).order_by().explain()
        assert any(name in plan for name in names), plan


def test_an_approved_spend_is_not_asked_by_rules_again(acme: Stage) -> None:
    budget = acme.budget(day_usd="100", approval_threshold_usd="5")
    claim = at_work(acme)
    spend = acme.ada.spend(claim, "8").ok(202)
    put(acme, budget, payees={"denied": ["render.example"]})
    acme.rita.post(f"reviews/{spend['review']}/decision", {"decision": "approve"}).ok()
    again = claimed_again(acme, claim)
    assert acme.ada.spend(again, "8").ok(201)["id"] == spend["id"]
    acme.ada.spend(again, "1").refused(402, "payee_denied")


def test_rules_stand_for_every_role(acme: Stage) -> None:
    put(acme, acme.budget(day_usd="1"), velocity={"count_per_hour": 1})
    for sql in ("UPDATE commerce_budgetrules SET version = 9", "DELETE FROM commerce_budgetrules"):
        with acme.bound(), pytest.raises(Exception, match="permission denied"), connection.cursor() as cursor:
            cursor.execute(sql)
        with psycopg.connect(cluster.postgres.urls.owner) as owner, pytest.raises(psycopg.errors.CheckViolation):
            owner.execute(sql)


def test_a_preview_says_what_the_last_thirty_days_would_have_been_and_writes_nothing(acme: Stage) -> None:
    budget = acme.budget(day_usd="100", approval_threshold_usd="50")
    one, two = at_work(acme), at_work(acme)
    acme.ada.spend(one, "1").ok(201)
    acme.ada.spend(one, "2", payee="evil.example").ok(201)
    acme.ada.spend(one, "1000").refused(402, "budget_exceeded")
    acme.ada.spend(two, "60").ok(202)
    rules = {"payees": {"denied": ["evil.example"]}, "approvals": [{"above_usd": "0.5", "approvers": 2}]}
    seen = acme.fay.post(f"budgets/{budget['id']}/rules/preview", {"rules": rules}).ok()
    assert {(o["was"], o["would_be"], o["count"], o["amount_usd"]) for o in seen["outcomes"]} == {
        ("passed", "review", 1, "1.00"),
        ("passed", "payee_denied", 1, "2.00"),
        ("budget_exceeded", "budget_exceeded", 1, "1000.00"),
        ("review", "review", 1, "60.00"),
    }
    assert (seen["looked_at"], seen["complete"]) == (4, True)
    assert [(d["amount_usd"], d["would_be"], d["rule"]) for d in seen["differences"]] == [
        ("1.00", "review", None),
        ("2.00", "payee_denied", "payees.denied"),
    ]
    assert acme.fay.get(f"budgets/{budget['id']}/rules").ok()["version"] == 0
    acme.fay.post(f"budgets/{budget['id']}/rules/preview", {"rules": {"x": 1}}).refused(422, "invalid_rules")
    with acme.bound():
        assert (BudgetRules.objects.count(), Transaction.objects.count()) == (0, 4)


def test_a_preview_looks_at_the_newest_when_there_are_too_many(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commerce.actions.previewing.ROWS_MAX", 2)
    monkeypatch.setattr("commerce.actions.previewing.AT_ONCE", 1)
    budget = acme.budget(day_usd="100")
    claim = at_work(acme)
    for amount in ("1", "2", "3"):
        acme.ada.spend(claim, amount).ok(201)
    rules = {"assets": {"denied": ["USD"]}}
    seen = acme.fay.post(f"budgets/{budget['id']}/rules/preview", {"rules": rules}).ok()
    assert (seen["looked_at"], seen["complete"]) == (2, False)
    assert [d["amount_usd"] for d in seen["differences"]] == ["2.00", "3.00"]


def test_a_preview_of_the_rules_that_acted_finds_nothing_different(acme: Stage) -> None:
    """The replay judges as the spends were judged."""
    budget = acme.budget(day_usd="50", approval_threshold_usd="20")
    rules = {
        "payees": {"allowed": ["render.example", "*.fonts.example"]},
        "velocity": {"count_per_hour": 3, "amount_usd_per_hour": "40"},
        "approvals": [{"above_usd": "30", "approvers": 2}],
    }
    put(acme, budget, **rules)
    one, two = at_work(acme), at_work(acme)
    acme.ada.spend(one, "35", payee="evil.test").refused(402, "payee_denied")
    acme.ada.spend(one, "1", payee="A.fonts.example").ok(201)
    acme.ada.spend(one, "39.5").refused(402, "velocity_exceeded")
    acme.ada.spend(two, "31").ok(202)
    acme.ada.spend(one, "8").ok(201)
    acme.ada.spend(one, "0.01").refused(402, "velocity_exceeded")
    seen = acme.fay.post(f"budgets/{budget['id']}/rules/preview", {"rules": rules}).ok()
    assert (seen["looked_at"], seen["differences"]) == (6, [])
    assert {o["was"]: o["count"] for o in seen["outcomes"]} == {
        "passed": 2,
        "review": 1,
        "payee_denied": 1,
        "velocity_exceeded": 2,
    }
