"""The writer's memory check."""

from examples.agents.connection import Chimera
from examples.agents.lease import Lease
from examples.agents.writer import recall
from tests.examples.server import serving

CLAIM = {"task": {"id": "t1", "type": "write", "session": "s1"}, "lease_token": "l1", "attempt": 1}


def test_the_writer_shows_its_lease_when_it_recalls():
    with serving(lambda path, body: (200, {"results": []})) as server:
        assert recall(Lease.of(CLAIM), Chimera(server.url, "chm_x"), "the ferry") == []
    (asked,) = server.bodies("/api/v1/memories/search")
    assert (asked["task"], asked["lease_token"], asked["session"]) == ("t1", "l1", "s1")
