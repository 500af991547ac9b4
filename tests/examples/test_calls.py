"""The command's calls against a real HTTP server that misbehaves in order."""

import pytest

from chimera.campaign.calls import CallFailed, Calls
from tests.examples.server import answering


def test_the_command_says_what_to_do_when_nobody_answers():
    with answering((200, {})) as server:
        pass
    with pytest.raises(CallFailed, match="is `make up` running"):
        Calls(server.url, "chp_x", patience_seconds=0.3).get("tasks")


def test_the_command_repeats_the_sentence_of_a_refusal():
    with answering((403, {"detail": "This call is for: finance."})) as server:
        with pytest.raises(CallFailed, match="This call is for: finance"):
            Calls(server.url, "chp_x").post("budgets", scope="tenant")


def test_the_command_reads_every_page():
    with answering((200, {"results": [1, 2], "next": "c"}), (200, {"results": [3], "next": None})) as server:
        assert list(Calls(server.url, "chp_x").rows("tasks")) == [1, 2, 3]
