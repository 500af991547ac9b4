"""Metered agents of the SDK on the real web process, over HTTP and over the socket."""

import asyncio
import threading
from decimal import Decimal
from typing import Any

import pytest

from chimera_sdk import Agent, OutOfMoney
from commerce.models import Transaction
from tests.cast import Stage
from tests.commerce.books import check_books
from tests.processes.harness import House, until
from tests.sdk.conftest import working
from tests.sdk.test_agent import SECONDS, ended, transports

pytestmark = pytest.mark.slow


def ledger(acme: Stage) -> list[tuple[str, Decimal | None, Decimal | None]]:
    """(status, metered, captured), the oldest first."""
    with acme.bound():
        return [(row.status, row.metered_usd, row.captured_usd) for row in Transaction.objects.order_by("pk")]


@transports
def test_what_a_handler_has_cost_is_spent_when_its_task_ends(acme: Stage, house: House, transport: str) -> None:
    acme.budget(day_usd="1.00")
    session, agent = acme.session(), Agent()

    @agent.task("research")
    async def research(task: Any, ctx: Any) -> Any:
        for _ in range(50):
            ctx.cost("0.002")
        return ctx.result({}, confidence=0.95)

    @agent.task("plain")
    def plain(task: Any, ctx: Any) -> Any:
        for _ in range(50):
            ctx.cost("0.002")
        raise ZeroDivisionError("after it has cost something")

    good, bad = acme.task(session), acme.task(session, type="plain", max_attempts=1)
    with working(agent, house, acme.ada, transport=transport):
        ended(acme, good)
        ended(acme, bad, "failed")
    assert ledger(acme) == [("captured", Decimal("0.1"), Decimal("0.1"))] * 2
    check_books(acme)


@transports
def test_a_handler_that_has_used_up_its_money_is_stopped_and_goes_on_when_a_person_says_so(
    acme: Stage, house: House, transport: str
) -> None:
    budget = acme.budget(day_usd="0.50")
    session, agent = acme.session(), Agent()
    stopped = list[str]()

    @agent.task("research")
    async def research(task: Any, ctx: Any) -> Any:
        if ctx.resume:
            ctx.cost("0.25")
            return ctx.result({"note": ctx.resume.note}, confidence=0.95)
        try:
            while True:
                ctx.cost("0.07")
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            stopped.append("cancelled")
            raise

    @agent.task("plain")
    def plain(task: Any, ctx: Any) -> Any:
        wait = threading.Event()
        try:
            while True:
                ctx.cost("0.07")
                wait.wait(0.01)
        except OutOfMoney as error:
            stopped.append(error.code)
            raise

    task = acme.task(session)
    with working(agent, house, acme.ada, transport=transport):
        assert ended(acme, task, "blocked")["results"] == []
        other = acme.task(session, type="plain")
        assert ended(acme, other, "blocked")["results"] == []
        until(lambda: len(stopped) == 2, SECONDS)
        acme.fay.patch(f"budgets/{budget['id']}", {"day_usd": "5"}).ok()
        (card,) = (c for c in acme.rita.get("reviews", status="pending").ok()["results"] if c["task"] == task["id"])
        acme.rita.post(f"reviews/{card['id']}/decision", {"decision": "approve", "note": "go on"}).ok()
        assert ended(acme, task)["results"][0]["output_payload"] == {"note": "go on"}
    assert sorted(stopped) == ["budget_exceeded", "cancelled"]
    first, second, third = ledger(acme)
    assert (first[0], first[2]) == ("captured", Decimal("0.5"))
    assert first[1] is not None
    assert first[1] >= Decimal("0.5")
    assert (second[0], second[2]) == ("denied", None)
    assert third == ("captured", Decimal("0.25"), Decimal("0.25"))
    check_books(acme)
