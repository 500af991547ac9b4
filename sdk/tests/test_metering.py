"""`ctx.cost`: told at once, with the next beat or with the result; and obeyed when Chimera says stop."""

import asyncio
import threading
from decimal import Decimal

import pytest

from answering import Answer, answering
from chimera_sdk import BudgetExceeded, OutOfMoney, ProblemError, Stopped
from chimera_sdk.metering import Meter
from speaking import HELLO, RENEWED, WAIT_SECONDS, Peer, agent_of, claim, converse
from test_polling_line import NOTHING, claims, outcomes, work
from test_polling_line import agent_of as http_agent_of

STOP = {
    "lease_expires_at": None, "commands": ["stop"], "reason": "budget_exceeded", "detail": "Nothing is left.", "review": "r1",
}  # fmt: skip


def cost_of(beat: dict) -> str | None:
    (lease,) = beat["leases"]
    return lease.get("cost_usd")


async def counted(peer: Peer, cost: str) -> None:
    beat = await peer.hear("heartbeat")
    assert cost_of(beat) == cost
    await peer.ack(beat, leases=[{"task": "t1"} | RENEWED])


def test_what_is_held_ahead_has_time_and_more_than_that_presses():
    meter, told = Meter(), []
    for _ in range(32):
        meter.add("0.01")
        if meter.press():
            told.append(meter.tell())
            meter.answer(told[-1])
    assert [str(cost) for cost in told] == [
        "0.010000",
        "0.030000",
        "0.060000",
        "0.100000",
        "0.150000",
        "0.210000",
        "0.280000",
    ]
    assert meter.tell() == Decimal("0.32")
    meter.answer(Decimal("0.32"))
    assert meter.tell() is None


def test_while_a_report_is_on_its_way_there_is_no_other():
    meter = Meter()
    meter.add("0.01")
    assert meter.press()
    meter.tell()
    meter.add("5")
    assert not meter.press()
    meter.answer(Decimal("0.01"))
    assert meter.press()


def test_many_threads_add_to_one_sum_that_is_rounded_up_once():
    meter = Meter()
    threads = [
        threading.Thread(target=lambda: [meter.add(Decimal("0.0000001")) for _ in range(1001)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert meter.total == Decimal("0.000401")


@pytest.mark.parametrize(
    ("amount", "error"),
    [
        (0.1, TypeError),
        (True, TypeError),
        ("-1", ValueError),
        ("NaN", ValueError),
        ("1e400", ValueError),
        ("x", ValueError),
    ],
)
def test_what_is_no_cost_is_refused_where_it_is_said(amount, error):
    meter = Meter()
    with pytest.raises(error):
        meter.add(amount)
    assert meter.total == 0


def test_the_last_cost_goes_with_the_result():
    async def handler(task, ctx):
        ctx.cost("0.0020001")
        return ctx.result({}, confidence=0.9)

    async def script(peer: Peer) -> None:
        await peer.hello()
        await peer.say(claim(1))
        result = await peer.hear("result")
        assert result["cost_usd"] == "0.002001"
        assert "heartbeat" not in peer.kinds()
        await peer.ack(result, task="t1", outcome="completed")

    converse(agent_of(handler), script)


def test_a_cost_within_what_is_held_waits_for_the_beat_or_the_end():
    go_on = asyncio.Event()

    async def handler(task, ctx):
        ctx.cost("0.20")
        await go_on.wait()
        ctx.cost("0.20")
        return ctx.result({}, confidence=0.9)

    async def script(peer: Peer) -> None:
        await peer.hello()
        await peer.say(claim(1))
        await counted(peer, "0.200000")
        go_on.set()
        assert (await peer.hear("result"))["cost_usd"] == "0.400000"
        assert peer.kinds() == ["ready", "heartbeat", "result"]

    converse(agent_of(handler), script)


def test_beats_say_the_sum_until_it_is_counted():
    async def handler(task, ctx):
        ctx.cost("0.20")
        await asyncio.Event().wait()

    async def script(peer: Peer) -> None:
        await peer.hello(heartbeat_seconds=0.05)
        await peer.say(claim(1))
        assert cost_of(await peer.hear("heartbeat")) == "0.200000"
        await counted(peer, "0.200000")
        for _ in range(3):
            beat = await peer.hear("heartbeat")
        assert cost_of(beat) is None

    converse(agent_of(handler), script)


def test_a_result_whose_answer_was_lost_says_its_cost_again():
    async def handler(task, ctx):
        ctx.cost("0.20")
        return ctx.result({}, confidence=0.9)

    async def first(peer: Peer) -> None:
        await peer.hello()
        await peer.say(claim(1))
        await peer.hear("result")
        peer.socket.transport.abort()

    async def second(peer: Peer) -> None:
        await peer.say(HELLO)
        assert (await peer.hear("result"))["cost_usd"] == "0.200000"

    converse(agent_of(handler), first, second)


@pytest.mark.parametrize("busy", [{"kind": "error", "code": "busy", "detail": "A lock."}, {"kind": "ack"}])
def test_a_cost_that_could_not_be_counted_now_is_told_again(busy):
    counted = asyncio.Event()

    async def handler(task, ctx):
        ctx.cost("0.20")
        await counted.wait()
        return ctx.result({}, confidence=0.9)

    async def script(peer: Peer) -> None:
        await peer.hello(heartbeat_seconds=0.1)
        await peer.say(claim(1))
        beat = await peer.hear("heartbeat")
        more = {} if "code" in busy else {"leases": [{"task": "t1", "error": {"code": "busy", "detail": "A lock."}}]}
        await peer.say(busy | {"ref": beat["ref"]} | more)
        again = await peer.hear("heartbeat")
        assert cost_of(again) == "0.200000"
        await peer.ack(again, leases=[{"task": "t1"} | RENEWED])
        assert cost_of(await peer.hear("heartbeat")) is None
        counted.set()
        assert "cost_usd" not in await peer.hear("result")

    converse(agent_of(handler), script)


def test_a_stop_cancels_the_handler_and_its_other_calls_say_why():
    seen = []
    done = asyncio.Event()

    async def handler(task, ctx):
        ctx.cost("0.20")
        try:
            await asyncio.Event().wait()
        finally:
            with pytest.raises(OutOfMoney) as raised:
                ctx.cost("0.20")
            seen.append(raised.value)
            done.set()

    async def script(peer: Peer) -> None:
        await peer.hello()
        await peer.say(claim(1))
        beat = await peer.hear("heartbeat")
        await peer.ack(beat, leases=[{"task": "t1"} | STOP])
        await asyncio.wait_for(done.wait(), WAIT_SECONDS)
        await peer.say(claim(2))
        await peer.hear("heartbeat")
        assert "result" not in peer.kinds()

    converse(agent_of(handler), script)
    (error, *_) = seen
    assert isinstance(error, Stopped)
    assert isinstance(error, BudgetExceeded)
    assert (error.code, error.status, error.detail, error.review) == ("budget_exceeded", 402, "Nothing is left.", "r1")
    assert (error.remaining_usd, error.resets_at) == (None, None)


def test_a_thread_is_stopped_at_its_next_call():
    seen, done = [], threading.Event()

    def handler(task, ctx):
        try:
            ctx.cost("0.20")
            while True:
                ctx.cost("0.01")
        except Stopped as stop:
            seen.append(stop)
            done.set()
            raise

    async def script(peer: Peer) -> None:
        await peer.hello()
        await peer.say(claim(1))
        beat = await peer.hear("heartbeat")
        await peer.ack(beat, leases=[{"task": "t1"} | STOP])
        await asyncio.to_thread(done.wait, WAIT_SECONDS)
        assert "result" not in peer.kinds()

    converse(agent_of(handler), script)
    assert [type(stop) for stop in seen] == [OutOfMoney]


def test_a_result_whose_cost_is_refused_goes_without_it():
    async def handler(task, ctx):
        ctx.cost("0.20")
        return ctx.result({"note": "done"}, confidence=0.9)

    async def script(peer: Peer) -> None:
        await peer.hello()
        await peer.say(claim(1))
        first = await peer.hear("result")
        await peer.say({"kind": "error", "ref": first["ref"], "code": "dry_run", "detail": "A dry run never spends."})
        again = await peer.hear("result")
        assert "cost_usd" not in again
        assert again["output_payload"] == first["output_payload"] == {"note": "done"}

    converse(agent_of(handler), script)


@pytest.mark.parametrize("whole", [True, False])
def test_a_cost_that_is_refused_fails_the_next_one_and_the_lease_goes_on(whole):
    refused = threading.Event()

    def handler(task, ctx):
        ctx.cost("0.20")
        assert refused.wait(WAIT_SECONDS)
        ctx.cost("0.20")

    async def script(peer: Peer) -> None:
        await peer.hello()
        await peer.say(claim(1))
        beat = await peer.hear("heartbeat")
        error = {"code": "dry_run", "detail": "A dry run never spends."}
        if whole:
            await peer.say({"kind": "error", "ref": beat["ref"]} | error)
        else:
            await peer.ack(beat, leases=[{"task": "t1", "error": error}])
        again = await peer.hear("heartbeat")
        assert again["leases"] == [{"task": "t1", "lease_token": "l1"}]
        await peer.ack(again, leases=[{"task": "t1"} | RENEWED])
        refused.set()
        assert (await peer.hear("result"))["error"]["code"] == "dry_run"

    converse(agent_of(handler), script)


def test_over_http_the_last_cost_goes_with_the_result_too():
    async def handler(task, ctx):
        ctx.cost("0.20")
        await asyncio.sleep(0)
        ctx.cost("0.30")
        return ctx.result({}, confidence=0.9)

    with answering(
        claims=[claims(1), NOTHING], results=[Answer(lost=True), outcomes({"status": "completed"})]
    ) as server:
        work(http_agent_of(handler), server, lambda: len(server.bodies("results")) == 2)
        said = [result["cost_usd"] for body in server.bodies("results") for result in body["results"]]
        assert (said, server.bodies("heartbeat")) == (["0.500000"] * 2, [])


def test_over_http_a_stop_is_obeyed():
    stopped = threading.Event()

    async def handler(task, ctx):
        ctx.cost("0.20")
        try:
            await asyncio.Event().wait()
        finally:
            assert ctx.cancelled
            stopped.set()

    with answering(claims=[claims(1), NOTHING], heartbeat=[Answer(200, STOP)]) as server:
        work(http_agent_of(handler), server, stopped.is_set)
        assert server.bodies("results") == []


def test_over_http_a_refused_cost_is_an_error_of_the_handler():
    problem = Answer(422, {"code": "dry_run", "detail": "A dry run never spends."})
    seen, told = [], threading.Event()

    def handler(task, ctx):
        ctx.cost("0.20")
        for _ in range(1000):
            if ctx._inner._work.meter.refusal:
                break
            told.wait(0.01)
        try:
            ctx.cost("0.20")
        except ProblemError as error:
            seen.append(error.code)
            raise

    done = outcomes({"status": "failed"})
    with answering(claims=[claims(1), NOTHING], heartbeat=[problem, Answer(200, RENEWED)], results=[done]) as server:
        work(http_agent_of(handler), server, lambda: server.bodies("results"))
        ((result,),) = [body["results"] for body in server.bodies("results")]
    assert (seen, result["error"]["code"]) == (["dry_run"], "dry_run")
