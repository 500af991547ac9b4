"""What is refused when rules are written, and how they are kept. No database."""

from typing import Any
from uuid import uuid4

import pytest

from chimera.kernel.errors import Refused
from safety.policies import Acting, Then, parse, stored
from safety.policies.rules import read
from tests.safety.test_policies import rule, said, spend


@pytest.mark.parametrize(
    ("when", "field"),
    [
        ({}, "rules.0.when"),
        ({"colour": "red"}, "rules.0.when.colour"),
        ({"topics": ["poltics"]}, "rules.0.when.topics.0"),
        ({"topics": []}, "rules.0.when.topics"),
        ({"topics": ["politics", "politics"]}, "rules.0.when.topics"),
        ({"patterns": ["pii.emial"]}, "rules.0.when.patterns.0"),
        ({"subjects": ["memory"]}, "rules.0.when.subjects.0"),
        ({"roles": ["reviewer"]}, "rules.0.when.roles.0"),
        ({"risk_tiers": [4]}, "rules.0.when.risk_tiers.0"),
        ({"risk_tiers": [True]}, "rules.0.when.risk_tiers.0"),
        ({"task_types": [""]}, "rules.0.when.task_types.0"),
        ({"task_types": "post"}, "rules.0.when.task_types"),
        ({"tools": ["a*b*c*d*e*f*g"]}, "rules.0.when.tools.0"),
        ({"confidence": {}}, "rules.0.when"),
        ({"confidence": {"below": 1.5}}, "rules.0.when.confidence.below"),
        ({"confidence": {"below": "0.5"}}, "rules.0.when.confidence.below"),
        ({"confidence": {"below": 0.55555}}, "rules.0.when.confidence.below"),
        ({"confidence": {"from_": 0.5}}, "rules.0.when.confidence.from_"),
        ({"amount_usd": {"above": 5}}, "rules.0.when.amount_usd.above"),
        ({"amount_usd": {"above": "-1"}}, "rules.0.when.amount_usd.above"),
        ({"hours": {"from": "09:00"}}, "rules.0.when.hours.time_zone"),
        ({"hours": {"time_zone": "Mars/Olympus"}}, "rules.0.when.hours.time_zone"),
        ({"hours": {"time_zone": "UTC", "from": "9"}}, "rules.0.when.hours.from"),
        ({"hours": {"time_zone": "UTC", "weekdays": ["mon", "mon"]}}, "rules.0.when.hours"),
        ({"hours": {"time_zone": "localtime"}}, "rules.0.when.hours.time_zone"),
        # What could never hold:
        ({"subjects": ["spend"], "tools": ["shell"]}, "rules.0.when.tools"),
        ({"subjects": ["result", "spend"], "confidence": {"below": 0.5}, "payees": ["x"]}, "rules.0.when.confidence"),
        ({"tools": ["shell"], "confidence": {"below": 0.5}}, "rules.0.when.confidence"),
        ({"confidence": {"from": 0.9, "below": 0.5}}, "rules.0.when.confidence"),
        ({"trust": {"from": 0.5, "below": 0.5}}, "rules.0.when.trust"),
        ({"amount_usd": {"above": "5", "up_to": "5"}}, "rules.0.when.amount_usd"),
        ({"hours": {"time_zone": "UTC", "outside": True}}, "rules.0.when.hours"),
    ],
)
def test_what_is_no_rule_is_refused_by_its_place(when: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        parse([{"name": "x", "when": when, "then": "deny"}])
    assert (refused.value.status, refused.value.code) == (422, "invalid_rules")
    assert field in {error["field"] for error in refused.value.errors}, refused.value.errors
    assert all(error["message"] for error in refused.value.errors)


def test_a_rule_that_could_never_hold_and_was_let_through_once_stops_no_decision() -> None:
    kept = [rule("deny", "odd", subjects=["spend"], tools=["shell"])]
    assert said(spend(), Acting(uuid4(), "old", 1, read(kept))) is Then.ALLOW


@pytest.mark.parametrize(
    "rules",
    [
        {"rules": []},
        "deny",
        None,
        [{"name": "x", "when": {"subjects": ["spend"]}}],
        [{"name": "x", "when": {"subjects": ["spend"]}, "then": "ask"}],
        [{"name": " ", "when": {"subjects": ["spend"]}, "then": "deny"}],
        [{"name": "x", "when": {"subjects": ["spend"]}, "then": "deny", "else": "allow"}],
        [{"name": "x", "when": {"subjects": ["spend"]}, "then": "deny"}] * 2,
        [{"name": f"r{n}", "when": {"subjects": ["spend"]}, "then": "deny"} for n in range(101)],
    ],
)
def test_what_is_no_list_of_rules_is_refused(rules: Any) -> None:
    with pytest.raises(Refused, match="invalid_rules"):
        parse(rules)


def test_rules_are_kept_as_they_were_read() -> None:
    rules = parse(
        [
            rule(
                "deny",
                "night",
                subjects=["spend"],
                hours={"time_zone": "Europe/Lisbon", "from": "09:00", "to": "17:00", "outside": True},
            ),
            rule(
                "review",
                "doubt",
                trust={"from": 0.5, "below": 0.7},
                task_types=["pub*"],
                amount_usd={"above": "1.5"},
            ),
        ]
    )
    assert parse(stored(rules)) == rules
    assert stored(rules)[1]["when"] == {
        "task_types": ["pub*"],
        "amount_usd": {"above": "1.50"},
        "trust": {"from": 0.5, "below": 0.7},
    }
