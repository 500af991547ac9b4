"""The agents' socket under daphne, with a client over TCP: how connections end, and that flooding loses nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from swarm.models import Task
from tests.cast import Stage
from tests.processes.harness import House

pytestmark = pytest.mark.slow
SECONDS = 30
FLOOD = 3000  # far more than may be unanswered


@pytest.fixture
def house(acme: Stage, tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, [])
    made.start("web", "relay")
    try:
        yield made
    finally:
        made.stop()


def come_in(house: House, secret: str) -> ClientConnection:
    url = house.url.replace("http", "ws") + "/ws/agents/"
    return connect(url, additional_headers={"Authorization": f"Bearer {secret}"}, compression=None, max_size=2**24)


def items(socket: ClientConnection) -> Iterator[dict[str, Any]]:
    while True:
        said = json.loads(socket.recv(timeout=SECONDS))
        yield from said if isinstance(said, list) else [said]


def ended(socket: ClientConnection) -> int:
    """The code that the server closes with."""
    with pytest.raises(ConnectionClosed) as closed:
        list(items(socket))
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


def test_each_end_of_a_connection_has_its_code_and_a_stopped_server_keeps_the_leases(acme: Stage, house: House) -> None:
    task = acme.task(acme.session())
    with come_in(house, "chm_nobody") as stranger, come_in(house, acme.otto.secret) as person:
        assert (ended(stranger), ended(person)) == (4401, 4403)
    with come_in(house, acme.bob.secret) as bob:
        bob.send("x" * 262_145)
        assert ended(bob) == 1009
    with come_in(house, acme.bob.secret) as bob:
        bob.send(b"{}")
        assert ended(bob) == 1003
    with come_in(house, acme.ada.secret) as ada:
        ada.send(json.dumps({"kind": "ready", "slots": 1}))
        assert next(item for item in items(ada) if item["kind"] == "task")["task"]["id"] == task["id"]
        house.kill("relay")  # which would take the lease back, where stopping takes longer than it lasts
        house.stop("web")
        assert ended(ada) == 1001
    with acme.bound():
        assert Task.objects.get(pk=task["id"]).status == "running"


def test_whoever_says_much_more_than_it_hears_is_answered_all_of_it(acme: Stage, house: House) -> None:
    with come_in(house, acme.ada.secret) as ada:
        for ref in range(FLOOD):
            ada.send(json.dumps({"kind": "heartbeat", "ref": ref, "leases": []}))
        answered = set()
        for item in items(ada):
            if item["kind"] == "ack":
                answered.add(item["ref"])
            if len(answered) == FLOOD:
                break
    assert answered == set(range(FLOOD))
