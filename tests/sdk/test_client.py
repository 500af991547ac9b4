"""The plain clients against the real web process: pages, events, refusals, money, memory, locks."""

import asyncio
from typing import Any

import pytest

from chimera_sdk import AsyncClient, Client, ProblemError
from tests.cast import Stage
from tests.kernel.world import SOUL
from tests.processes.harness import House

pytestmark = pytest.mark.slow
TASKS = 120  # more than one page


def new(session: str, number: int) -> dict[str, Any]:
    return {"session": session, "type": "research", "input_payload": {"n": number}}


def test_the_client_speaks_the_rest_of_the_api(acme: Stage, house: House) -> None:
    with Client(house.url, acme.pia.secret) as pia, Client(house.url, acme.boss.secret) as boss:
        campaign = boss.campaigns.create(name="Harbour", goal="Invite the town")
        assert boss.campaigns.change(campaign["id"], goal="Invite everybody")["state_version"] == 2
        session = pia.sessions.create(name="launch", campaign=campaign["id"])["id"]

        # many at once, one by one, and every page of them
        made = pia.tasks.batch([new(session, n) for n in range(TASKS)])["tasks"]
        one = pia.tasks.create(session=session, type="draft", input={}, priority=80, once="the draft")
        assert pia.tasks.create(session=session, type="draft", input={}, priority=80, once="the draft") == one
        listed = [task["id"] for task in pia.tasks.list(session=session, limit=50)]
        assert listed == [one["id"], *(task["id"] for task in reversed(made))]
        assert [task["id"] for task in pia.tasks.list(session=session, type="draft")] == [one["id"]]
        assert pia.tasks.cancel(one["id"], "enough")["status"] == "cancelled"

        dropped = boss.tasks.in_bulk("cancel", filter={"session": session}, limit=2)
        assert (dropped["changed"], dropped["more"]) == (2, True)

        # schedules
        job = {"type": "sweep", "input_payload": {}}
        schedule = boss.schedules.create(campaign["id"], name="nightly", cron="0 3 * * *", overlap="skip", task=job)
        assert boss.schedules.pause(schedule["id"])["status"] == "paused"
        assert boss.schedules.change(schedule["id"], cron="0 4 * * *")["cron"] == "0 4 * * *"
        assert [row["id"] for row in boss.schedules.list()] == [schedule["id"]]

        # what happened, in order, and from there on
        events = list(pia.sessions.events(session))
        assert [event["type"] for event in events].count("swarm.task.created.v1") == TASKS + 1
        boss.sessions.pause(session, "lunch")
        later = pia.sessions.events(session, after=events[-1]["position"])
        assert "swarm.session.paused.v1" in [event["type"] for event in later]
        boss.sessions.resume(session)
        boss.campaigns.stop(campaign["id"], "over")
        assert pia.sessions.get(session)["status"] == "stopped"

        # money, people, agents
        budget = boss.budgets.create(scope="tenant", day_usd="5.00")
        assert boss.budgets.change(budget["id"], day_usd="6.00")["day_usd"] == "6.00"
        assert [w["limit_usd"] for w in boss.budgets.usage(budget["id"])["windows"] if w["window"] == "day"] == ["6.00"]
        assert list(boss.reviews.list(status="pending")) == []
        early = boss.reviews.decide_by_key("order 17", "reject", note="not this year")
        assert [early["status"], boss.reviews.take_back(early["id"])["status"]] == ["waiting", "withdrawn"]
        agent = boss.agents.create(name="eve", role="worker", max_slots=2)
        assert boss.agents.new_key(agent["id"])["key"].startswith("chm_")
        assert boss.agents.pause(agent["id"])["status"] == "inactive"

        # memory
        memory = pia.memories.create("The ferry leaves at nine.", category="semantic")
        (hit,) = pia.memories.search("ferry", mode="keyword")["results"]
        assert hit["memory"]["id"] == memory["id"]
        better = pia.memories.supersede(memory["id"], content="The ferry leaves at ten.")
        assert pia.memories.forget(better["id"], "wrong again")["forgotten_at"]

        # personas
        persona = boss.personas.create(SOUL)
        assert "“The Ghost of the Harbour”" in pia.personas.context(persona["id"], budget_tokens=2_000)["text"]
        assert [each["version"] for each in pia.personas.versions(persona["id"])] == [1]
        assert pia.personas.version(persona["id"], 1, against=1)["diff"] == ""
        assert boss.personas.retire(persona["id"], "over")["retired_reason"] == "over"

        # locks, which are fenced
        held = pia.locks.acquire("printer", ttl_seconds=30)
        with pytest.raises(ProblemError) as refused:
            boss.locks.acquire("printer", ttl_seconds=30)
        assert (refused.value.status, refused.value.code) == (409, "lock_held")
        pia.locks.renew("printer", held["owner_token"], ttl_seconds=60)
        assert [lock["resource"] for lock in boss.locks.list()] == ["printer"]
        pia.locks.release("printer", held["owner_token"])
        assert boss.locks.acquire("printer", ttl_seconds=30)["fencing_number"] > held["fencing_number"]

        # refusals say what, where and under which trace
        with pytest.raises(ProblemError) as refused:
            pia.tasks.create(session=session, type="draft", input={}, priority="high")
        problem = refused.value
        assert (problem.status, problem.errors[0]["field"]) == (422, "priority")
        assert problem.trace_id
        with pytest.raises(ProblemError) as refused:
            pia.budgets.create(scope="tenant")
        assert (refused.value.status, refused.value.code) == (403, "role")
    with Client(house.url, "chm_nobody") as nobody, pytest.raises(ProblemError) as refused:
        nobody.get("tasks")
    assert (refused.value.status, refused.value.code) == (401, "unauthenticated")


def test_a_reviewer_takes_cards_puts_them_back_and_decides_several(acme: Stage, house: House) -> None:
    with Client(house.url, acme.pia.secret) as pia, Client(house.url, acme.rita.secret) as rita:
        session = pia.sessions.create(name="launch")["id"]
        pia.tasks.batch([new(session, n) | {"execution_mode": "manual"} for n in range(3)])
        first = rita.reviews.take(session=session)["review"]
        assert rita.reviews.card(first["id"])["you"]["decisions"] == ["approve", "reject", "request_changes"]
        assert rita.reviews.release(first["id"])["claimed_by"] is None
        rows = list(rita.reviews.list(queue="waiting", brief="true"))
        chosen = [{"id": row["id"], "version": row["version"]} for row in rows]
        outcomes = rita.reviews.decide_many(chosen, "reject", note="not today")["outcomes"]
        assert [outcome["status"] for outcome in outcomes] == ["rejected"] * 3
        assert rita.reviews.take() == {"review": None}


def test_the_async_client_makes_the_same_calls(acme: Stage, house: House) -> None:
    async def run() -> None:
        async with AsyncClient(house.url, acme.pia.secret) as pia:
            session = (await pia.sessions.create(name="launch"))["id"]
            made = await pia.tasks.batch([new(session, n) for n in range(TASKS)])
            listed = [task["id"] async for task in pia.tasks.list(session=session)]
            assert listed == [task["id"] for task in reversed(made["tasks"])]
            assert len([event async for event in pia.sessions.events(session)]) > TASKS
            with pytest.raises(ProblemError):
                await pia.tasks.get("00000000-0000-0000-0000-000000000000")

    asyncio.run(run())
