"""The agents' and the command's calls against a real HTTP server that misbehaves in order."""

import pytest

from chimera.campaign.calls import CallFailed, Calls
from examples.agents.connection import Away, Chimera, LeaseLost, Refused
from tests.examples.server import answering


def test_a_busy_server_is_asked_again_with_the_same_idempotency_key():
    with answering((503, {}), (429, {}), (201, {"id": "m1"})) as server:
        answer = Chimera(server.url, "chm_x").post("memories", {"content": "c"})
        assert answer.body == {"id": "m1"}
        assert len(server.seen) == 3
        assert len({key for _, key, _ in server.seen}) == 1


def test_a_claim_carries_no_idempotency_key():
    with answering((200, {"claims": []})) as server:
        assert Chimera(server.url, "chm_x").claim(most=2, wait_seconds=0, types=["draft"]) == []
        assert server.seen == [("/api/v1/claims", None, {"max": 2, "wait_seconds": 0, "types": ["draft"]})]


def test_a_refusal_is_not_repeated_and_keeps_its_code():
    with answering((422, {"code": "invalid", "detail": "No."})) as server:
        with pytest.raises(Refused) as refused:
            Chimera(server.url, "chm_x").post("tasks", {})
        assert (refused.value.code, refused.value.detail, len(server.seen)) == ("invalid", "No.", 1)


def test_a_refusal_for_money_is_an_answer_where_it_is_expected():
    with answering((402, {"code": "over_day_limit", "remaining_usd": "0.01"})) as server:
        answer = Chimera(server.url, "chm_x").post("transactions", {}, also=frozenset({402}))
        assert (answer.status, answer.body["remaining_usd"]) == (402, "0.01")


def test_a_stale_lease_is_told_from_other_conflicts():
    with answering((409, {"code": "stale_lease"}), (409, {"code": "conflict"})) as server:
        api = Chimera(server.url, "chm_x")
        with pytest.raises(LeaseLost):
            api.post("tasks/1/result", {})
        with pytest.raises(Refused):
            api.post("tasks/1/result", {})


def test_a_server_that_stays_away_is_given_up_after_the_patience():
    with answering((503, {})) as server:
        with pytest.raises(Away):
            Chimera(server.url, "chm_x", patience_seconds=0.3).post("memories", {})
    with pytest.raises(Away):  # nobody listens there any more
        Chimera(server.url, "chm_x", patience_seconds=0.3).post("memories", {})


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
