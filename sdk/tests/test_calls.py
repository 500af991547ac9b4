"""Calls against a real HTTP server that misbehaves in order."""

import asyncio
import time
import traceback
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from answering import Answer, answering
from chimera_sdk import AsyncClient, Away, BudgetExceeded, ChimeraError, Client, ProblemError, StaleLease

BUSY, LOST = Answer(503, {"code": "busy", "detail": "Try again."}), Answer(lost=True)


@pytest.mark.parametrize("trouble", [BUSY, Answer(429), LOST, Answer(502), Answer(504)])
def test_a_post_is_repeated_under_the_same_key_until_it_is_answered(trouble):
    with answering(trouble, trouble, Answer(201, {"id": "m1"})) as server, Client(server.url, "chm_x") as client:
        assert client.post("memories", {"content": "c"}) == {"id": "m1"}
        assert len(server.asked) == 3
        assert len({asked.key for asked in server.asked}) == 1
        assert server.asked[0].key


def test_the_async_client_repeats_alike():
    async def run(url: str) -> None:
        async with AsyncClient(url, "chm_x") as client:
            assert await client.post("memories", {}) == {"id": "m1"}

    with answering(BUSY, LOST, Answer(201, {"id": "m1"})) as server:
        asyncio.run(run(server.url))
        assert len({asked.key for asked in server.asked}) == 1


def test_a_key_of_ones_own_names_the_call():
    with answering(Answer(201)) as server, Client(server.url, "chm_x") as client:
        client.post("tasks", {}, once="plan-7")
        assert server.asked[0].key == "plan-7"


def test_two_calls_have_two_keys():
    with answering(Answer(201)) as server, Client(server.url, "chm_x") as client:
        client.post("tasks")
        client.post("tasks")
        assert server.asked[0].key != server.asked[1].key


def test_a_patch_whose_answer_was_lost_is_not_repeated():
    with answering(LOST) as server, Client(server.url, "chm_x") as client:
        with pytest.raises(Away, match="nobody knows whether it was done"):
            client.patch("sessions/s1", {"name": "n"})
        assert len(server.asked) == 1


def test_a_patch_that_was_not_done_is_repeated():
    with answering(BUSY, Answer(200, {"id": "s1"})) as server, Client(server.url, "chm_x") as client:
        assert client.patch("sessions/s1", {"name": "n"}) == {"id": "s1"}


def test_retry_after_is_honoured():
    waits = Answer(503, {}, {"Retry-After": "1"})
    with answering(waits, Answer()) as server, Client(server.url, "chm_x") as client:
        began = time.monotonic()
        client.get("tasks")
        assert time.monotonic() - began >= 1


def test_a_pause_longer_than_the_patience_is_not_begun():
    waits = Answer(429, {}, {"Retry-After": "3600"})
    with answering(waits) as server, Client(server.url, "chm_x", patience_seconds=5) as client:
        began = time.monotonic()
        with pytest.raises(Away, match="HTTP 429"):
            client.get("tasks")
        assert time.monotonic() - began < 2


def test_a_server_that_stays_away_is_given_up():
    with answering(Answer()) as server:
        url = server.url
    with Client(url, "chm_x", patience_seconds=0.2) as client, pytest.raises(Away, match="ConnectError"):
        client.post("tasks")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (402, "over_day_limit", BudgetExceeded), (409, "stale_lease", StaleLease), (409, "conflict", ProblemError),
        (422, "invalid", ProblemError), (500, "internal", ProblemError),
    ],
)  # fmt: skip
def test_a_refusal_is_not_repeated_and_keeps_its_words(status, code, kind):
    said = {"code": code, "detail": "No.", "errors": [{"field": "f"}], "trace_id": "t", "remaining_usd": "0.01"}
    with answering(Answer(status, said)) as server, Client(server.url, "chm_x") as client:
        with pytest.raises(kind) as refused:
            client.post("transactions")
        problem = refused.value
        assert type(problem) is kind
        assert (problem.status, problem.code, problem.detail) == (status, code, "No.")
        assert (problem.errors, problem.trace_id) == ([{"field": "f"}], "t")
        assert len(server.asked) == 1
        if kind is BudgetExceeded:
            assert (problem.remaining_usd, problem.resets_at) == ("0.01", None)


def test_pages_are_read_to_the_end():
    pages = [Answer(200, {"results": [1, 2], "next": "c"}), Answer(200, {"results": [3], "next": None})]
    with answering(*pages) as server, Client(server.url, "chm_x") as client:
        assert list(client.tasks.list(session="s1", status=None)) == [1, 2, 3]
        assert [a.path for a in server.asked] == [
            "/api/v1/tasks?limit=100&session=s1", "/api/v1/tasks?limit=100&session=s1&cursor=c",
        ]  # fmt: skip


def test_events_end_at_the_present():
    pages = [
        Answer(200, {"results": [1], "next": "5-1", "live": False}), Answer(200, {"results": [2], "next": "6-1", "live": True}),
    ]  # fmt: skip
    with answering(*pages) as server, Client(server.url, "chm_x") as client:
        assert list(client.sessions.events("s1", after="4-1")) == [1, 2]
        assert [a.path.split("?")[1] for a in server.asked] == ["after=4-1&limit=100", "after=5-1&limit=100"]


@pytest.mark.parametrize(("url", "key"), [("", "chm_x"), ("ftp://there", "chm_x"), ("http://there", "")])
def test_a_missing_address_or_key_is_said_at_once(url, key, monkeypatch):
    monkeypatch.delenv("CHIMERA_URL", raising=False)
    monkeypatch.delenv("CHIMERA_KEY", raising=False)
    with pytest.raises(ChimeraError, match=r"Set CHIMERA_(URL|KEY)"):
        Client(url, key)


@pytest.mark.parametrize(
    "url", ["http://", "http://:80", "http://there:port", "http://[there", "there:8000", "https:///x"]
)
def test_an_address_that_leads_nowhere_is_said_at_once(url):
    with pytest.raises(ChimeraError, match="Set CHIMERA_URL"):
        Client(url, "chm_x")


@pytest.mark.parametrize("key", ["secret", "chm_", "chm_é", "chm_a\nb", "chm_a b", "chm_" + "x" * 200, "Bearer chm_x"])
def test_what_cannot_be_a_key_is_refused_at_once_and_not_shown(key):
    with pytest.raises(ChimeraError, match="CHIMERA_KEY") as refused:
        Client("http://there", key)
    said = "".join(traceback.format_exception(refused.value))
    assert key.removeprefix("chm_") not in said or key == "chm_"


def test_what_comes_along_with_a_key_from_a_file_is_left_out(monkeypatch):
    monkeypatch.setenv("CHIMERA_KEY", " chm_x\r\n")
    monkeypatch.setenv("CHIMERA_URL", "http://there\n")
    access = Client().access
    assert (access.url, access.key) == ("http://there", "chm_x")


def test_times_ids_and_decimals_are_said_as_the_api_has_them():
    at, id = datetime(2026, 11, 21, 10, tzinfo=UTC), UUID(int=7)
    with answering(Answer(201, {"results": []})) as server, Client(server.url, "chm_x") as client:
        client.tasks.create(session=id, type="t", input={"price": Decimal("0.10")}, not_before=at)
        assert server.asked[0].body == {
            "session": str(id), "type": "t", "input_payload": {"price": "0.10"}, "not_before": "2026-11-21T10:00:00+00:00",
        }  # fmt: skip
        list(client.tasks.list(session=id, created_after=at))
        assert server.asked[1].path.endswith(f"session={id}&created_after=2026-11-21T10%3A00%3A00%2B00%3A00")
        client.tasks.get(id)
        assert server.asked[2].path == f"/api/v1/tasks/{id}"


@pytest.mark.parametrize(
    ("id", "path"),
    [("../sessions", "tasks/..%2Fsessions"), ("a?b=c#d", "tasks/a%3Fb%3Dc%23d"), ("%2e%2e", "tasks/%252e%252e")],
)
def test_an_id_does_not_lead_elsewhere(id, path):
    with answering(Answer()) as server, Client(server.url, "chm_x") as client:
        client.tasks.get(id)
        client.tasks.cancel(id)
        assert [asked.path for asked in server.asked] == [f"/api/v1/{path}", f"/api/v1/{path}/cancel"]


@pytest.mark.parametrize("id", [None, "", " ", ".", "..", 7, {"id": "t"}])
def test_what_is_no_id_is_refused_before_it_is_sent(id):
    with answering(Answer()) as server, Client(server.url, "chm_x") as client:
        calls = (
            client.tasks.get,
            client.tasks.cancel,
            client.sessions.events,
            client.budgets.usage,
            client.sessions.change,
        )
        for call in calls:
            with pytest.raises(ChimeraError, match="is no id"):
                call(id)
        assert server.asked == []


def test_a_key_goes_to_no_other_server():
    with answering(Answer()) as other, Client("http://127.0.0.1:9", "chm_x") as client:
        with pytest.raises(ChimeraError, match="this server alone"):
            client.get(f"{other.url}/tasks")
        assert other.asked == []


def test_the_key_is_not_shown(monkeypatch):
    monkeypatch.setenv("CHIMERA_URL", "https://there.example/house/")
    monkeypatch.setenv("CHIMERA_KEY", "chm_secret")
    access = Client().access
    assert "chm_secret" not in repr(access)
    assert access.socket == "wss://there.example/house/ws/agents/"
