"""Rules at the console: shown on the budget's page, previewed before they are saved, and approvals on a card."""

import re
from typing import Any

import pytest

from commerce.admin.rules_form import RulesForm, tier_in_words
from commerce.models import BudgetRules
from commerce.rules import parse
from tests.cast import Stage
from tests.commerce.books import at_work
from tests.console.desk import Desk, Page
from tests.console.places import NOUNS

BUDGET, CARD = NOUNS["budget"], NOUNS["card"]
EMPTY = dict.fromkeys(
    (
        "payees_allowed",
        "payees_denied",
        "categories_allowed",
        "categories_denied",
        "assets_allowed",
        "assets_denied",
        "count_per_hour",
        "amount_usd_per_hour",
        "approvals",
    ),
    "",
) | {"version": "0"}


@pytest.fixture
def budget(acme: Stage) -> str:
    made = acme.budget(day_usd="100")
    claim = at_work(acme)
    acme.ada.spend(claim, "3").ok(201)
    acme.ada.spend(claim, "7", payee="evil.example").ok(201)
    return str(made["id"])


def previewed(page: Page) -> str:
    (token,) = re.findall(r'name="previewed" value="(\w*)"', page.html)
    return str(token)


def rules_of(acme: Stage, budget: str) -> dict[str, Any]:
    found: dict[str, Any] = acme.fay.get(f"budgets/{budget}/rules").ok().body
    return found


def test_rules_are_previewed_then_put_in_place_and_shown(acme: Stage, fay: Desk, budget: str) -> None:
    path = f"{BUDGET.one(budget)}rules/"
    assert "Only the limits count." in fay.get(BUDGET.one(budget)).ok().text
    assert path in fay.get(BUDGET.one(budget)).html
    said = EMPTY | {"payees_denied": "evil.example\n*.bad.example", "approvals": "above 100: 2 of finance, admin"}
    seen = fay.post(path, **said, preview="1").ok()
    for words in ("2 spends since", "passed payee denied 1 $7.00", "payees.denied", "Put these rules in place"):
        assert words in seen.text or words in seen.html, words
    assert rules_of(acme, budget)["version"] == 0
    done = fay.post(path, **said, previewed=previewed(seen), save="1").ok()
    assert "fay@acme put version 1 of the rules in place" in done.text
    assert "Only the limits count." not in done.text
    for words in (
        "budget rules changed version 1",
        "evil.example, *.bad.example",
        "above 100.00: 2 of finance, admin",
        "version 1",
    ):
        assert words in done.text, words
    rules = rules_of(acme, budget)["rules"]
    assert rules["approvals"] == [{"above_usd": "100.00", "approvers": 2, "roles": ["finance", "admin"]}]
    again = fay.get(path).ok()
    assert "evil.example\n*.bad.example" in again.html


def test_what_was_not_previewed_is_not_saved(acme: Stage, fay: Desk, budget: str) -> None:
    path = f"{BUDGET.one(budget)}rules/"
    seen = fay.post(path, **(EMPTY | {"count_per_hour": "5"}), preview="1").ok()
    other = fay.post(path, **(EMPTY | {"count_per_hour": "9"}), previewed=previewed(seen), save="1").ok()
    assert "The last thirty days under these rules" in other.text
    assert fay.post(path, **(EMPTY | {"count_per_hour": "9"}), save="1").ok()
    with acme.bound():
        assert not BudgetRules.objects.exists()


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("payees_allowed", "good.example\n*", "Line 2: A wildcard stands for hosts below one"),
        ("categories_denied", "*.example.com", "Only a payee may begin with"),
        ("assets_denied", "USD\nusd", "Names something twice"),
        ("count_per_hour", "many", "Must be a whole number."),
        ("count_per_hour", "0", "Must be at least 1."),
        ("amount_usd_per_hour", "-3", "Must not be negative"),
        ("amount_usd_per_hour", "1e400", "Must be an amount"),
        ("approvals", "two of finance", "Must be an amount"),
        ("approvals", "above 5: 2 of workers", "Line 1: Must be"),
    ],
)
def test_what_is_no_rule_is_said_at_its_field(
    acme: Stage, fay: Desk, budget: str, field: str, text: str, words: str
) -> None:
    page = fay.post(f"{BUDGET.one(budget)}rules/", **(EMPTY | {field: text}), preview="1")
    assert page.status == 422
    assert words in page.text
    assert "Put these rules in place" not in page.text
    assert rules_of(acme, budget)["version"] == 0


def test_rules_that_somebody_changed_meanwhile_are_not_written_over(acme: Stage, fay: Desk, budget: str) -> None:
    path = f"{BUDGET.one(budget)}rules/"
    said = EMPTY | {"count_per_hour": "5"}
    seen = fay.post(path, **said, preview="1").ok()
    acme.boss.put(f"budgets/{budget}/rules", {"rules": {"velocity": {"count_per_hour": 1}}}).ok()
    late = fay.post(path, **said, previewed=previewed(seen), save="1")
    assert late.status == 409
    assert "Its rules are at version 1" in late.text
    assert rules_of(acme, budget)["rules"]["velocity"]["count_per_hour"] == 1


def test_only_finance_writes_rules(acme: Stage, zenith: Stage, budget: str) -> None:
    path = f"{BUDGET.one(budget)}rules/"
    for who in (acme.rita, acme.otto, acme.anna):
        assert Desk(who).get(path).status == 403
        assert Desk(who).post(path, **EMPTY, save="1").status == 403
    assert path not in Desk(acme.anna).get(BUDGET.one(budget)).ok().html
    assert Desk(zenith.fay).get(path).status == 404


def test_the_form_reads_back_what_it_shows() -> None:
    rules = parse(
        {
            "payees": {"allowed": ["Render.example", "*.fonts.example"]},
            "velocity": {"count_per_hour": 3, "amount_usd_per_hour": "2.5"},
            "approvals": [{"above_usd": "5"}, {"above_usd": "100", "approvers": 2, "roles": ["admin", "finance"]}],
        }
    )
    shown = RulesForm.initial_of(type("Budget", (), {"rules_version": 4})(), rules)
    form = RulesForm(shown)
    assert form.is_valid(), form.errors
    assert form.cleaned_data["rules"] == rules
    assert tier_in_words(rules.approvals[0]) == "above 5.00: 1 of reviewer"


def test_a_card_shows_who_has_approved_and_offers_itself_to_whom_it_asks(acme: Stage, fay: Desk, budget: str) -> None:
    rules = {"approvals": [{"above_usd": "5", "approvers": 2, "roles": ["finance"]}]}
    acme.fay.put(f"budgets/{budget}/rules", {"rules": rules}).ok()
    card = acme.ada.spend(at_work(acme), "9").ok(202)["review"]
    assert {"approve", "reject"} <= fay.get(CARD.one(card)).ok().buttons
    assert Desk(acme.otto).get(CARD.one(card)).ok().buttons == set()
    assert Desk(acme.otto).post(CARD.one(card, "approve")).status == 403
    page = fay.post(CARD.one(card, "approve")).ok()
    for words in ("Approvals", "asks 2 of finance; still 1 of finance", "review voted still 1 of finance"):
        assert words in page.text, words
    assert "needs 1 of finance" in fay.get(CARD.list).ok().text
    assert "You have approved this card already" in fay.post(CARD.one(card, "approve")).ok().text
    assert acme.rita.get(f"reviews/{card}").ok()["status"] == "pending"
    assert "approved" in Desk(acme.boss).post(CARD.one(card, "approve")).ok().text
    assert acme.rita.get(f"reviews/{card}").ok()["status"] == "approved"
