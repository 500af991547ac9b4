"""Policies over the API, and what they do to results, spends and the quick ways."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from chimera import housekeeping
from chimera.kernel import clock
from safety.actions import policies, shadowing
from safety.models import PolicyVersion, ShadowVerdict
from safety.states import PolicyStatus
from tests.cast import Said, Stage

Settle = Callable[[], None]
DEAR = {"name": "dear", "when": {"subjects": ["spend"], "amount_usd": {"above": "5.00"}}, "then": "review"}
NEVER = {"name": "never them", "when": {"payees": ["*evil*"]}, "then": "deny"}
MAIL = {"name": "no addresses", "when": {"patterns": ["pii.email"]}, "then": "review"}


def made(acme: Stage, *rules: dict[str, Any], name: str = "house", status: str = "enforced") -> dict[str, Any]:
    said = acme.boss.post("policies", {"name": name, "rules": list(rules), "status": status})
    return said.ok(201).body


def claimed(acme: Stage, settle: Settle, **more: Any) -> dict[str, Any]:
    acme.task(acme.session(), **more)
    settle()
    (claim,) = acme.ada.claim()
    return claim


def card_of(acme: Stage, said: Said) -> dict[str, Any]:
    return acme.rita.get(f"reviews/{said['review']}").ok().body


def test_a_policy_is_made_read_replaced_and_switched(acme: Stage) -> None:
    policy = made(acme, DEAR, status="shadow")
    assert (policy["status"], policy["rules_version"], policy["rules"]) == ("shadow", 1, [DEAR])
    path = f"policies/{policy['id']}"
    changed = acme.boss.put(f"{path}/rules", {"rules": [DEAR, NEVER], "note": "a bad payee", "version": 1}).ok()
    assert (changed["rules_version"], changed["rules"]) == (2, [DEAR, NEVER])
    acme.boss.put(f"{path}/rules", {"rules": [DEAR], "version": 1}).refused(409, "stale")
    assert acme.boss.put(f"{path}/rules", {"rules": [DEAR, NEVER]}).ok()["rules_version"] == 2  # says nothing new
    versions = acme.rita.get(f"{path}/versions").ok()["results"]
    assert [(v["version"], v["note"], v["rules"]) for v in versions] == [
        (2, "a bad payee", [DEAR, NEVER]),
        (1, "", [DEAR]),
    ]
    acme.boss.post(f"{path}/status", {"status": "enforced", "reason": "seen for a week"}).ok()
    acme.boss.post(f"{path}/status", {"status": "enforced", "reason": "again"}).refused(409, "policy_enforced")
    acme.boss.post(f"{path}/status", {"status": "off", "reason": " "}).refused(422, "invalid")
    assert acme.anna.get("policies", status="enforced").ok()["results"][0]["id"] == policy["id"]
    for name in ("house", " House", "ｈｏｕｓｅ", "ho\u200buse"):
        acme.boss.post("policies", {"name": name, "rules": []}).refused(409, "name_taken")
    for name in ("\u200b", "a\nb"):
        acme.boss.post("policies", {"name": name, "rules": []}).refused(422, "blank")


@pytest.mark.parametrize("who", ["ada", "pia", "rita", "otto", "fay", "anna"])
def test_only_admins_write_policies_and_everybody_reads_them(acme: Stage, who: str) -> None:
    policy = made(acme, DEAR)
    caller, path = getattr(acme, who), f"policies/{policy['id']}"
    caller.post("policies", {"name": "mine", "rules": []}).refused(403, "role")
    caller.put(f"{path}/rules", {"rules": []}).refused(403, "role")
    caller.post(f"{path}/status", {"status": "off", "reason": "why not"}).refused(403, "role")
    caller.post(f"{path}/preview", {"rules": []}).refused(403, "role")
    assert caller.get(path).ok()["rules"] == [DEAR]
    caller.get("policies").ok()
    caller.get(f"{path}/versions").ok()


def test_another_tenants_policies_do_not_exist(acme: Stage, zenith: Stage) -> None:
    policy = made(acme, DEAR)
    path = f"policies/{policy['id']}"
    zenith.boss.get(path).refused(404, "not_found")
    zenith.boss.put(f"{path}/rules", {"rules": []}).refused(404, "not_found")
    assert zenith.boss.get("policies").ok()["results"] == []
    with zenith.bound():
        assert policies.acting().policies == ()


def test_an_unknown_rule_is_refused_at_its_place_and_nothing_is_written(acme: Stage) -> None:
    said = acme.boss.post("policies", {"name": "x", "rules": [DEAR, {**MAIL, "when": {"pattern": ["pii.email"]}}]})
    said.refused(422, "invalid_rules")
    assert [error["field"] for error in said["errors"]] == ["rules.1.when.pattern"]
    with acme.bound():
        assert not PolicyVersion.objects.exists()


def test_a_spend_is_denied_or_put_before_a_person_by_policy_on_top_of_its_budgets(acme: Stage, settle: Settle) -> None:
    acme.budget(day_usd="20")
    policy = made(acme, DEAR, NEVER)
    claim = claimed(acme, settle)
    denied = acme.ada.spend(claim, "1", payee="pay.evil.example").refused(402, "policy_denied")
    assert (denied["policy"], denied["rule"], denied["rules_version"]) == (policy["id"], "never them", 1)
    assert denied["transaction"]["denied_code"] == "policy_denied"
    acme.ada.spend(claim, "5").ok(201)
    acme.ada.spend(claim, "30").refused(402, "budget_exceeded")  # what no budget permits is put before nobody
    asked = acme.ada.spend(claim, "6").ok(202)
    card = card_of(acme, asked)
    assert [(r["code"], r["rule"], r["policy"], r["version"]) for r in card["reasons"]] == [
        ("amount", "dear", policy["id"], 1)
    ]
    acme.rita.post(f"reviews/{card['id']}/decision", {"decision": "approve"}).ok()
    settle()
    (again,) = acme.ada.claim()
    resumed = acme.ada.spend(again, "6").ok(201)
    assert (resumed["id"], resumed["status"]) == (asked["id"], "held")  # no second card


@pytest.mark.parametrize(
    ("rule", "confidence", "output", "outcome"),
    [
        (MAIL, 0.99, {"text": "Write to ann@example.com about the boats."}, "blocked"),
        (MAIL, 0.99, {"text": "Write to Ann about the boats."}, "completed"),
        ({"name": "later", "when": {"task_types": ["res*"]}, "then": "deny"}, 0.99, {"text": "x"}, "retrying"),
        (
            {"name": "lower", "when": {"task_types": ["research"], "confidence": {"from": 0.6}}, "then": "allow"},
            0.6,
            {"a": 1},
            "completed",
        ),
        (
            {"name": "lower", "when": {"task_types": ["other"], "confidence": {"from": 0.6}}, "then": "allow"},
            0.8,
            {"a": 1},
            "blocked",
        ),
        ({"name": "new", "when": {"trust": {"below": 0.2}}, "then": "review"}, 0.99, {"a": 1}, "blocked"),
        (
            {"name": "all", "when": {"subjects": ["result"]}, "then": "allow"},
            0.99,
            {"t": "Buy shares of the port now."},
            "blocked",
        ),
    ],
)
def test_a_result_meets_the_policy(
    acme: Stage, settle: Settle, rule: dict[str, Any], confidence: float, output: dict[str, Any], outcome: str
) -> None:
    made(acme, rule)
    assert acme.ada.finish(claimed(acme, settle), confidence, output=output).ok()["outcome"] == outcome


def test_a_denied_result_without_an_attempt_left_fails_and_gives_its_money_back(acme: Stage, settle: Settle) -> None:
    acme.budget(day_usd="20")
    made(acme, {"name": "later", "when": {"subjects": ["result"], "task_types": ["research"]}, "then": "deny"})
    claim = claimed(acme, settle, max_attempts=1)
    hold = acme.ada.spend(claim, "5").ok(201)
    assert acme.ada.finish(claim, 0.99).ok()["outcome"] == "failed"
    task = acme.pia.get(f"tasks/{claim['task']['id']}").ok()
    assert (task["status"], task["error"]["code"]) == ("failed", "policy_denied")
    assert acme.fay.get(f"transactions/{hold['id']}").ok()["status"] == "voided"


def test_a_judges_score_does_not_overrule_a_policy(acme: Stage, settle: Settle) -> None:
    made(acme, MAIL)
    task = acme.task(acme.session(), judged=True)
    settle()
    (claim,) = acme.ada.claim()
    acme.ada.finish(claim, 0.99, output={"text": "Write to ann@example.com today."}).ok()
    settle()
    (judging,) = acme.jude.claim()
    acme.jude.finish(judging, 1.0).ok()
    assert acme.pia.get(f"tasks/{task['id']}").ok()["status"] == "blocked"
    (card,) = acme.rita.get("reviews", status="pending", task=task["id"]).ok()["results"]
    assert [r["code"] for r in card["reasons"]] == ["pattern_pii.email"]


def test_a_policy_in_shadow_lets_pass_and_counts_what_it_would_have_stopped(acme: Stage, settle: Settle) -> None:
    acme.budget(day_usd="20")
    policy = made(acme, MAIL, DEAR, status="shadow")
    claim = claimed(acme, settle)
    acme.ada.spend(claim, "6").ok(201)
    acme.ada.spend(claim, "2").ok(201)
    assert (
        acme.ada.finish(claim, 0.99, output={"text": "Write to ann@example.com today."}).ok()["outcome"] == "completed"
    )
    assert acme.rita.get(f"policies/{policy['id']}").ok()["would_have_stopped_7d"] == 2
    with acme.bound():
        kept = list(ShadowVerdict.objects.order_by("id").values_list("kind", "was", "would_be", "policy_version"))
    assert kept == [("spend", "allow", "review", 1), ("result", "allow", "review", 1)]


def test_what_a_shadow_would_have_done_is_forgotten_after_ninety_days(
    acme: Stage, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme.budget(day_usd="20")
    policy = made(acme, DEAR, status="shadow")
    claim = claimed(acme, settle)
    for _ in range(3):
        acme.ada.spend(claim, "6").ok(201)
    monkeypatch.setattr(shadowing, "SWEPT_MAX", 2)
    for days, left in ((89, 3), (91, 0)):
        with clock.held(clock.now() + timedelta(days=days)):
            housekeeping.sweep_shadow_verdicts(0)
        with acme.bound():
            assert ShadowVerdict.objects.filter(policy_id=policy["id"]).count() == left


def test_a_change_acts_at_once_on_every_way_a_result_can_take(acme: Stage, settle: Settle) -> None:
    """The quick ways know policies from before; the stamp tells them that others act."""
    session = acme.session()
    acme.pia.post("tasks/batch", {"tasks": [{"session": session["id"], "type": "t", "input_payload": {}}] * 6}).ok(201)
    settle()
    claims = acme.ada.claim(6)

    def outcomes(some: list[dict[str, Any]]) -> set[str]:
        results = [
            {
                "task": c["task"]["id"],
                "lease_token": c["lease_token"],
                "status": "succeeded",
                "output_payload": {"n": 1},
                "confidence_score": 1,
            }
            for c in some
        ]
        return {one["status"] for one in acme.ada.post("claims/results", {"results": results}).ok()["outcomes"]}

    assert outcomes(claims[:2]) == {"completed"}
    policy = made(acme, {"name": "all", "when": {"task_types": ["t"]}, "then": "review"})
    assert outcomes(claims[2:4]) == {"blocked"}
    acme.boss.post(f"policies/{policy['id']}/status", {"status": "off", "reason": "enough seen"}).ok()
    assert outcomes(claims[4:]) == {"completed"}


def test_what_was_read_inside_a_change_that_was_undone_is_never_taken_for_what_acts(acme: Stage) -> None:
    with acme.bound():
        policies.create(name="ghost", rules=(), note="", status=PolicyStatus.ENFORCED, by=acme.boss.actor)
        assert [p.name for p in policies.acting().policies] == ["ghost"]
        transaction.set_rollback(True)
    made(acme, DEAR)
    with acme.bound():
        assert [p.name for p in policies.acting().policies] == ["house"]


def test_a_preview_says_what_the_last_days_would_have_been_and_changes_nothing(acme: Stage, settle: Settle) -> None:
    acme.budget(day_usd="20")
    claim = claimed(acme, settle)
    acme.ada.spend(claim, "6").ok(201)
    acme.ada.finish(claim, 0.99, output={"text": "Write to ann@example.com today."}).ok()
    policy = made(acme, DEAR, status="off")
    seen = acme.boss.post(f"policies/{policy['id']}/preview", {"rules": [MAIL, DEAR]}).ok()
    assert (seen["looked_at"], seen["complete"]) == (2, True)
    assert {(d["kind"], d["was"], d["would_be"], d["rule"]) for d in seen["differences"]} == {
        ("spend", "allow", "review", "dear"),
        ("result", "allow", "review", "no addresses"),
    }
    assert {(r["rule"], r["count"]) for r in seen["rules"]} == {("dear", 1), ("no addresses", 1)}
    nothing = acme.boss.post(f"policies/{policy['id']}/preview", {"rules": []}).ok()
    assert nothing["differences"] == []
    assert acme.boss.get(f"policies/{policy['id']}").ok()["rules_version"] == 1


@pytest.mark.parametrize(
    "where",
    [
        {"output": {"card": 4111111111111111}},
        {"reasoning": "I used 4111 1111 1111 1111."},
        {"evidence": [{"quote": "4111-1111-1111-1111"}]},
        {"metrics": {"number": 4111111111111111}},
        {"artifacts": [{"type": "note", "content": {"paid with": ["4111111111111111"]}}]},
    ],
    ids=lambda where: next(iter(where)),
)
def test_no_part_of_a_result_hides_what_a_pattern_finds(acme: Stage, settle: Settle, where: dict[str, Any]) -> None:
    made(acme, {"name": "no cards", "when": {"patterns": ["pii.card"]}, "then": "review"})
    said = acme.ada.finish(claimed(acme, settle), confidence=0.99, **({"output": {"text": "Done."}} | where)).ok()
    assert [reason["code"] for reason in card_of(acme, said)["reasons"]] == ["pattern_pii.card"]
