"""A live feed whose viewer may not look any more is closed; one that is only watched goes on."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.testing import WebsocketCommunicator
from django.contrib.auth import get_user_model
from django.test import AsyncClient, override_settings

from chimera import housekeeping
from chimera.kernel import clock
from chimera.kernel.bridge import in_thread
from chimera.kernel.errors import Refused
from chimera.kernel.http import sockets
from chimera.kernel.http.sessions import SessionStore
from chimera.kernel.identity import Role
from swarm.actions import people, tenants
from swarm.models import AgentKey, Membership
from tests.cast import Stage
from tests.console.desk import Desk
from tests.live.test_socket import HERE, frames, logged_in, of, socket

ENDS: dict[str, tuple[int, Callable[[Stage, str], object]]] = {
    "the membership": (4403, lambda stage, cookie: _disable(stage)),
    "the sessions": (4401, lambda stage, cookie: _end_sessions(stage)),
    "the login": (4401, lambda stage, cookie: SessionStore(cookie).flush()),
    "the account": (
        4401,
        lambda stage, cookie: get_user_model().objects.filter(pk=stage.otto.id).update(is_active=False),
    ),
}


def _member(stage: Stage) -> Membership:
    found: Membership = Membership.objects.get(user_id=stage.otto.id)
    return found


def _disable(stage: Stage) -> None:
    with stage.bound():
        people.disable(member_id=_member(stage).pk, reason="left", by=stage.boss.actor)


def _end_sessions(stage: Stage) -> None:
    with stage.bound():
        people.end_sessions(member_id=_member(stage).pk, revoke_tokens=False, reason="x", by=stage.boss.actor)


async def watching(session: object, **how: str) -> WebsocketCommunicator:
    opened = socket(of(session), **how)
    assert await opened.connect(5) == (True, None)
    await frames(opened, until="live")
    return opened


async def closed(opened: WebsocketCommunicator) -> int:
    while (message := await opened.receive_output(5))["type"] != "websocket.close":
        pass
    return int(message["code"])


@pytest.mark.parametrize("what", sorted(ENDS))
def test_a_socket_ends_with_what_it_was_opened_with(acme: Stage, certified: None, what: str) -> None:
    code, end = ENDS[what]
    session, cookie = acme.session(), logged_in(acme.otto)

    async def main() -> None:
        opened = await watching(session, cookie=cookie, origin=HERE)
        await in_thread(lambda: end(acme, cookie))
        assert await closed(opened) == code

    with override_settings(VIEWER_ASKED_AGAIN_SECONDS=0.05):
        async_to_sync(main)()


def test_a_revoked_key_looks_on_no_longer(acme: Stage, certified: None) -> None:
    session = acme.session()

    def revoke() -> None:
        with acme.bound():
            AgentKey.objects.filter(agent_id=acme.ada.id).update(revoked_at=clock.now())

    async def main() -> None:
        opened = await watching(session, secret=acme.ada.secret)
        await in_thread(revoke)
        assert await closed(opened) == 4401

    with override_settings(VIEWER_ASKED_AGAIN_SECONDS=0.05):
        async_to_sync(main)()


def test_who_chooses_another_of_their_tenants_goes_on_watching_the_first(acme: Stage, zenith: Stage) -> None:
    with zenith.bound():
        tenants.add_member(user=get_user_model().objects.get(pk=acme.otto.id), roles={Role.OPERATOR})
    otto = Desk(acme.otto)
    otto.post("/admin/tenant/", tenant=str(zenith.tenant_id))
    scope = socket(of(acme.session()), cookie=otto.client.cookies["sessionid"].value, origin=HERE).scope
    sockets.check_again(scope, tenant_id=acme.tenant_id)
    assert sockets.principal_of_scope(scope).tenant_id == zenith.tenant_id  # the choice stands
    _disable(acme)
    with pytest.raises(Refused):
        sockets.check_again(scope, tenant_id=acme.tenant_id)


def test_an_event_stream_ends_with_what_it_was_opened_with(
    acme: Stage, certified: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frame is a moment to ask; with pings there are some in silence too."""
    session = acme.session()
    monkeypatch.setattr("chimera.kernel.stream.follow.PING_SECONDS", 0.02)

    async def main() -> None:
        headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {acme.otto.secret}"}
        answer: Any = await AsyncClient().get(f"/api/v1/sessions/{session['id']}/events", headers=headers)
        feed = aiter(answer)
        async with asyncio.timeout(10):
            while b"event: live" not in await anext(feed):
                pass
            await in_thread(lambda: _disable(acme))
            said = [chunk async for chunk in feed]
        assert {chunk.strip() for chunk in said} <= {b": ping"}

    with override_settings(VIEWER_ASKED_AGAIN_SECONDS=0.05):
        async_to_sync(main)()


def test_who_only_watches_for_hours_goes_on_watching(acme: Stage) -> None:
    """Idleness ends the session for requests alone; and its row is not swept before a day has passed."""
    session, cookie = acme.session(), logged_in(acme.otto)
    SessionStore.get_model_class().objects.update(expire_date=clock.now() - timedelta(hours=3))
    housekeeping.sweep_entrance(0)

    scope = socket(of(session), cookie=cookie, origin=HERE).scope
    sockets.check_again(scope, tenant_id=acme.tenant_id)
    assert SessionStore(cookie).load() == {}
    SessionStore.get_model_class().objects.update(expire_date=clock.now() - timedelta(days=2))
    housekeeping.sweep_entrance(0)
    assert not SessionStore.get_model_class().objects.exists()
