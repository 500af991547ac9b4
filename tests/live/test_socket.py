"""The session's socket: who may come in, what is shown, and with which code one is shown out."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any
from uuid import uuid4

import pytest
from channels.testing import WebsocketCommunicator
from django.contrib.auth import get_user_model
from django.test import Client

from chimera.asgi import application
from chimera.kernel import redis
from chimera.kernel.bridge import in_thread
from chimera.kernel.errors import Refused
from chimera.kernel.http import sockets
from chimera.kernel.stream.hub import hub
from tests.cast import Caller, Stage
from tests.kernel.log import running
from tests.live.watching import run, until

HERE = "http://127.0.0.1:8000"


def socket(
    path: str, *, secret: str = "", cookie: str = "", origin: str = "", host: str = "127.0.0.1:8000"
) -> WebsocketCommunicator:
    headers = [(b"host", host.encode())]
    if secret:
        headers.append((b"authorization", f"Bearer {secret}".encode()))
    if cookie:
        headers.append((b"cookie", f"sessionid={cookie}".encode()))
    if origin:
        headers.append((b"origin", origin.encode()))
    return WebsocketCommunicator(application, path, headers=headers)


def of(session: Any, query: str = "") -> str:
    return f"/ws/sessions/{session['id']}/{query}"


async def frames(opened: WebsocketCommunicator, *, until: str) -> list[dict[str, Any]]:
    """Everything up to the first frame of this kind or type."""
    seen: list[dict[str, Any]] = []
    while not seen or until not in (seen[-1]["kind"], seen[-1].get("type")):
        seen.append(json.loads(await opened.receive_from(5)))
    return seen


async def closed_with(refused: WebsocketCommunicator) -> int:
    connected, _ = await refused.connect(5)
    assert connected
    message = await refused.receive_output(5)
    assert message["type"] == "websocket.close"
    return int(message["code"])


def logged_in(caller: Caller) -> str:
    browser = Client()
    browser.force_login(get_user_model().objects.get(username=caller.name))
    return browser.cookies["sessionid"].value


def test_an_agent_sees_history_then_live_and_then_what_comes(acme: Stage, settle: Callable[[], None]) -> None:
    session = acme.session()
    acme.task(session)
    settle()

    async def main() -> None:
        opened = socket(of(session), secret=acme.ada.secret)
        assert await opened.connect(5) == (True, None)
        seen = await frames(opened, until="live")
        assert [frame.get("type", frame["kind"]) for frame in seen][:2] == [
            "swarm.session.created.v1",
            "swarm.session.started.v1",
        ]
        await in_thread(acme.otto.post, f"sessions/{session['id']}/pause", {"reason": "lunch"})
        seen += await frames(opened, until="swarm.session.paused.v1")
        assert seen[-1]["payload"]["reason"] == "lunch"
        events = [frame["position"] for frame in seen if frame["kind"] == "event"]
        pages = (await in_thread(acme.ada.get, f"sessions/{session['id']}/events")).ok()["results"]
        assert events == [event["position"] for event in pages]
        await opened.disconnect()

        again = socket(of(session, f"?after={events[-2]}"), secret=acme.ada.secret)
        await again.connect(5)
        assert [f["kind"] for f in await frames(again, until="live")] == ["event", "live"]
        await again.disconnect()

    with running("redis"):
        run(main)


def test_nobody_comes_in_without_an_identity(acme: Stage) -> None:
    session = acme.session()

    async def main() -> None:
        assert await closed_with(socket(of(session))) == 4401
        assert await closed_with(socket(of(session), secret="chm_unknown_" + "x" * 40)) == 4401
        assert await closed_with(socket(of(session), cookie="made-up", origin=HERE)) == 4401

    run(main)


def test_other_tenants_sessions_do_not_exist(acme: Stage, zenith: Stage) -> None:
    session = acme.session()

    async def main() -> None:
        assert await closed_with(socket(of(session), secret=zenith.ada.secret)) == 4404
        assert await closed_with(socket(of({"id": uuid4()}), secret=acme.ada.secret)) == 4404
        assert await closed_with(socket("/ws/elsewhere/", secret=acme.ada.secret)) == 4404

    run(main)


@pytest.mark.parametrize("after", ["yesterday", "1", "1-2-3", "%00", "-1--1", "999999999-1"])
def test_an_invalid_cursor_is_refused(acme: Stage, after: str) -> None:
    session = acme.session()

    async def main() -> None:
        assert await closed_with(socket(of(session, f"?after={after}"), secret=acme.ada.secret)) == 4422

    run(main)


def test_a_page_of_ours_comes_in_with_its_cookie_and_no_other_page_does(acme: Stage) -> None:
    session, cookie = acme.session(), logged_in(acme.otto)

    async def main() -> None:
        opened = socket(of(session), cookie=cookie, origin=HERE)
        assert await opened.connect(5) == (True, None)
        assert (await frames(opened, until="live"))[0]["type"] == "swarm.session.created.v1"
        await opened.disconnect()
        for origin in ("", "null", "https://evil.example", "http://127.0.0.1:9999", "https://127.0.0.1:8000"):
            assert await closed_with(socket(of(session), cookie=cookie, origin=origin)) == 4403, origin
        rebound = socket(of(session), cookie=cookie, origin="http://evil.example", host="evil.example")
        assert await closed_with(rebound) == 4403

    run(main)


def test_where_a_proxy_ends_tls_a_page_that_came_without_it_is_not_ours(acme: Stage, settings: Any) -> None:
    settings.TLS, settings.CSRF_TRUSTED_ORIGINS = True, [HERE.replace("http", "https")]
    cookie = logged_in(acme.otto)
    for origin, ours in ((HERE, False), (HERE.replace("http", "https"), True)):
        scope = socket("/ws/sessions/x/", cookie=cookie, origin=origin).scope
        with nullcontext() if ours else pytest.raises(Refused, match="a page of this site"):
            sockets.principal_of_scope(scope)


def test_what_comes_without_tls_is_refused_where_tls_is_asked_for(acme: Stage, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    scope = dict(socket("/ws/sessions/x/", secret=acme.otto.secret).scope)
    with pytest.raises(Refused, match="wss://") as refused:
        sockets.principal_of_scope(scope)
    assert (refused.value.status, refused.value.code) == (403, "insecure")

    assert sockets.principal_of_scope(scope | {"scheme": "wss"}).name == acme.otto.name

    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    proxied = scope | {"headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
    assert sockets.principal_of_scope(proxied).name == acme.otto.name


def test_a_bearer_needs_no_origin_and_is_asked_for_none(acme: Stage) -> None:
    session = acme.session()

    async def main() -> None:
        opened = socket(of(session), secret=acme.otto.secret, origin="https://elsewhere.example")
        assert await opened.connect(5) == (True, None)
        await frames(opened, until="live")
        await opened.disconnect()

    run(main)


def test_a_person_of_another_tenant_is_shown_out(acme: Stage, zenith: Stage) -> None:
    session, cookie = acme.session(), logged_in(zenith.otto)

    async def main() -> None:
        assert await closed_with(socket(of(session), cookie=cookie, origin=HERE)) == 4404

    run(main)


def test_what_viewers_say_is_dropped_and_bounded(acme: Stage, settings: Any) -> None:
    settings.FRAME_BYTES_MAX = 100
    session = acme.session()

    async def main() -> None:
        opened = socket(of(session), secret=acme.ada.secret)
        await opened.connect(5)
        await frames(opened, until="live")
        for garbage in ("hello?", "{", "\x00", "é" * 50):
            await opened.send_to(text_data=garbage)
        await opened.send_to(bytes_data=b"\xff" * 100)
        assert await opened.receive_nothing(0.1)
        await opened.send_to(text_data="é" * 51)
        message = await opened.receive_output(5)
        assert (message["type"], message["code"]) == ("websocket.close", 4413)
        assert message["reason"].startswith("This frame is too large")
        await until(lambda: not hub()._viewers)

    run(main)


def test_a_viewer_that_leaves_leaves_nothing_behind(acme: Stage) -> None:
    session = acme.session()

    async def main() -> None:
        opened = socket(of(session), secret=acme.ada.secret)
        await opened.connect(5)
        await frames(opened, until="live")
        assert len(hub()._viewers) == 1
        await opened.disconnect()
        await until(lambda: not hub()._viewers and hub()._reader is None)

    run(main)
    assert redis.client().ping()
