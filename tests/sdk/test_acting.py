"""Agents that act, on the real web process: what a person approved is what is done, whoever does it, and once."""

from typing import Any

import pytest

from chimera_sdk import Agent
from tests.cast import Stage
from tests.commerce.books import check_books
from tests.processes.harness import House
from tests.sdk.conftest import working
from tests.sdk.test_agent import ended

pytestmark = pytest.mark.slow


def test_an_action_is_approved_and_done_by_the_resumed_handler_from_a_thread_or_the_loop(
    acme: Stage, house: House
) -> None:
    acme.budget(day_usd="10", approval_threshold_usd="1")
    session, agent, done = acme.session(), Agent(), list[Any]()

    @agent.task("research")
    async def research(task: Any, ctx: Any) -> Any:
        async with ctx.act("publish", {"text": "high tide"}, amount_usd="2", payee="short.example") as action:
            done.append((action.tool, action.arguments))
            action.output, action.cost_usd = {"url": "u"}, "1.50"
        return ctx.result({"action": action.id}, confidence=0.95)

    @agent.task("plain")
    def plain(task: Any, ctx: Any) -> Any:
        with ctx.act("tell", {"whom": "the ferry"}) as action:
            done.append((action.tool, action.arguments))
        return ctx.result({"action": action.id}, confidence=0.95)

    dear, cheap = acme.task(session), acme.task(session, type="plain")
    with working(agent, house, acme.ada, transport="socket"):
        ended(acme, cheap)
        ended(acme, dear, "blocked")
        assert done == [("tell", {"whom": "the ferry"})]
        (card,) = acme.rita.get("reviews", status="pending").ok()["results"]
        acme.rita.post(f"reviews/{card['id']}/decision", {"decision": "approve", "note": "go on"}).ok()
        (result,) = ended(acme, dear)["results"]
    assert done[1:] == [("publish", {"text": "high tide"})]
    assert result["output_payload"] == {"action": card["action"]}
    shown = [(row["tool"], row["status"], row["cost_usd"]) for row in acme.anna.get("actions").ok()["results"]]
    assert sorted(shown) == [("publish", "succeeded", "1.50"), ("tell", "succeeded", None)]
    check_books(acme)
