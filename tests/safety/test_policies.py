"""Rules as data: what they say of a subject. No database."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from safety import triggers
from safety.policies import Acting, Kind, Ruling, Subject, Then, evaluate, may_stop, parse
from safety.policies.values import means
from safety.triggers import Bands, Verdict

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)  # a Wednesday
BANDS = Bands(passes=Decimal("0.9"), reviews=Decimal("0.7"))


def rule(then: str, name: str = "", **when: Any) -> dict[str, Any]:
    return {"name": name or f"{then} it", "when": when, "then": then}


def policy(*rules: dict[str, Any], name: str = "house", shadow: bool = False) -> Acting:
    return Acting(uuid4(), name, 1, parse(list(rules)), shadow)


def result(text: str = "All is well with the boats.", **more: Any) -> Subject:
    known: dict[str, Any] = {"task_type": "post", "role": "worker", "risk_tier": 2, "confidence": Decimal("0.95")}
    return Subject(kind=Kind.RESULT, at=NOON, text=text, **(known | more))


def spend(amount: str = "5", **more: Any) -> Subject:
    known: dict[str, Any] = {"task_type": "post", "role": "worker", "risk_tier": 2, "payee": "render.example"}
    return Subject(kind=Kind.SPEND, at=NOON, amount_usd=Decimal(amount), **(known | more))


def action(tool: str, text: str = "", **more: Any) -> Subject:
    known: dict[str, Any] = {"task_type": "post", "role": "worker", "risk_tier": 2}
    return Subject(kind=Kind.ACTION, at=NOON, tool=tool, text=text, **(known | more))


def said(subject: Subject, *policies: Acting) -> Then | None:
    return evaluate(subject, policies).then


ALL = {"subjects": ["result", "action", "spend"]}


@pytest.mark.parametrize(
    ("rules", "then"),
    [
        ([rule("allow", **ALL), rule("review", **ALL), rule("deny", **ALL)], Then.DENY),
        ([rule("allow", **ALL), rule("review", **ALL)], Then.REVIEW),
        ([rule("allow", **ALL)], Then.ALLOW),
        ([], None),
    ],
)
def test_the_first_deny_wins_then_review_then_allow(rules: list[dict[str, Any]], then: Then | None) -> None:
    assert said(result(), policy(*rules)) is then
    assert said(result(), *[policy(one, name=str(n)) for n, one in enumerate(rules)]) is then


def test_a_decision_names_rule_policy_and_version() -> None:
    house = policy(rule("review", "dear", amount_usd={"above": "4"}), rule("review", "to them", payees=["*.example"]))
    ruling = evaluate(spend(), [house])
    assert [(r.code, r.rule, r.policy, r.version) for r in ruling.reasons] == [
        ("amount", "dear", str(house.policy_id), 1),
        ("payee", "to them", str(house.policy_id), 1),
    ]
    assert ruling.versions == (f"{house.policy_id}@1",)
    assert "rule “dear” of the policy “house”, version 1" in ruling.reasons[0].detail


@pytest.mark.parametrize(
    ("when", "subject", "holds"),
    [
        ({"task_types": ["post"]}, result(), True),
        ({"task_types": ["p*t"]}, result(), True),
        ({"task_types": ["POST"]}, result(), True),
        ({"task_types": ["pos"]}, result(), False),
        ({"roles": ["planner"]}, result(), False),
        ({"risk_tiers": [1, 2]}, result(), True),
        ({"risk_tiers": [1]}, result(), False),
        ({"confidence": {"below": 0.95}}, result(), False),
        ({"confidence": {"from": 0.95}}, result(), True),
        ({"confidence": {"below": 0.99}}, spend(), False),  # money has no score
        ({"topics": ["security"]}, result("Here is the root password: hunter22"), True),
        ({"topics": ["politics"]}, result("Here is the root password: hunter22"), False),
        ({"patterns": ["pii.email", "pii.ssn"]}, result("write to ann@example.com"), True),
        ({"patterns": ["pii.ssn"]}, result("write to ann@example.com"), False),
        ({"patterns": ["pii.email"], "task_types": ["mail"]}, result("write to ann@example.com"), False),
        ({"amount_usd": {"above": "5"}}, spend("5"), False),
        ({"amount_usd": {"above": "5"}}, spend("5.000001"), True),
        ({"amount_usd": {"up_to": "5"}}, spend("5"), True),
        ({"payees": ["render.*"]}, spend(payee="Render.Example."), True),
        ({"payees": ["*evil*"]}, spend(payee="pay.\u0435v1l.example"), True),
        ({"payees": ["*"]}, spend(payee=""), True),
        ({"payees": ["*.example"]}, result(), False),
        ({"tools": ["shell.*"]}, action("shell.run"), True),
        ({"tools": ["shell.*"]}, result(), False),
        ({"trust": {"below": 0.8}}, result(trust=Decimal("0.5")), True),
        ({"trust": {"below": 0.8}}, result(trust=Decimal("0.8")), False),
        ({"hours": {"time_zone": "UTC", "from": "09:00", "to": "17:00"}}, spend(), True),
        ({"hours": {"time_zone": "UTC", "from": "09:00", "to": "17:00", "outside": True}}, spend(), False),
        ({"hours": {"time_zone": "UTC", "from": "09:00", "to": "12:00"}}, spend(), False),
        ({"hours": {"time_zone": "Asia/Tokyo", "from": "21:00", "to": "22:00"}}, spend(), True),
        ({"hours": {"time_zone": "UTC", "weekdays": ["thu"]}}, spend(), False),
        ({"hours": {"time_zone": "UTC", "weekdays": ["tue"], "from": "13:00", "to": "13:00"}}, spend(), True),
        ({"hours": {"time_zone": "UTC", "weekdays": ["wed"], "from": "22:00", "to": "06:00"}}, spend(), False),
    ],
)
def test_a_condition_holds(when: dict[str, Any], subject: Subject, holds: bool) -> None:
    assert (said(subject, policy(rule("deny", **when))) is Then.DENY) is holds


@pytest.mark.parametrize(
    "when",
    [
        {"confidence": {"below": 0.5}},
        {"confidence": {"from": 0.5}},
        {"trust": {"from": 0.5}},
        {"task_types": ["mail"]},
        {"roles": ["judge"]},
        {"risk_tiers": [3]},
    ],
)
def test_what_is_not_known_counts_against_the_subject(when: dict[str, Any]) -> None:
    """A score that an agent leaves out helps it in no rule."""
    unknown = Subject(kind=Kind.RESULT, at=NOON, text="All is well.")
    assert said(unknown, policy(rule("deny", **when))) is Then.DENY
    assert said(unknown, policy(rule("review", **when))) is Then.REVIEW
    assert said(unknown, policy(rule("allow", **when))) is None


def test_once_rules_list_tools_unknown_ones_are_denied() -> None:
    lists = policy(rule("allow", tools=["search", "mail.*"], subjects=["action"]), name="tools")
    assert said(action("search"), lists) is Then.ALLOW
    assert said(action("shell"), lists) is Then.DENY
    assert evaluate(action("shell"), [lists]).reasons[0].code == "tool_unknown"
    assert said(action("shell"), policy(rule("deny", tools=["rm"]))) is Then.ALLOW
    assert said(action("shell"), lists, policy(rule("allow", tools=["shell"]), name="more")) is Then.ALLOW
    assert said(action("shell"), policy(rule("allow", tools=["search"]), shadow=True)) is Then.ALLOW
    cheap = policy(rule("allow", amount_usd={"up_to": "5"}), name="cheap")
    assert said(action("shell"), lists, cheap) is Then.DENY  # which names no tool
    asks = policy(rule("review", tools=["publish"]), name="asks")
    assert said(action("publish"), lists, asks) is Then.REVIEW
    assert said(action("shell"), asks) is Then.DENY
    assert said(action("shell"), policy(rule("deny", tools=["rm"])), asks) is Then.DENY


def test_a_payee_that_is_left_out_is_not_known() -> None:
    never = policy(rule("deny", payees=["*evil*"]))
    assert said(action("pay", amount_usd=Decimal(3)), never) is Then.DENY
    assert said(spend(payee=""), never) is Then.DENY
    assert said(action("read"), never) is Then.ALLOW  # it costs nothing, and pays nobody
    assert said(spend(payee=""), policy(rule("allow", payees=["*"]), rule("review", subjects=["spend"]))) is Then.REVIEW


def test_a_policy_in_shadow_decides_nothing_and_says_what_it_would() -> None:
    ghost = policy(rule("deny", subjects=["spend"]), name="ghost", shadow=True)
    ruling = evaluate(spend(), [policy(rule("review", subjects=["spend"])), ghost])
    assert ruling.then is Then.REVIEW
    assert [(s.policy.name, s.ruling.then) for s in ruling.shadows] == [("ghost", Then.DENY)]


def test_the_quick_ways_leave_whatever_a_rule_might_stop() -> None:
    """They do not know the task, and do not read the text for rules."""
    for when in (
        {"task_types": ["mail"]},
        {"patterns": ["pii.email"]},
        {"topics": ["politics"]},
        {"trust": {"below": 0.1}},
    ):
        unknown = Subject(kind=Kind.RESULT, at=NOON, text="x", confidence=Decimal(1))
        assert may_stop(unknown, [policy(rule("review", **when))])
        assert may_stop(unknown, [policy(rule("review", **when), shadow=True)])
    assert not may_stop(spend(), [policy(rule("deny", amount_usd={"above": "5"})), policy(rule("allow", **ALL))])
    assert may_stop(spend("6"), [policy(rule("deny", amount_usd={"above": "5"}))])


def judged(subject: Subject, ruling: Ruling, left: int = 1) -> tuple[Verdict, list[str]]:
    judgement = triggers.judge_result(subject, ruling, bands=BANDS, attempts_left=left)
    return judgement.verdict, [reason.code for reason in judgement.reasons]


TOPICAL = "The password is hunter22."


@pytest.mark.parametrize(
    ("rules", "subject", "left", "verdict", "codes"),
    [
        ([], result(), 1, "pass", []),
        ([], result(TOPICAL), 1, "review", ["topic_security"]),
        ([], result(confidence=Decimal("0.8")), 1, "review", ["confidence_band"]),
        ([], result(confidence=Decimal("0.1")), 1, "retry", ["confidence_low"]),
        ([], result(confidence=Decimal("0.1")), 0, "review", ["confidence_low", "attempts_used_up"]),
        ([rule("deny", task_types=["post"])], result(), 1, "retry", ["task"]),
        ([rule("deny", task_types=["post"])], result(), 0, "deny", ["task"]),
        ([rule("review", task_types=["post"])], result(), 1, "review", ["task"]),
        ([rule("review", task_types=["post"])], result(TOPICAL), 1, "review", ["task", "topic_security"]),
        ([rule("review", topics=["security"])], result(TOPICAL), 1, "review", ["topic_security"]),
        ([rule("review", task_types=["post"])], result(confidence=Decimal("0.1")), 1, "retry", ["confidence_low"]),
        ([rule("review", confidence={"below": 0.5})], result(confidence=Decimal("0.1")), 1, "review", ["confidence"]),
        ([rule("review", confidence={"below": 0.99})], result(), 1, "review", ["confidence"]),
        ([rule("allow", confidence={"from": 0.5})], result(confidence=Decimal("0.5")), 1, "pass", []),
        ([rule("allow", confidence={"from": 0.5})], result(confidence=Decimal("0.4")), 1, "retry", ["confidence_low"]),
        ([rule("allow", task_types=["post"])], result(TOPICAL), 1, "review", ["topic_security"]),
        ([rule("allow", topics=["security"])], result(TOPICAL), 1, "pass", []),
        (
            [rule("allow", topics=["security"])],
            result(f"{TOPICAL} Vote for her in the referendum."),
            1,
            "review",
            ["topic_politics"],
        ),
        ([rule("allow", task_types=["post"])], result(risk_tier=1), 1, "review", ["risk_tier_critical"]),
        ([rule("allow", risk_tiers=[1])], result(risk_tier=1), 1, "pass", []),
    ],
)
def test_rules_bands_and_topics_together(
    rules: list[dict[str, Any]], subject: Subject, left: int, verdict: str, codes: list[str]
) -> None:
    assert judged(subject, evaluate(subject, [policy(*rules)]), left) == (verdict, codes)


def test_an_action_of_risk_tier_one_goes_to_a_person_unless_a_rule_names_the_tier() -> None:
    ruling = evaluate(action("publish", risk_tier=1), [])
    assert (ruling.then, [reason.code for reason in ruling.reasons]) == (Then.REVIEW, ["risk_tier_critical"])
    assert said(action("publish", risk_tier=1), policy(rule("allow", tools=["publish"]))) is Then.REVIEW
    assert said(action("publish", risk_tier=1), policy(rule("allow", risk_tiers=[1], tools=["publish"]))) is Then.ALLOW
    assert said(action("publish", risk_tier=1), policy(rule("deny", tools=["publish"]))) is Then.DENY


def test_an_action_that_touches_a_topic_goes_to_a_person_unless_a_rule_names_the_topic() -> None:
    assert said(action("publish", "All is well.")) is Then.ALLOW
    assert said(action("publish", TOPICAL)) is Then.REVIEW
    assert said(action("publish", TOPICAL), policy(rule("allow", tools=["publish"]))) is Then.REVIEW
    assert said(action("publish", TOPICAL), policy(rule("allow", tools=["publish"], topics=["security"]))) is Then.ALLOW


@pytest.mark.parametrize(
    ("glob", "name", "meant"),
    [
        ("*", "", True),
        ("a*c", "abc", True),
        ("a*c", "ac", True),
        ("ab*bc", "abc", False),
        ("*b*", "abc", True),
        ("a*b*c", "axbxc", True),
        ("a*b*c", "axxc", False),
        ("a?c", "abc", False),
        ("[ab]", "a", False),
        ("ＡＢＣ", "abc", True),
        ("*" + "a*" * 4 + "b", "a" * 200, False),
    ],
)
def test_a_star_stands_for_any_letters_and_nothing_else_does(glob: str, name: str, meant: bool) -> None:
    (read,) = parse([rule("deny", tools=[glob])])
    assert means(read.when.tools[0], name) is meant  # type: ignore[index]


def test_the_example_of_the_docs_is_a_policy() -> None:
    shown = json.loads((Path(__file__).parents[2] / "docs/policies.md").read_text().split("```json")[1].split("```")[0])
    rules = parse(shown["rules"])
    acting = Acting(uuid4(), shown["name"], 1, rules)
    assert said(action("publish"), acting) is Then.REVIEW
    assert said(action("shell"), acting) is Then.DENY
