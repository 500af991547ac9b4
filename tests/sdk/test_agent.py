"""The SDK's agents on the real web process, over HTTP and over the socket: work, money, memory, leases, reviews."""

import asyncio
import threading
import time
from typing import Any

import pytest

from chimera_sdk import Agent, BudgetExceeded, ProblemError, StaleLease, UnderReview
from chimera_sdk.workshop import Workshop
from tests.cast import Stage
from tests.kernel.world import SOUL
from tests.processes.harness import LEASE_SECONDS, House, until
from tests.sdk.conftest import working

pytestmark = pytest.mark.slow
SECONDS = 60
SOON_SECONDS = 1.0
TRANSPORTS = ["socket", "http"]
transports = pytest.mark.parametrize("transport", TRANSPORTS)


def ended(acme: Stage, task: dict[str, Any], status: str = "completed") -> dict[str, Any]:
    until(lambda: acme.otto.get(f"tasks/{task['id']}")["status"] == status, SECONDS)
    shown: dict[str, Any] = acme.otto.get(f"tasks/{task['id']}").ok().body
    return shown


def statuses(acme: Stage, task: dict[str, Any]) -> list[tuple[str, str]]:
    rows = acme.otto.get("transactions", task=task["id"]).ok()["results"]
    return sorted((row["payee"], row["status"]) for row in rows)


@transports
def test_an_agent_works_recalls_spends_and_answers(acme: Stage, house: House, transport: str) -> None:
    acme.budget(day_usd="1.00")
    acme.otto.post("personas", {"soul": SOUL}).ok(201)
    session = acme.session()
    agent = Agent()

    @agent.task("research")
    async def research(task, ctx):
        begun = await ctx.speak_as("harbour-ghost", budget_tokens=2_000)
        assert begun["evidence"]
        await ctx.remember(f"The ferry leaves at nine, said {task.input['who']}.", category="semantic")
        facts = await ctx.recall(f"ferry {task.input['who']}", mode="keyword")
        async with ctx.spend("0.04", payee="render.example") as hold:
            assert hold.status == "held"
        with pytest.raises(ZeroDivisionError):
            async with ctx.spend("0.05", payee="voided.example"):
                raise ZeroDivisionError
        try:
            await ctx.spend("5000", payee="dear.example")
        except BudgetExceeded as error:
            left, again = error.remaining_usd, error.resets_at
        open_hold = await ctx.spend("0.01", payee="open.example")
        assert open_hold.id
        await ctx.progress("reading", 40)
        ctx.artifact("text", content={"of": "the ferry"})
        return ctx.result(
            {"facts": len(facts), "left": left < "1.00", "again": bool(again)}, confidence=0.93, reasoning="Read it."
        )

    @agent.task("plain")
    def plain(task, ctx):
        assert "“The Ghost of the Harbour”" in ctx.speak_as("harbour-ghost")["text"]
        ctx.remember("Tides turn twice.", category="semantic")
        facts = ctx.recall("tides turn", mode="keyword")
        with ctx.spend("0.02", payee="thread.example"):
            pass
        with pytest.raises(ZeroDivisionError):
            with ctx.spend("0.03", payee="threadvoid.example") as hold:
                raise ZeroDivisionError(ctx.api.transactions.get(hold.id)["status"])
        ctx.progress("reading", 40)
        return ctx.result({"facts": len(facts)}, confidence=0.95)

    first, second = acme.task(session, input_payload={"who": "Ada"}), acme.task(session, type="plain")
    with working(agent, house, acme.ada, transport=transport):
        task, other = ended(acme, first), ended(acme, second)
    (result,) = task["results"]
    assert result["output_payload"] == {"facts": 1, "left": True, "again": True}
    assert (result["confidence_score"], result["reasoning"]) == (0.93, "Read it.")
    assert result["artifacts"] == [{"type": "text", "content": {"of": "the ferry"}}]
    assert statuses(acme, first) == [
        ("dear.example", "denied"),
        ("open.example", "captured"),  # what is open is captured with the task
        ("render.example", "captured"),
        ("voided.example", "voided"),
    ]
    assert other["results"][0]["output_payload"] == {"facts": 1}
    assert statuses(acme, second) == [("thread.example", "captured"), ("threadvoid.example", "voided")]


@transports
def test_a_spend_that_a_person_decides_comes_back_with_its_money(acme: Stage, house: House, transport: str) -> None:
    acme.budget(day_usd="10", approval_threshold_usd="1")
    session = acme.session()
    task, next_one = acme.task(session, priority=60), acme.task(session, type="other")
    agent, seen = Agent(), list[Any]()

    @agent.task("other")
    async def other(task, ctx):
        return ctx.result({}, confidence=0.95)

    @agent.task("research")
    async def research(task, ctx):
        if ctx.resume:
            seen.append((ctx.resume.note, [t.status for t in ctx.resume.transactions]))
            await ctx.resume.transactions[0].capture("1.50")
            return ctx.result({"bought": True}, confidence=0.95)
        try:
            async with ctx.spend("2", payee="dear.example", purpose="the dear one"):
                raise AssertionError("nobody has approved it")
        except UnderReview as review:
            seen.append(review.review)
            raise

    with working(agent, house, acme.bob, transport=transport, slots=1):
        ended(acme, next_one)  # the only slot is free while the person thinks
        assert ended(acme, task, "blocked")["results"] == []
        (card,) = acme.rita.get("reviews", status="pending").ok()["results"]
        acme.rita.post(f"reviews/{card['id']}/decision", {"decision": "approve", "note": "go on"}).ok()
        done = ended(acme, task)
    assert seen == [card["id"], ("go on", ["held"])]
    assert [r["output_payload"] for r in done["results"]] == [{"bought": True}]
    (spent,) = acme.otto.get("transactions", task=task["id"])["results"]
    assert (spent["status"], spent["captured_usd"], spent["purpose"]) == ("captured", "1.50", "the dear one")


@transports
def test_leases_are_renewed_while_handlers_run(acme: Stage, house: House, transport: str) -> None:
    session, agent = acme.session(), Agent()

    @agent.task("research")
    def slow(task, ctx):
        end = time.monotonic() + 2 * LEASE_SECONDS
        until(lambda: time.monotonic() > end, 3 * LEASE_SECONDS)
        ctx.check()
        return ctx.result({}, confidence=0.95)

    made = [acme.task(session) for _ in range(3)]
    with working(agent, house, acme.ada, transport=transport):
        assert [ended(acme, task)["attempt_count"] for task in made] == [1, 1, 1]


@transports
def test_a_cancelled_task_cancels_its_handler(acme: Stage, house: House, transport: str) -> None:
    task, agent = acme.task(acme.session()), Agent()
    begun, stopped, heard = threading.Event(), threading.Event(), list[bool]()

    @agent.task("research")
    def endless(task, ctx):
        begun.set()
        until(lambda: ctx.cancelled, SECONDS)
        try:
            ctx.progress("reading", 40)
        except StaleLease:
            heard.append(True)
        stopped.set()
        return {"too": "late"}

    with working(agent, house, acme.ada, transport=transport):
        assert begun.wait(SECONDS)
        acme.pia.post(f"tasks/{task['id']}/cancel", {"reason": "enough"}).ok()
        assert stopped.wait(SECONDS)
    assert heard == [True]
    assert ended(acme, task, "cancelled")["results"] == []


@pytest.mark.parametrize("how", ["task", "session", "campaign", "agent"])
def test_a_stop_reaches_the_handler_at_once_without_a_beat(
    acme: Stage, house: House, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Workshop, "_beat", lambda self: None)
    campaign = acme.otto.post("campaigns", {"name": "launch", "goal": "sell"}).ok(201)
    session = acme.session(campaign=campaign["id"])
    task, agent = acme.task(session), Agent()
    begun, cancelled, at = threading.Event(), threading.Event(), list[float]()
    stops = {
        "task": (acme.pia, f"tasks/{task['id']}/cancel"),
        "session": (acme.otto, f"sessions/{session['id']}/stop"),
        "campaign": (acme.otto, f"campaigns/{campaign['id']}/stop"),
        "agent": (acme.otto, f"agents/{acme.ada.id}/kill"),
    }

    @agent.task("research")
    async def endless(task, ctx):
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            at.append(time.monotonic())
            cancelled.set()

    def work() -> None:
        with working(agent, house, acme.ada, transport="socket") as at_work:
            assert begun.wait(SECONDS)
            who, path = stops[how]
            began = time.monotonic()
            who.post(path, {"reason": "enough"}).ok()
            assert cancelled.wait(LEASE_SECONDS), "else the end of its lease cancels it"
            assert at[0] - began < SOON_SECONDS
            until(lambda: how != "agent" or at_work.error is not None, SECONDS)

    if how == "agent":
        with pytest.raises(ProblemError, match="401"):  # its key has ended with it
            work()
    else:
        work()


@transports
def test_work_goes_on_while_the_web_process_is_away(acme: Stage, house: House, transport: str) -> None:
    session, agent = acme.session(), Agent()
    begun, go_on, runs = threading.Semaphore(0), threading.Event(), list[str]()

    @agent.task("research")
    def research(task, ctx):
        runs.append(task.id)
        begun.release()
        assert go_on.wait(SECONDS)
        return ctx.result({"n": len(runs)}, confidence=0.95)

    made = [acme.task(session) for _ in range(3)]
    with working(agent, house, acme.ada, transport=transport):
        for _ in made:
            assert begun.acquire(timeout=SECONDS)
        house.kill("web")
        go_on.set()
        house.start("web")
        for task in made:
            assert len([r for r in ended(acme, task)["results"] if r["applied"]]) == 1


@transports
def test_an_unwritten_handler_and_a_broken_one_are_told_apart(acme: Stage, house: House, transport: str) -> None:
    agent = Agent()

    @agent.task("research")
    async def broken(task, ctx):
        raise KeyError("harbour")

    task = acme.task(acme.session(), max_attempts=1)
    with working(agent, house, acme.ada, transport=transport):
        error = ended(acme, task, "failed")["error"]
    assert error["code"] == "KeyError"
    assert "sdk/test_agent.py:" in error["message"]
