"""Being refused at the socket's door."""

import asyncio

import pytest

from answering import Answer, answering
from chimera_sdk import ProblemError
from chimera_sdk.lines import NoSocket
from speaking import Endless, Peer, agent_of, answer, claim, converse, speaking


@pytest.mark.parametrize(("code", "status"), [(4401, 401), (4403, 403)])
def test_a_key_that_is_no_good_ends_the_agent(code, status):
    async def script(peer: Peer) -> None:
        await peer.socket.close(code)

    async def run() -> None:
        async with speaking(script) as server:
            await agent_of(answer, url=server.url, key="chm_x").serve()

    with pytest.raises(ProblemError) as refused:
        asyncio.run(run())
    assert refused.value.status == status


def test_a_key_that_ends_while_a_handler_runs_cancels_it():
    slow = Endless()

    async def script(peer: Peer) -> None:
        await peer.hello()
        await peer.say(claim(1))
        await slow.begun.wait()
        await peer.socket.close(4401)

    async def run() -> None:
        async with speaking(script) as server:
            with pytest.raises(ProblemError):
                await agent_of(slow, url=server.url, key="chm_x").serve()
            await slow.is_cancelled()

    asyncio.run(run())


def test_an_agent_that_is_suspended_drops_its_work_and_asks_again():
    slow = Endless()

    async def first(peer: Peer) -> None:
        await peer.hello()
        await peer.say(claim(1))
        await slow.begun.wait()
        await peer.socket.close(4403)

    async def second(peer: Peer) -> None:
        assert slow.cancelled.is_set()
        await peer.socket.close(4403)

    async def third(peer: Peer) -> None:
        await peer.hello()

    assert converse(agent_of(slow), first, second, third).connections == 3


def test_a_handshake_that_is_forbidden_ends_the_agent():
    async def run() -> None:
        async with speaking(refuse=403) as server:
            await agent_of(answer, url=server.url, key="chm_x").serve()

    with pytest.raises(ProblemError) as refused:
        asyncio.run(run())
    assert (refused.value.status, refused.value.code) == (403, "refused")


@pytest.mark.parametrize("status", [400, 404, 426])
def test_whoever_insists_on_the_socket_is_told_that_there_is_none(status):
    async def run() -> None:
        async with speaking(refuse=status) as server:
            await agent_of(answer, url=server.url, key="chm_x", transport="socket").serve()

    with pytest.raises(NoSocket, match=str(status)):
        asyncio.run(run())


@pytest.mark.parametrize("status", [502, 503, 504])
@pytest.mark.parametrize("transport", ["socket", "auto"])
def test_a_proxy_whose_server_is_away_is_asked_again(status, transport):
    async def script(peer: Peer) -> None:
        await peer.hello()

    async def run() -> None:
        async with speaking(script, refuse=status) as server:
            agent = agent_of(answer, url=server.url, key="chm_x", transport=transport)
            working = asyncio.create_task(agent.serve())
            async with asyncio.timeout(20):
                while len(server.headers) < 2:  # noqa: ASYNC110 (the server has no event for it)
                    await asyncio.sleep(0.01)
                server.refuse = 0
                await server.done.wait()
                assert server.failed is None
                agent.stop()
                await working

    asyncio.run(run())


def test_an_answer_of_an_older_http_is_no_socket_either():
    async def run(url: str) -> None:
        await agent_of(answer, url=url, key="chm_x", transport="socket").serve()

    with answering(Answer(404)) as server, pytest.raises(NoSocket, match=r"HTTP/1\.1"):
        asyncio.run(run(server.url))
