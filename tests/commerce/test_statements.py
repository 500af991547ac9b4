"""Statements: every cent of the ledger once, in the day in which it was asked for, as JSON and as CSV."""

import csv
import io
import json
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chimera.kernel import clock
from chimera.kernel.http.parsing import money_text
from commerce.models import SpendWindow, Transaction
from swarm.models import SwarmSession
from tests.cast import Caller, Stage
from tests.commerce.books import at_work

LISBON = ZoneInfo("Europe/Lisbon")


def statement(who: Caller, **query: str) -> dict[str, Any]:
    body: dict[str, Any] = who.get("statements", **query).ok().body
    return body


def sheet(who: Caller, **query: str) -> list[list[str]]:
    said = who.get("statements", format="csv", **query)
    assert (said.status, said.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    text = said.body.decode()
    assert text.endswith("\r\n")
    assert "\n" not in text.replace("\r\n", "")
    return list(csv.reader(io.StringIO(text, newline="")))


def days() -> tuple[date, date]:
    """The ten days until today."""
    today = clock.day_in("Europe/Lisbon")
    return today - timedelta(days=9), today


def between() -> dict[str, str]:
    first, last = days()
    return {"from": first.isoformat(), "to": last.isoformat()}


class Life:
    """Ten days of spending by two agents in two campaigns and outside any, as chance has it."""

    def __init__(self, acme: Stage, seed: int) -> None:
        self.acme, self.chance = acme, Random(seed)
        acme.budget(day_usd="40", approval_threshold_usd="15")
        names = ["harbour", "=cmd()|' /C calc'!A0"]
        made = [acme.otto.post("campaigns", {"name": name, "goal": "g"}).ok(201)["id"] for name in names]
        self.sessions = [acme.session(), *(acme.session(campaign=campaign) for campaign in made)]

    def live(self, spends: int = 16) -> None:
        first, _ = days()
        start, _ = clock.day_bounds("Europe/Lisbon", first)
        end = clock.now()
        moments = [start + (end - start) * self.chance.randrange(1000) / 1000 for _ in range(spends)]
        moments += [start + timedelta(days=day, seconds=-self.chance.randrange(5, 25)) for day in range(1, 8)]
        for moment in sorted(moments):
            with clock.held(moment):
                self._spend()

    def _spend(self) -> None:
        who = self.chance.choice([self.acme.ada, self.acme.bob])
        claim = at_work(self.acme, who, session=self.chance.choice(self.sessions))
        amount = money_text(Decimal(self.chance.randrange(1, 20_000_000)) / 1_000_000)
        said = who.spend(claim, amount)
        if said.status == 201:
            with clock.held(clock.now() + timedelta(seconds=self.chance.choice([0, 30]))):
                self._settle(who, claim, said["id"], amount)
                if self.chance.random() < 0.5:
                    self._meter(who, claim, [2, 9, 40])
        if who is self.acme.bob or self.chance.random() < 0.8:  # the rest stays open; Ada has room for it
            self.acme.otto.post(f"tasks/{claim['task']['id']}/cancel", {}).ok()

    def _meter(self, who: Caller, claim: dict[str, Any], costs: list[int]) -> None:
        """Up to more than the day has."""
        for cost in costs:
            body = {"lease_token": claim["lease_token"], "cost_usd": f"{cost}.000001"}
            if who.post(f"tasks/{claim['task']['id']}/heartbeat", body).ok()["commands"]:
                return

    def _settle(self, who: Caller, claim: dict[str, Any], hold: str, amount: str) -> None:
        shown = {"lease_token": claim["lease_token"]}
        match self.chance.choice(["all", "half", "void", "leave"]):
            case "all":
                who.post(f"transactions/{hold}/capture", shown).ok()
            case "half":
                half = money_text((Decimal(amount) / 2).quantize(Decimal("0.000001")) or Decimal(amount))
                who.post(f"transactions/{hold}/capture", shown | {"amount_usd": half}).ok()
            case "void":
                who.post(f"transactions/{hold}/void", shown).ok()


@pytest.fixture(scope="module", params=[1, 2])
def seed(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def ledger(acme: Stage, *keys: str) -> dict[tuple[str, ...], dict[str, Any]]:
    """The same, counted row by row."""
    found: dict[tuple[str, ...], dict[str, Any]] = defaultdict(lambda: defaultdict(lambda: Decimal(0)))
    with acme.bound():
        campaigns = dict(SwarmSession.objects.values_list("pk", "campaign_id"))
        for row in Transaction.objects.all():
            about = {
                "day": row.created_at.astimezone(LISBON).date().isoformat(),
                "agent": str(row.agent_id),
                "campaign": str(campaigns[row.session_id]),
                "tenant": str(row.tenant_id),
            }
            line = found[tuple(about[key] for key in keys)]
            state = "held" if row.status == "review" else row.status
            line["asked_count"] += 1
            line["asked_usd"] += row.amount_usd
            line[f"{state}_count"] += 1
            line[f"{state}_usd"] += row.captured_usd if state == "captured" else row.amount_usd
            over = (row.metered_usd or Decimal(0)) - (row.captured_usd or 0)
            if row.settled_at and over > 0:
                line["overshot_count"] += 1
                line["overshot_usd"] += over
            if state == "captured":
                line["released_usd"] += row.amount_usd - row.captured_usd
    return found


def opening(acme: Stage, day: date) -> Decimal:
    start = datetime(day.year, day.month, day.day, tzinfo=LISBON)
    with acme.bound():
        rows = Transaction.objects.all()
        return sum(
            (r.amount_usd for r in rows if r.created_at < start and (r.settled_at is None or r.settled_at >= start)),
            Decimal(0),
        )


GROUPS = ["day", "agent", "campaign", "campaign,agent", "agent,day", "tenant,campaign,agent,day", "tenant", ""]


@pytest.mark.slow
def test_sums_equal_the_ledger_however_they_are_grouped(acme: Stage, seed: int) -> None:
    life = Life(acme, seed)
    life.live()
    for group in GROUPS:
        said = statement(acme.fay, group=group, **between())
        keys = [key for key in ("day", "tenant", "campaign", "agent") if key in group.split(",")]
        expected = ledger(acme, *keys)
        seen = {tuple(str(line[key]) for key in keys): line for line in said["lines"]}
        assert len(seen) == len(said["lines"])
        assert set(expected) <= set(seen)
        for key, line in seen.items():
            _equal(line, expected.get(key, {}))
        _equal(said["total"], ledger(acme)[()])
        assert said["total"]["overshot_count"] > 0
        assert Decimal(said["total"]["opening_usd"]) == opening(acme, days()[0]) == 0
    for line in statement(acme.fay, group="day", **between())["lines"]:
        assert Decimal(line["opening_usd"]) == opening(acme, date.fromisoformat(line["day"]))
    _equal_windows(acme, statement(acme.fay, group="day", **between())["lines"])


def _equal(line: dict[str, Any], expected: dict[str, Any]) -> None:
    figures = {name for name in line if name.endswith(("_usd", "_count")) and not name.startswith("opening")}
    assert {name: Decimal(line[name]) for name in figures} == {name: expected.get(name, Decimal(0)) for name in figures}
    parts = sum(
        Decimal(line[f"{part}_usd"]) for part in ("held", "captured", "released", "voided", "expired", "denied")
    )
    assert Decimal(line["asked_usd"]) == parts


def _equal_windows(acme: Stage, lines: list[dict[str, Any]]) -> None:
    """What the limits were judged by says the same."""
    with acme.bound():
        for window in SpendWindow.objects.filter(kind="day"):
            (line,) = [line for line in lines if line["day"] == window.starts_on.isoformat()]
            assert (Decimal(line["held_usd"]), Decimal(line["captured_usd"])) == (window.held_usd, window.captured_usd)


def test_a_hold_across_midnight_belongs_to_its_own_day(acme: Stage) -> None:
    acme.budget()
    today = clock.day_in("Europe/Lisbon")
    midnight, _ = clock.day_bounds("Europe/Lisbon", today)
    with clock.held(midnight - timedelta(seconds=5)):
        claim = at_work(acme)
        hold = acme.ada.spend(claim, "3").ok(201)
    with clock.held(midnight + timedelta(seconds=5)):
        acme.ada.post(
            f"transactions/{hold['id']}/capture", {"lease_token": claim["lease_token"], "amount_usd": "2"}
        ).ok()
    yesterday, now = statement(
        acme.fay, group="day", **{"from": (today - timedelta(days=1)).isoformat(), "to": today.isoformat()}
    )["lines"]
    assert (yesterday["captured_usd"], yesterday["released_usd"], yesterday["opening_usd"]) == ("2.00", "1.00", "0.00")
    assert (now["captured_usd"], now["asked_count"], now["opening_count"], now["opening_usd"]) == ("0.00", 0, 1, "3.00")


def test_the_csv_says_the_same_as_the_json(acme: Stage) -> None:
    acme.budget(day_usd="10")
    acme.ada.spend(at_work(acme), "3").ok(201)
    acme.bob.spend(at_work(acme, acme.bob), "11").refused(402, "budget_exceeded")
    said = statement(acme.anna, group="agent,day")
    head, *lines, total = sheet(acme.anna, group="agent,day")
    assert head[:4] == ["day", "agent", "agent_name", "opening_count"]
    assert [dict(zip(head, line, strict=True)) for line in lines] == [
        {name: str(value) for name, value in line.items()} for line in said["lines"]
    ]
    assert total[:3] == ["total", "", ""]
    assert dict(zip(head[3:], total[3:], strict=True)) == {name: str(v) for name, v in said["total"].items()}


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "＝1", 'quoted, "twice"', "two\r\nlines", "-"]
)
def test_no_name_becomes_a_formula_or_breaks_the_rows(acme: Stage, name: str) -> None:
    acme.budget()
    campaign = acme.otto.post("campaigns", {"name": name, "goal": "g"})
    if campaign.status != 201:
        return  # the door keeps such a name out
    acme.ada.spend(at_work(acme, session=acme.session(campaign=campaign["id"])), "1").ok(201)
    shown = campaign["name"]
    said = acme.fay.get("statements", format="csv", group="campaign")
    head, line, _ = list(csv.reader(io.StringIO(said.body.decode(), newline="")))
    cell = dict(zip(head, line, strict=True))["campaign_name"]
    assert cell in {shown, f"'{shown}"}
    assert not cell.strip().startswith(("=", "+", "-", "@", "＝"))
    assert statement(acme.fay, group="campaign")["lines"][0]["campaign_name"] == shown


def test_a_day_without_spending_has_its_line(acme: Stage) -> None:
    lines = statement(acme.fay, **between())["lines"]
    assert len(lines) == 10
    assert {line["asked_usd"] for line in lines} == {"0.00"}
    assert statement(acme.fay, group="agent", **between())["lines"] == []


def test_a_large_statement_streams_and_is_whole(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from commerce.api import statements

    monkeypatch.setattr(statements, "IN_MEMORY_BYTES", 1000)
    headers = {"Authorization": f"Bearer {acme.fay.secret}"}
    response = acme.fay.client.get("/api/v1/statements", between(), headers=headers)
    assert response.streaming
    whole = b"".join(response)
    assert len(whole) == int(response["Content-Length"]) > 1000
    assert len(json.loads(whole)["lines"]) == 10


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"group": "galaxy"}, "group"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-02-30"}, "to"),
        ({"from": "2026-03-02", "to": "2026-03-01"}, "from"),
        ({"from": "0001-01-01", "to": "0001-01-02"}, "from"),
        ({"to": "9999-12-31"}, "from"),
        ({"from": "2024-01-01", "to": "2025-12-31"}, "to"),
        ({"format": "xml"}, "format"),
    ],
)
def test_a_statement_that_cannot_be_is_refused_by_field(acme: Stage, query: dict[str, str], field: str) -> None:
    said = acme.fay.get("statements", **query)
    assert (said.status, [e["field"] for e in said["errors"]]) == (422, [field])
    if field != "format":
        said = acme.fay.get("statements", **query | {"format": "csv"})
        assert (said.status, said.headers["Content-Type"]) == (422, "application/problem+json")


def test_statements_are_for_those_who_see_the_money(acme: Stage, zenith: Stage) -> None:
    acme.budget()
    acme.ada.spend(at_work(acme), "3").ok(201)
    for who in (acme.fay, acme.anna, acme.boss):
        assert statement(who)["total"]["held_usd"] == "3.00"
    for who in (acme.ada, acme.pia, acme.rita, acme.otto):
        who.get("statements").refused(403, "role")
    assert statement(zenith.fay)["total"]["asked_count"] == 0
