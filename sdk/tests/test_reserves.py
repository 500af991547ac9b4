"""What is held before a handler begins, and told before it buys something else."""

from answering import Answer, answering
from speaking import RENEWED, Peer, agent_of, claim, converse
from test_metering import STOP, cost_of
from test_polling_line import NOTHING, claims, outcomes, work
from test_polling_line import agent_of as http_agent_of


def test_a_handler_with_a_reserve_begins_when_it_is_held():
    begun = []

    async def handler(task, ctx):
        begun.append(task.id)
        ctx.cost("0.20")
        return ctx.result({}, confidence=0.9)

    async def script(peer: Peer) -> None:
        await peer.hello()
        await peer.say(claim(1))
        beat = await peer.hear("heartbeat")
        assert (cost_of(beat), beat["leases"][0]["ahead_usd"], begun) == ("0.000000", "0.25", [])
        await peer.ack(beat, leases=[{"task": "t1"} | RENEWED])
        assert (await peer.hear("result"))["cost_usd"] == "0.200000"
        assert peer.kinds() == ["ready", "heartbeat", "result"]

    converse(agent_of(handler, reserve="0.25"), script)


def test_a_handler_whose_reserve_is_refused_does_not_begin():
    begun = []

    async def handler(task, ctx):
        begun.append(task.id)

    async def script(peer: Peer) -> None:
        await peer.hello()
        await peer.say(claim(1))
        await peer.ack(await peer.hear("heartbeat"), leases=[{"task": "t1"} | STOP])
        await peer.say(claim(2))
        await peer.hear("heartbeat")
        assert (peer.kinds().count("result"), begun) == (0, [])

    converse(agent_of(handler, reserve="0.25"), script)


def test_the_next_task_of_a_type_that_costs_asks_for_as_much_first():
    async def handler(task, ctx):
        ctx.cost("0.20")
        ctx.cost("0.70")
        return ctx.result({}, confidence=0.9)

    async def script(peer: Peer) -> None:
        await peer.hello()
        await peer.say(claim(1))
        await peer.ack(await peer.hear("result"), task="t1", outcome="completed")
        await peer.say(claim(2))
        beat = await peer.hear("heartbeat")
        assert beat["leases"] == [{"task": "t2", "lease_token": "l2", "cost_usd": "0.000000", "ahead_usd": "0.200000"}]
        await peer.ack(beat, leases=[{"task": "t2"} | RENEWED])
        assert (await peer.hear("result"))["cost_usd"] == "0.900000"

    converse(agent_of(handler), script)


def test_what_it_has_cost_is_counted_before_a_spend_that_may_end_the_lease():
    held = {"id": "x1", "status": "held", "amount_usd": "50"}

    async def handler(task, ctx):
        ctx.cost("1.00")
        await ctx.spend("50")
        return ctx.result({}, confidence=0.9)

    beaten, spent, done = Answer(200, RENEWED), Answer(201, held), outcomes({"status": "completed"})
    with answering(claims=[claims(1), NOTHING], heartbeat=[beaten], transactions=[spent], results=[done]) as server:
        work(http_agent_of(handler), server, lambda: server.bodies("results"))
        told = [asked.path.rpartition("/")[2] for asked in server.asked]
        assert told.index("heartbeat") < told.index("transactions")
        assert [body["cost_usd"] for body in server.bodies("heartbeat")] == ["1.000000"]
