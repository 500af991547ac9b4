"""Rules as data: what is refused when they are written, how names are compared, and which tier asks whom. No database."""

import re
from decimal import Decimal
from typing import Any

import pytest

from chimera.kernel.errors import Refused
from commerce.names import names, plain, wildcard
from commerce.rules import NONE, Rules, broken, parse, strictest


def rules(**said: Any) -> Rules:
    return parse(said)


def code_of(said: Rules, payee: str = "render.example", category: str = "render", asset: str = "USD") -> str | None:
    found = broken(said, payee=payee, category=category, asset=asset)
    return str(found.code) if found else None


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"colour": "red"}, "rules.colour"),
        ({"payees": {"allow": ["a"]}}, "rules.payees.allow"),
        ({"payees": {"allowed": []}}, "rules.payees.allowed"),
        ({"payees": {"allowed": "render.example"}}, "rules.payees.allowed"),
        ({"payees": {"denied": [""]}}, "rules.payees.denied.0"),
        ({"payees": {"denied": ["\u200b"]}}, "rules.payees.denied.0"),
        ({"payees": {"denied": [5]}}, "rules.payees.denied.0"),
        ({"payees": {"denied": ["a\nb"]}}, "rules.payees.denied.0"),
        ({"payees": {"denied": ["x" * 201]}}, "rules.payees.denied.0"),
        ({"payees": {"denied": [f"p{n}" for n in range(201)]}}, "rules.payees.denied"),
        ({"payees": {"denied": ["Render.example", "render.EXAMPLE."]}}, "rules.payees.denied"),
        ({"payees": {"allowed": ["*"]}}, "rules.payees.allowed.0"),
        ({"payees": {"allowed": ["*.example"]}}, "rules.payees.allowed.0"),
        ({"payees": {"allowed": ["a.*.example"]}}, "rules.payees.allowed.0"),
        ({"categories": {"allowed": ["*.example.com"]}}, "rules.categories.allowed.0"),
        ({"velocity": {"count_per_hour": 0}}, "rules.velocity.count_per_hour"),
        ({"velocity": {"count_per_hour": True}}, "rules.velocity.count_per_hour"),
        ({"velocity": {"count_per_hour": 2.0}}, "rules.velocity.count_per_hour"),
        ({"velocity": {"count_per_minute": 2}}, "rules.velocity.count_per_minute"),
        ({"velocity": {"amount_usd_per_hour": "0"}}, "rules.velocity.amount_usd_per_hour"),
        ({"velocity": {"amount_usd_per_hour": 5}}, "rules.velocity.amount_usd_per_hour"),
        ({"velocity": {"amount_usd_per_hour": "NaN"}}, "rules.velocity.amount_usd_per_hour"),
        ({"velocity": {"amount_usd_per_hour": "1e400"}}, "rules.velocity.amount_usd_per_hour"),
        ({"velocity": {"amount_usd_per_hour": "0.0000001"}}, "rules.velocity.amount_usd_per_hour"),
        ({"approvals": [{"above_usd": "-1"}]}, "rules.approvals.0.above_usd"),
        ({"approvals": [{"approvers": 2}]}, "rules.approvals.0.above_usd"),
        ({"approvals": [{"above_usd": "1", "approvers": 0}]}, "rules.approvals.0.approvers"),
        ({"approvals": [{"above_usd": "1", "approvers": 11}]}, "rules.approvals.0.approvers"),
        ({"approvals": [{"above_usd": "1", "roles": []}]}, "rules.approvals.0.roles"),
        ({"approvals": [{"above_usd": "1", "roles": ["worker"]}]}, "rules.approvals.0.roles.0"),
        ({"approvals": [{"above_usd": "1", "roles": ["auditor"]}]}, "rules.approvals.0.roles.0"),
        ({"approvals": [{"above_usd": "1"}, {"above_usd": "1.00"}]}, "rules.approvals"),
        ({"approvals": [{"above_usd": str(n)} for n in range(11)]}, "rules.approvals"),
        ({"payees": None}, "rules.payees"),
    ],
)
def test_what_is_no_rule_is_refused_by_its_place(said: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(said)
    assert (refused.value.status, refused.value.code) == (422, "invalid_rules")
    assert field in {error["field"] for error in refused.value.errors}
    for error in refused.value.errors:
        assert re.fullmatch(r"[A-Z][^{}]+\.", error["message"]), error
        assert "nput should" not in error["message"], error


def test_what_is_no_asset_is_refused_where_rules_are_written() -> None:
    for said, field in (({"allowed": ["usd", "DOGE"]}, "allowed.1"), ({"denied": ["USCD"]}, "denied.0")):
        with pytest.raises(Refused) as refused:
            parse({"assets": said})
        ((error),) = refused.value.errors
        assert (error["field"], error["code"]) == (f"rules.assets.{field}", "unknown_asset")
        assert "USD, USDC" in error["message"]


def test_rules_are_stored_as_they_are_read() -> None:
    said = rules(
        payees={"allowed": ["Render.example", "*.fonts.example"], "denied": ["evil.example"]},
        velocity={"count_per_hour": 3, "amount_usd_per_hour": "2.5"},
        approvals=[{"above_usd": "100", "approvers": 2, "roles": ["finance", "admin"]}],
    )
    assert parse(said.stored()) == said
    assert said.stored()["velocity"] == {"count_per_hour": 3, "amount_usd_per_hour": "2.50"}
    assert parse({}) == NONE


@pytest.mark.parametrize(
    "spelt",
    [
        "render.example",
        "RENDER.Example",
        " render.example ",
        "render.example.",
        "ｒｅｎｄｅｒ．ｅｘａｍｐｌｅ",
        "render\u200b.example",
        "ren\u00adder.example",
        "render\ufe0f.example",
        "render。example",
    ],
)
def test_spelling_hides_no_name(spelt: str) -> None:
    assert plain(spelt) == "render.example"
    assert code_of(rules(payees={"denied": ["Render.Example"]}), payee=spelt) == "payee_denied"
    assert code_of(rules(payees={"allowed": ["Render.Example"]}), payee=spelt) is None


@pytest.mark.parametrize(
    ("payee", "meant"),
    [
        ("a.example.com", True),
        ("a.b.example.com", True),
        ("A.Example.COM.", True),
        ("example.com", False),
        ("badexample.com", False),
        ("evil.test/.example.com", False),
        ("evil.test#.example.com", False),
        ("user@evil.test?.example.com", False),
        ("evil .example.com", False),
        ("*.example.com", False),
        (".example.com", False),
        ("a.example.com.evil.test", False),
        ("", False),
    ],
)
def test_a_wildcard_means_the_hosts_below_and_nothing_else(payee: str, meant: bool) -> None:
    assert names(("*.example.com",)).mean(payee) is meant
    assert code_of(rules(payees={"allowed": ["*.example.com"]}), payee=payee) == (None if meant else "payee_denied")


def test_only_a_star_before_a_host_is_a_wildcard() -> None:
    assert wildcard("*.Example.com") == ".example.com"
    for entry in ("example.com", "*", "*.", "*.com", "a*.example.com", "*.*.com", "*.ex ample.com"):
        assert wildcard(entry) is None, entry


def test_a_denied_host_is_denied_in_an_address_too_but_an_address_is_not_allowed_for_its_host() -> None:
    """Who forbids a host means it wherever it stands; who allows one has not seen what else an address says."""
    for address in ("https://evil.example/pay?x=1", "HTTPS://user:pw@evil.example:8443/", "https://evil.example"):
        assert code_of(rules(payees={"denied": ["evil.example"]}), payee=address) == "payee_denied", address
        assert code_of(rules(payees={"allowed": ["evil.example"]}), payee=address) == "payee_denied", address
    assert code_of(rules(payees={"denied": ["*.evil.example"]}), payee="https://a.evil.example/") == "payee_denied"
    assert code_of(rules(payees={"denied": ["evil.example"]}), payee="https://good.example/evil.example") is None


def test_what_names_nothing_is_denied_where_there_is_a_list_of_what_is_allowed() -> None:
    assert code_of(rules(payees={"allowed": ["render.example"]}), payee="") == "payee_denied"
    assert code_of(rules(payees={"allowed": ["render.example"]}), payee=" \u200b") == "payee_denied"
    assert code_of(rules(categories={"allowed": ["render"]}), category="") == "category_denied"
    assert code_of(rules(payees={"denied": ["evil.example"]}), payee="") is None


def test_denied_wins_over_allowed() -> None:
    both = rules(payees={"allowed": ["*.example.com"], "denied": ["evil.example.com"]})
    assert code_of(both, payee="good.example.com") is None
    assert code_of(both, payee="evil.example.com") == "payee_denied"


@pytest.mark.parametrize(
    ("said", "code", "rule"),
    [
        ({"payees": {"denied": ["render.example"]}}, "payee_denied", "payees.denied"),
        ({"payees": {"allowed": ["else.example"]}}, "payee_denied", "payees.allowed"),
        ({"categories": {"denied": ["Render"]}}, "category_denied", "categories.denied"),
        ({"categories": {"allowed": ["fonts"]}}, "category_denied", "categories.allowed"),
        ({"assets": {"denied": ["usd"]}}, "asset_denied", "assets.denied"),
        ({"assets": {"allowed": ["USDC"]}}, "asset_denied", "assets.allowed"),
    ],
)
def test_each_list_refuses_with_a_code_and_its_place(said: dict[str, Any], code: str, rule: str) -> None:
    found = broken(rules(**said), payee="render.example", category="render", asset="USD")
    assert found is not None
    assert (found.code, found.rule) == (code, rule)
    assert code_of(NONE) is None


TIERS = rules(
    approvals=[
        {"above_usd": "10"},
        {"above_usd": "100", "approvers": 2, "roles": ["finance"]},
        {"above_usd": "1000", "approvers": 2, "roles": ["admin"]},
        {"above_usd": "5000", "approvers": 1, "roles": ["finance"]},
    ]
)


@pytest.mark.parametrize(
    ("amount", "threshold", "asks"),
    [
        ("10", None, None),
        ("10.000001", None, (1, ("reviewer",))),
        ("100", None, (1, ("reviewer",))),
        ("100.01", None, (2, ("finance",))),
        ("1000.01", None, (2, ("admin",))),
        ("9999", None, (2, ("admin",))),  # a later tier never asks fewer people
        ("6", "5", (1, ("reviewer",))),
        ("5", "5", None),
        ("0.01", "0", (1, ("reviewer",))),
        ("200", "150", (2, ("finance",))),  # a higher threshold does not weaken a tier below it
    ],
)
def test_the_strictest_tier_asks(amount: str, threshold: str | None, asks: tuple[int, tuple[str, ...]] | None) -> None:
    tier = strictest(TIERS, Decimal(threshold) if threshold else None, Decimal(amount))
    assert (tier and (tier.approvers, tuple(tier.roles))) == asks
