"""The writer's memory check."""

from examples.agents.writer import recall
from tests.examples.server import serving
from tests.examples.working import in_hand


def test_the_writer_shows_its_lease_when_it_recalls():
    with serving(lambda path, body: (200, {"results": []})) as server, in_hand(server.url) as (_, ctx):
        assert recall(ctx, "the ferry") == []
    (asked,) = server.bodies("/api/v1/memories/search")
    assert (asked["task"], asked["lease_token"], asked["session"]) == ("t1", "l1", "s1")
