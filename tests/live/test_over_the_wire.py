"""The real web process, over real connections: codes as clients see them, frames, server-sent events, static files."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.cast import Stage
from tests.processes.harness import House

pytestmark = pytest.mark.slow


@pytest.fixture
def house(acme: Stage, tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, [])
    made.start("web", "relay")
    try:
        yield made
    finally:
        made.stop()


def opened(house: House, session: dict[str, Any], secret: str, query: str = "") -> ClientConnection:
    url = f"ws://127.0.0.1:{house.port}/ws/sessions/{session['id']}/{query}"
    return connect(url, additional_headers={"Authorization": f"Bearer {secret}"} if secret else {})


def frames(socket: ClientConnection, until: str) -> list[dict[str, Any]]:
    seen: list[dict[str, Any]] = []
    while not seen or until not in (seen[-1]["kind"], seen[-1].get("type")):
        seen.append(json.loads(socket.recv(timeout=10)))
    return seen


def closed_with(house: House, session: dict[str, Any], secret: str, query: str = "") -> int:
    with opened(house, session, secret, query) as socket, pytest.raises(ConnectionClosed) as closing:
        socket.recv(timeout=10)
    assert closing.value.rcvd
    return closing.value.rcvd.code


def test_codes_frames_feeds_and_files_reach_a_real_client(acme: Stage, zenith: Stage, house: House) -> None:
    session = acme.session()
    acme.task(session)
    strangers = zenith.session()

    # refusals are codes that a client can read
    assert closed_with(house, session, "") == 4401
    assert closed_with(house, strangers, acme.ada.secret) == 4404
    assert closed_with(house, session, acme.ada.secret, "?after=yesterday") == 4422
    assert closed_with(house, session, acme.ada.secret, "?after=999999999-1") == 4422

    # history, live, and what the relay process pushes
    with opened(house, session, acme.ada.secret) as socket:
        seen = frames(socket, until="live")
        seen += frames(socket, until="swarm.task.queued.v1") if seen[-2]["type"] != "swarm.task.queued.v1" else []
        acme.otto.post(f"sessions/{session['id']}/pause", {"reason": "lunch"}).ok()
        seen += frames(socket, until="swarm.session.paused.v1")
    positions = [frame["position"] for frame in seen if frame["kind"] == "event"]
    whole = house.get(f"/api/v1/sessions/{session['id']}/events", acme.ada.secret)
    assert positions == [event["position"] for event in whole["results"]]

    # garbage is dropped, and too much of it is shown out with a code
    with opened(house, session, acme.ada.secret, f"?after={positions[-1]}") as socket:
        assert frames(socket, until="live")[-1]["position"] == positions[-1]
        socket.send("no JSON {")
        socket.send(b"\xff\x00")
        socket.send("x" * 300_000)
        with pytest.raises(ConnectionClosed) as closing:
            socket.recv(timeout=10)
    assert closing.value.rcvd
    assert closing.value.rcvd.code == 1009  # before it was read to its end (kernel.http.wire)

    # the same as server-sent events, which begin at once and end when the reader goes
    headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {acme.ada.secret}"}
    feed = f"{house.url}/api/v1/sessions/{session['id']}/events?after={positions[-2]}"
    with httpx.stream("GET", feed, headers=headers, timeout=10) as answer:
        lines = answer.iter_lines()
        assert next(lines) == f"id: {positions[-1]}"
        assert json.loads(next(lines).removeprefix("data: "))["type"] == "swarm.session.paused.v1"

    # static files, with their types and without Django
    script = httpx.get(f"{house.url}/static/chimera/feed.js")
    assert script.status_code == 200
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.headers["x-content-type-options"] == "nosniff"
    assert httpx.get(f"{house.url}/static/../chimera/settings.py").status_code == 404
    assert httpx.get(f"{house.url}/static/%2e%2e/settings.py").status_code == 404
    assert httpx.get(f"{house.url}/static/admin/css/base.css").status_code == 200
