"""Policies at the console: made, written with a preview, switched with a reason, and what they would have stopped."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from safety.admin.policy_forms import BOXES, initial_of
from safety.policies import parse
from safety.policies.rules import RULES_MAX, When
from tests.cast import Stage
from tests.console.desk import Desk, Page
from tests.console.places import NOUNS

POLICY = NOUNS["policy"]
Settle = Callable[[], None]
ALL: dict[str, Any] = {
    "task_types": ["pub*", "mail"],
    "roles": ["worker"],
    "risk_tiers": [2, 3],
    "topics": ["politics"],
    "patterns": ["pii.email", "secret.key"],
    "trust": {"below": 0.8},
    "hours": {"time_zone": "UTC", "weekdays": ["mon", "fri"], "from": "09:00", "to": "17:00", "outside": True},
}
EVERYTHING: list[dict[str, Any]] = [  # that may be asked about a result, and about an action
    {"name": "a", "then": "review", "when": ALL | {"subjects": ["result"], "confidence": {"from": 0.5, "below": 0.9}}},
    {
        "name": "b",
        "then": "review",
        "due": {"minutes": 240, "remind_minutes": [60, 15], "escalate_minutes": 30, "escalate_to": "finance"},
        "when": ALL
        | {
            "subjects": ["action", "spend"],
            "tools": ["search"],
            "amount_usd": {"above": "1.50", "up_to": "9.00"},
            "payees": ["*.example"],
        },
    },
]


def filled(*rules: dict[str, Any], version: int = 1, note: str = "") -> dict[str, Any]:
    """What a browser sends for these rules, with a blank form below."""
    said: dict[str, Any] = {"version": str(version), "note": note}
    said |= {"rules-TOTAL_FORMS": str(len(rules) + 1), "rules-INITIAL_FORMS": "0", f"rules-{len(rules)}-then": "review"}
    for number, fields in enumerate(rules):
        said |= {f"rules-{number}-{name}": value for name, value in fields.items() if value not in ("", [], False)}
    return said


def shown(*rules: dict[str, Any]) -> list[dict[str, Any]]:
    return initial_of(parse(list(rules)))


def previewed(page: Page) -> str:
    (token,) = re.findall(r'name="previewed" value="(\w*)"', page.html)
    return str(token)


@pytest.fixture
def policy(acme: Stage) -> dict[str, Any]:
    made: dict[str, Any] = acme.boss.post("policies", {"name": "house", "rules": []}).ok(201).body
    return made


def test_a_policy_is_made_in_shadow_and_its_rules_are_previewed_before_they_act(
    acme: Stage, boss: Desk, settle: Settle
) -> None:
    acme.budget(day_usd="20")
    acme.task(acme.session())
    settle()
    (claim,) = acme.ada.claim()
    acme.ada.spend(claim, "7").ok(201)
    page = boss.post("/admin/safety/policy/new/", name="house", note="").ok()
    assert "made the policy “house”" in page.text
    (policy,) = acme.boss.get("policies").ok()["results"]
    path = f"{POLICY.one(policy['id'])}rules/"
    said = filled({"name": "dear", "then": "review", "amount_usd_above": "5"}, note="money is dear")
    seen = boss.post(path, **said, preview="1").ok()
    for words in (
        "1 results, actions and spends since",
        "What would have been different",
        "7.00 USD for render.example",
        "dear",
    ):
        assert words in seen.text, words
    assert acme.boss.get(f"policies/{policy['id']}").ok()["rules_version"] == 1
    done = boss.post(path, **said, previewed=previewed(seen), save="1").ok()
    for words in (
        "put version 2 of “house” in place",
        "amount usd: above 5.00",
        "money is dear",
        "review “dear”: amount usd",
    ):
        assert words in done.text, words
    changed = filled({"name": "dear", "then": "deny", "amount_usd_above": "5"}, version=2)
    assert "Put these rules in place" in boss.post(path, **changed, previewed=previewed(seen), save="1").ok().text
    assert acme.boss.get(f"policies/{policy['id']}").ok()["rules_version"] == 2


def test_every_condition_can_be_filled_in_and_comes_back_as_it_was(
    acme: Stage, boss: Desk, policy: dict[str, Any]
) -> None:
    path = f"{POLICY.one(policy['id'])}rules/"
    said = filled(*shown(*EVERYTHING))
    seen = boss.post(path, **said, preview="1").ok()
    boss.post(path, **said, previewed=previewed(seen), save="1").ok()
    assert acme.boss.get(f"policies/{policy['id']}").ok()["rules"] == EVERYTHING
    assert {name for rule in EVERYTHING for name in rule["when"]} == set(When.model_fields) >= set(BOXES)
    page = boss.get(path).ok()
    assert 'value="pub*, mail"' in page.html


@pytest.mark.parametrize(
    "payees",
    [["acme, inc", "*.example"], ['"acme"', 'say "hi", twice'], [f"{n:03},{'x' * 196}" for n in range(200)]],
    ids=["a comma", "quotation marks", "the longest list"],
)
def test_names_are_saved_as_they_were_whatever_signs_they_have(
    acme: Stage, boss: Desk, policy: dict[str, Any], payees: list[str]
) -> None:
    rule = {"name": "never them", "when": {"payees": payees}, "then": "deny"}
    acme.boss.put(f"policies/{policy['id']}/rules", {"rules": [rule]}).ok()
    path = f"{POLICY.one(policy['id'])}rules/"
    said = filled(*shown(rule), {"name": "dear", "then": "review", "amount_usd_above": "5"}, version=2)
    seen = boss.post(path, **said, preview="1").ok()
    boss.post(path, **said, previewed=previewed(seen), save="1").ok()
    kept = acme.boss.get(f"policies/{policy['id']}").ok()
    assert (kept["rules_version"], kept["rules"][0]) == (3, rule)


def test_as_many_rules_as_there_may_be_are_saved_in_the_form(boss: Desk, policy: dict[str, Any]) -> None:
    rules = [{"name": f"r{n}", "when": EVERYTHING[1]["when"], "then": "deny"} for n in range(RULES_MAX)]
    said = filled(*shown(*rules)) | {f"rules-{n}-ORDER": "" for n in range(RULES_MAX + 1)}
    sent = sum(len(value) if isinstance(value, list) else 1 for value in said.values())
    assert sent > 2_000  # twice what Django lets through unasked
    boss.post(f"{POLICY.one(policy['id'])}rules/", **said, more="1").ok()


def test_what_is_no_rule_is_refused_at_its_field(boss: Desk, policy: dict[str, Any]) -> None:
    path = f"{POLICY.one(policy['id'])}rules/"
    for field, value, words in (
        ("confidence_below", "high", "Must be a number from 0 to 1."),
        ("amount_usd_above", "-5", "Must not be negative."),
        ("time_zone", "Mars", "Must be a time zone of IANA"),
        ("hours_from", "9", "Must be a time of the day"),
        ("tools", "a*b*c*d*e*f*g", "more than 5 stars"),
        ("trust_from", "2", "Must be a number from 0 to 1."),
        ("due_minutes", "soon", "integer"),
        ("due_remind_minutes", "60, x", "integer"),
        ("due_escalate_minutes", "0", "greater"),
    ):
        page = boss.post(path, **filled({"name": "x", "then": "deny", field: value}), preview="1")
        assert page.status == 422
        html = page.html[page.html.index(f'name="rules-0-{field}"') :]
        assert words in html[: html.index("chm-field", 400)], field
    nothing = boss.post(path, **filled({"name": "x", "then": "deny"}), preview="1")
    assert "Says nothing of when" in nothing.text


def test_a_policy_is_switched_with_a_reason_and_says_what_it_would_have_stopped(
    acme: Stage, boss: Desk, settle: Settle
) -> None:
    rules = [{"name": "all", "when": {"subjects": ["result"]}, "then": "review"}]
    policy = acme.boss.post("policies", {"name": "house", "rules": rules}).ok(201)
    acme.task(acme.session())
    settle()
    (claim,) = acme.ada.claim()
    assert acme.ada.finish(claim, 0.99).ok()["outcome"] == "completed"
    page = boss.get(POLICY.one(policy["id"])).ok()
    for words in ("it would have stopped 1 that passed", "It is a result (rule “all”", "In shadow"):
        assert words in page.text, words
    assert boss.post(POLICY.one(policy["id"], "enforce"), reason="").status == 422
    done = boss.post(POLICY.one(policy["id"], "enforce"), reason="a week of looking").ok()
    assert "a week of looking" in done.text
    assert acme.boss.get(f"policies/{policy['id']}").ok()["status"] == "enforced"


def test_only_admins_open_the_pages_that_write(acme: Stage, rita: Desk, policy: dict[str, Any]) -> None:
    assert rita.get("/admin/safety/policy/new/").status == 403
    assert rita.get(f"{POLICY.one(policy['id'])}rules/").status == 403
    assert "Change the rules" not in rita.get(POLICY.one(policy["id"])).ok().text
