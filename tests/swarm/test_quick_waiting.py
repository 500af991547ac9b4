"""Claims that wait at the quick way: for work, for a slot of their own, and no longer than anybody is there."""

import asyncio
import time
from collections.abc import Callable

import pytest
from asgiref.testing import ApplicationCommunicator

from chimera.asgi import django_application
from chimera.kernel.http import waiting as waiting_room
from chimera.kernel.http.waiting import waiters
from swarm import dispatch
from swarm.models import AgentKey
from tests.cast import Stage
from tests.live.watching import run, until
from tests.swarm.at_wire import Wire, offer, result, scope_of


@pytest.fixture
def wire(db: None) -> Wire:
    return Wire(django_application)


def test_a_waiting_claim_gets_what_comes(acme: Stage, settle: Callable[[], None], wire: Wire) -> None:
    async def main() -> None:
        waits = asyncio.create_task(wire.call(acme.ada, "claims", {"wait_seconds": 20}))
        await until(lambda: _waiting() == 1)
        await asyncio.to_thread(offer, acme, 1, settle)
        assert len((await waits)["claims"]) == 1

    run(main)


@pytest.mark.parametrize("waits_at", ["quick", "doors"])
@pytest.mark.parametrize("hands_in", ["quick", "door", "many"])
def test_an_agent_whose_slots_were_all_taken_is_woken_by_its_own_result(
    acme: Stage, settle: Callable[[], None], wire: Wire, monkeypatch: pytest.MonkeyPatch, waits_at: str, hands_in: str
) -> None:
    monkeypatch.setattr(waiting_room, "FULL_SECONDS", 60.0)
    offer(acme, 9, settle)
    claims = acme.ada.claim(8)

    async def main() -> None:
        at = wire.quick if waits_at == "quick" else wire.doors
        waits = asyncio.create_task(wire.call(acme.ada, "claims", {"wait_seconds": 20}, at=at))
        await until(lambda: _full(acme))
        path, said = result(claims[0])
        if hands_in == "many":
            path, said = "claims/results", {"results": [said | {"task": claims[0]["task"]["id"]}]}
        began = time.monotonic()
        await wire.call(acme.ada, path, said, at=wire.quick if hands_in == "quick" else wire.doors)
        assert len((await waits).ok()["claims"]) == 1
        assert time.monotonic() - began < 10

    run(main)


def test_an_agent_whose_slots_come_free_without_a_word_looks_again_all_the_same(
    acme: Stage, settle: Callable[[], None], wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting_room, "FULL_SECONDS", 0.5)
    monkeypatch.setattr(dispatch, "call_freed", lambda *_: None)
    offer(acme, 9, settle)
    claims = acme.ada.claim(8)

    async def main() -> None:
        waits = asyncio.create_task(wire.call(acme.ada, "claims", {"wait_seconds": 20}))
        await until(lambda: _full(acme))
        began = time.monotonic()
        await wire.call(acme.ada, *result(claims[0]))
        assert len((await waits).ok()["claims"]) == 1
        assert time.monotonic() - began < 10

    run(main)


def test_a_client_who_leaves_waits_no_longer_and_gets_no_task(
    acme: Stage, settle: Callable[[], None], wire: Wire
) -> None:
    async def main() -> None:
        body = b'{"wait_seconds": 20}'
        client = ApplicationCommunicator(wire.quick, scope_of("/api/v1/claims", acme.ada.secret, body))
        await client.send_input({"type": "http.request", "body": body, "more_body": False})
        await until(lambda: _waiting() == 1)
        await client.send_input({"type": "http.disconnect"})
        await client.wait(20)
        assert (_waiting(), wire.left) == (0, [])
        await asyncio.to_thread(offer, acme, 1, settle)
        assert len((await wire.call(acme.bob, "claims", {}))["claims"]) == 1

    run(main)


def test_a_waiting_agent_whose_key_is_revoked_is_shown_out(acme: Stage, wire: Wire) -> None:
    async def main() -> None:
        waits = asyncio.create_task(wire.call(acme.ada, "claims", {"wait_seconds": 20}))
        await until(lambda: _waiting() == 1)
        await asyncio.to_thread(_revoke, acme)
        (await waits).refused(401, "unauthenticated")

    run(main)


def _waiting() -> int:
    return sum(len(line) for line in waiters()._lines.values())


def _full(acme: Stage) -> bool:
    """Ada waits for one of her slots: she has looked."""
    called = waiters()._calls.get(dispatch.slots_of(acme.tenant_id, acme.ada.id), ())
    return any(event._waiters for event in called)  # type: ignore[attr-defined]


def _revoke(acme: Stage) -> None:
    with acme.bound():
        AgentKey.objects.filter(agent__name="ada").update(revoked_at="2026-01-01T00:00:00Z")
