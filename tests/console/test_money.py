"""Money at the console: a budget's page with its charts, increases that finance grants and takes back, statements."""

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from chimera.flows.show_budget import Course, Step
from chimera.flows.warn_budgets import Watch
from chimera.kernel import clock
from chimera.kernel.console.charts import Column, Level, Part, chart
from chimera.kernel.console.show import usd
from commerce.admin.budget_page import drawn
from commerce.forecast import Forecast
from commerce.limits import Limit
from commerce.states import WindowKind
from tests.cast import Stage
from tests.commerce.books import at_work
from tests.console.desk import Desk
from tests.console.places import NOUNS

BUDGET, INCREASE, TRANSACTION = NOUNS["budget"], NOUNS["increase"], NOUNS["transaction"]
STATEMENTS = "/admin/commerce/statement/"


@pytest.fixture
def budget(acme: Stage) -> str:
    """Three quarters of the way through its day, with a refusal."""
    made = acme.budget(day_usd="10", month_usd="100")
    claim = at_work(acme)
    hold = acme.ada.spend(claim, "5").ok(201)
    acme.ada.post(f"transactions/{hold['id']}/capture", {"lease_token": claim["lease_token"]}).ok()
    acme.ada.spend(claim, "2.50").ok(201)
    acme.ada.spend(claim, "9").refused(402, "budget_exceeded")
    Watch().look()
    return str(made["id"])


def test_the_page_shows_use_forecast_warnings_and_refusals(fay: Desk, budget: str) -> None:
    _, midnight = clock.day_bounds("Europe/Lisbon", clock.day_in("Europe/Lisbon"))
    with clock.held(midnight - timedelta(hours=1)):
        page = Desk(fay.who).get(BUDGET.one(budget)).ok()  # whoever is logged in by then
    for words in (
        "limit $10.00",
        "used in all, in Europe/Lisbon",
        "at its end, from $7.50 in 23 h of 1 d, at the same rate",
        "50 % day",
        "$7.50 of $10.00",
        "budget exceeded 9.00 USD is more than the day limit",
        "None was granted.",
    ):
        assert words in page.text, words
    assert page.html.count("<svg") == 2
    assert "$5.00 captured, $2.50 held" in page.html


def test_a_steep_forecast_does_not_flatten_what_was_used() -> None:
    """An hour into the day 7.50 of 10 are foretold to become 180."""
    used, hour = Decimal("7.50"), timedelta(hours=1)
    midnight, _ = clock.day_bounds("UTC", clock.day_in("UTC"))
    foretold = Forecast(WindowKind.DAY, midnight, used, hour, hour * 24, used * 24, None)
    steps = [Step("00", used), *(Step(f"{n:02}", projected_usd=used * (n + 1)) for n in range(1, 24))]
    limit = Limit(uuid4(), WindowKind.DAY, Decimal(10), captured_usd=used)
    panel = drawn("Today", Course(limit, steps, foretold), "h", "UTC")
    assert "$180.00 at its end" in panel.content["words"]
    assert "The columns of the forecast are cut off at $20.00." in panel.content["words"]
    figure = panel.content["chart"]
    (captured,) = figure.columns[0].boxes
    assert captured.height > (figure.floor - figure.top) / 4
    assert figure.levels[0].y > figure.top


def test_finance_raises_a_limit_and_takes_it_back(acme: Stage, fay: Desk, budget: str) -> None:
    said = {"window": "day", "amount_usd": "4", "hours": "4", "reason": "high water"}
    page = fay.post(BUDGET.one(budget, "raise"), **said).ok()
    assert "fay@acme raised a limit of the" in page.text
    assert "$6.50 left of $14.00" in page.text
    assert "budget raised the day limit by $4.00 to $14.00" in page.text
    (increase,) = re.findall(r"/admin/commerce/limitincrease/([0-9a-f-]{36})/", page.html)
    shown = fay.get(INCREASE.one(increase)).ok()
    assert "$4.00 more for the day limit of the whole tenant" in shown.text
    assert shown.buttons == {"revoke"}
    after = fay.post(INCREASE.one(increase, "revoke")).ok()
    assert "fay@acme took back the" in after.text
    assert after.buttons == set()
    assert "$2.50 left of $10.00" in fay.get(BUDGET.one(budget)).ok().text
    assert "revoked" in fay.get(INCREASE.list).ok().text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"amount_usd": "a lot"}, "Must be an amount in US dollars"),
        ({"amount_usd": "0"}, "Must be more than zero"),
        ({"reason": ""}, "This field is required"),
        ({"window": "hour"}, "Select a valid choice"),
        ({"hours": "9999"}, "Select a valid choice"),
    ],
)
def test_a_raise_that_cannot_be_keeps_the_form_open(fay: Desk, budget: str, change: dict[str, str], words: str) -> None:
    said = {"window": "day", "amount_usd": "4", "hours": "4", "reason": "high water"} | change
    page = fay.post(BUDGET.one(budget, "raise"), **said)
    assert page.status == 422
    assert words in page.text


def test_a_limit_that_is_none_cannot_be_raised(fay: Desk, budget: str) -> None:
    said = {"window": "total", "amount_usd": "4", "hours": "4", "reason": "high water"}
    assert "This budget has no total limit" in fay.post(BUDGET.one(budget, "raise"), **said).ok().text


def test_finance_voids_a_hold_with_a_reason(acme: Stage, fay: Desk) -> None:
    acme.budget(day_usd="10")
    hold = acme.ada.spend(at_work(acme), "2.50", purpose="a picture of the ferry").ok(201)
    page = fay.get(TRANSACTION.one(hold["id"])).ok()
    assert page.buttons == {"void"}
    assert "a picture of the ferry" in page.text
    assert "the lease of its task" in page.text
    silent = fay.post(TRANSACTION.one(hold["id"], "void"), reason=" ")
    assert silent.status == 422
    assert "Say why: it is kept with the money's history." in silent.text
    after = fay.post(TRANSACTION.one(hold["id"], "void"), reason="The ferry is cancelled.").ok()
    assert "fay@acme voided the hold of" in after.text
    assert "The ferry is cancelled." in after.text
    assert after.buttons == set()
    assert "a picture of the ferry" in fay.get(TRANSACTION.list).ok().text


def test_what_a_card_keeps_says_so_and_offers_nothing(acme: Stage, fay: Desk) -> None:
    acme.budget(day_usd="20", approval_threshold_usd="5")
    claim = at_work(acme)
    small = acme.ada.spend(claim, "1").ok(201)
    card = acme.ada.spend(claim, "8").ok(202)["review"]
    page = fay.get(TRANSACTION.one(small["id"])).ok()
    assert page.buttons == set()
    assert "A review keeps this money" in page.text
    assert f"/admin/safety/reviewcard/{card}/" in page.html
    refused = fay.post(TRANSACTION.one(small["id"], "void"), reason="The ferry is cancelled.").ok()
    assert f"Review {card} keeps this money" in refused.text


def test_the_statement_adds_up_and_offers_its_files(acme: Stage, fay: Desk, budget: str) -> None:
    page = fay.get(STATEMENTS, group=["day", "agent"]).ok()
    for words in ("ada", "Total", "$16.50", "Asked for", "Day by day"):
        assert words in page.text
    assert page.html.count("<svg") == 1
    (csv,) = re.findall(r'href="(/api/v1/statements[^"]+csv)"', page.html)
    assert csv.replace("&amp;", "&").endswith("&format=csv")
    told = fay.get(csv.replace("&amp;", "&")).ok()
    assert told.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert told.html.splitlines()[0].startswith("day,agent,agent_name,opening_count")


def test_one_large_refusal_does_not_flatten_the_days(acme: Stage, fay: Desk, budget: str) -> None:
    assert "cut off" not in fay.get(STATEMENTS).ok().text
    acme.ada.spend(at_work(acme), "90000").refused(402, "budget_exceeded")
    page = fay.get(STATEMENTS).ok()
    assert "columns of large refusals are cut off" in page.text
    heights = {tone: int(high) for tone, high in re.findall(r'class="chm-chart-(\w+)"[^>]* height="(\d+)"', page.html)}
    assert heights["captured"] > 200, heights


def test_a_changed_budget_says_what_changed(acme: Stage, fay: Desk, budget: str) -> None:
    acme.fay.patch(f"budgets/{budget}", {"day_usd": "12.5", "month_usd": None, "version": 1}).ok()
    text = fay.get(BUDGET.one(budget)).ok().text
    assert "day from $10.00 to $12.50 · month from $100.00 to nothing" in text


def test_what_a_lease_has_cost_beyond_its_hold_is_said(acme: Stage, fay: Desk, budget: str) -> None:
    claim = at_work(acme)
    path, token = f"tasks/{claim['task']['id']}/heartbeat", {"lease_token": claim["lease_token"]}
    assert acme.ada.post(path, token | {"cost_usd": "4.00"}).ok()["commands"] == ["stop"]
    row = acme.fay.get("transactions").ok()["results"][0]
    assert "$4.00, $1.50 of it beyond what could be held" in fay.get(NOUNS["transaction"].one(row["id"])).ok().text
    page = fay.get(STATEMENTS, group=["day"]).ok()
    assert "Overshot" in page.text
    assert "$1.50" in page.text


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"group": ["day", "moon"]}, "must be of: tenant"),
        ({"from": "soon"}, "is no day"),
        ({"from": "2026-05-02", "to": "2026-05-01"}, "later than"),
    ],
)
def test_a_statement_that_cannot_be_says_why(fay: Desk, acme: Stage, asked: dict[str, str], words: str) -> None:
    page = fay.get(STATEMENTS, **asked)
    assert page.status == 422
    assert words in page.text


def test_statements_are_for_those_who_see_the_money(acme: Stage, rita: Desk, otto: Desk, fay: Desk) -> None:
    assert [desk.get(STATEMENTS).status for desk in (rita, otto, fay, Desk(acme.anna))] == [403, 403, 200, 200]
    assert STATEMENTS in fay.get("/admin/").ok().html
    assert STATEMENTS not in otto.get("/admin/").ok().html


def test_another_tenants_money_is_not_in_it(acme: Stage, zenith: Stage, budget: str) -> None:
    assert "$16.50" not in Desk(zenith.boss).get(STATEMENTS).ok().text


@pytest.mark.parametrize("highest", ["0", "0.000001", "3", "9.99", "10", "123456.78", "1000000000"])
def test_a_chart_has_room_for_what_it_shows(highest: str) -> None:
    drawn = chart(
        "x", [Column("a", [Part("held", Decimal(highest) / 2)], "w")], [Level(Decimal(highest), "limit")], usd
    )
    assert len(drawn.ticks) <= 6
    (level,) = drawn.levels
    assert drawn.top <= level.y <= drawn.floor
    for box in drawn.columns[0].boxes:
        assert drawn.top <= box.y <= box.y + box.height == drawn.floor


def test_many_columns_share_their_labels() -> None:
    drawn = chart("x", [Column(str(n), [], "") for n in range(366)], [], usd)
    assert 8 < sum(1 for column in drawn.columns if column.label) <= 17
    assert max(column.x + column.width for column in drawn.columns) <= drawn.right


def test_no_page_of_money_asks_anybody_else_for_anything(fay: Desk, budget: str, settle: Callable[[], None]) -> None:
    for path in (BUDGET.one(budget), STATEMENTS):
        sources = re.findall(r'(?:src|href)="([^"]+)"', fay.get(path).ok().html)
        assert [source for source in sources if source.startswith(("http", "//"))] == []


def test_a_carved_budget_is_shown_as_what_it_is(acme: Stage, boss: Desk) -> None:
    claim = at_work(acme, budget_usd="5")
    (carved,) = acme.anna.get("budgets", scope="task", scope_id=claim["task"]["id"]).ok()["results"]
    assert "Given to its task by whoever made that" in boss.get(BUDGET.one(carved["id"])).ok().text
    assert carved["id"] in boss.get(f"{BUDGET.list}?is_carved__exact=1").ok().html
    assert carved["id"] not in boss.get(f"{BUDGET.list}?is_carved__exact=0").ok().html
    assert "$5.00, with all below it" in boss.get(NOUNS["task"].one(claim["task"]["id"])).ok().text
