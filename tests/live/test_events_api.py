"""GET /sessions/{id}/events: pages for scripts, server-sent events for who stays."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connections
from django.test import AsyncClient

from chimera.kernel import eventlog, tenancy
from chimera.kernel.bridge import in_thread
from tests.cast import Caller, Stage
from tests.kernel.log import Writer, running
from tests.live.watching import run


@pytest.fixture
def session(acme: Stage) -> dict[str, Any]:
    made = acme.session()
    for _ in range(4):
        acme.task(made)
    return made


def path(session: Any) -> str:
    return f"sessions/{session['id']}/events"


def test_pages_continue_where_the_last_one_ended(acme: Stage, session: dict[str, Any]) -> None:
    whole = acme.ada.get(path(session)).ok()
    assert whole["live"] is True
    assert whole["gap"] is None
    positions = [event["position"] for event in whole["results"]]
    assert len(positions) == len(set(positions)) == 6
    assert whole["next"] == positions[-1]
    seen, after = [], None
    for expected_live in (False, False, True):
        page = acme.ada.get(path(session), limit=2, **({"after": after} if after else {})).ok()
        seen += [event["position"] for event in page["results"]]
        after = page["next"]
        assert page["live"] is expected_live
    assert seen == positions
    nothing_new = acme.ada.get(path(session), after=after).ok()
    assert (nothing_new["results"], nothing_new["next"], nothing_new["live"]) == ([], after, True)


def test_an_event_has_the_shape_of_the_contract(acme: Stage, session: dict[str, Any]) -> None:
    event = acme.ada.get(path(session)).ok()["results"][2]
    assert set(event) == {"position", "type", "at", "actor", "trace_id", "session", "task", "payload"}
    assert event["type"] == "swarm.task.created.v1"
    assert event["session"] == session["id"]
    assert event["task"] == event["payload"]["aggregate_id"]


def test_a_session_without_events_after_the_cursor_keeps_the_cursor(acme: Stage, session: dict[str, Any]) -> None:
    last = acme.ada.get(path(session)).ok()["next"]
    acme.session()
    again = acme.ada.get(path(session), after=last).ok()
    assert (again["results"], again["next"], again["live"]) == ([], last, True)


@pytest.mark.parametrize("after", ["999999999-1", "999999999999-0", "9223372036854775807-0"])
def test_a_cursor_ahead_of_the_log_is_refused(acme: Stage, session: dict[str, Any], after: str) -> None:
    problem = acme.ada.get(path(session), after=after).refused(422, "invalid_cursor")
    assert problem["detail"] == "This position lies ahead of the log; begin again without it."


def test_a_cursor_ahead_of_what_is_settled_is_none_ahead_of_the_log(acme: Stage, session: dict[str, Any]) -> None:
    """A slow writer holds the settled facts back; what a reader was given before, or gets after, stays a cursor."""
    with Writer() as slow:
        slow.note("began first")
        acme.task(session)
        with tenancy.system():
            newest = eventlog.Event.objects.order_by("xid", "seq").last()
        assert newest
        after = f"{newest.xid}-{newest.seq}"
        held_back = acme.ada.get(path(session), after=after).ok()
        assert (held_back["results"], held_back["next"]) == ([], after)
        slow.rollback()
    assert acme.ada.get(path(session)).ok()["next"] == after


@pytest.mark.parametrize(
    "query", [{"after": "yesterday"}, {"after": "1"}, {"after": "1-\x00"}, {"after": "9" * 40 + "-1"}]
)
def test_an_invalid_cursor_is_refused(acme: Stage, session: dict[str, Any], query: dict[str, str]) -> None:
    acme.ada.get(path(session), **query).refused(422, "invalid_cursor")


@pytest.mark.parametrize("limit", ["0", "101", "-1", "ten", "1e1"])
def test_a_limit_out_of_bounds_is_refused(acme: Stage, session: dict[str, Any], limit: str) -> None:
    acme.ada.get(path(session), limit=limit).refused(422, "invalid")


def test_other_tenants_sessions_do_not_exist(acme: Stage, zenith: Stage, session: dict[str, Any]) -> None:
    zenith.ada.get(path(session)).refused(404, "not_found")
    acme.ada.get(path({"id": uuid4()})).refused(404, "not_found")


def test_nobody_reads_without_an_identity(acme: Stage, session: dict[str, Any]) -> None:
    Caller("chm_nobody_" + "x" * 40).get(path(session)).refused(401, "unauthenticated")


def test_everybody_of_the_tenant_may_read(acme: Stage, session: dict[str, Any]) -> None:
    for caller in (acme.ada, acme.pia, acme.jude, acme.rita, acme.otto, acme.fay, acme.anna, acme.boss):
        caller.get(path(session)).ok()


def test_other_methods_are_refused(acme: Stage, session: dict[str, Any]) -> None:
    assert acme.boss.post(path(session)).status in {403, 405}


def test_a_page_says_what_retention_removed(acme: Stage, session: dict[str, Any]) -> None:
    events = acme.ada.get(path(session)).ok()["results"]
    with connections["owner"].cursor() as cursor:
        cursor.execute("DELETE FROM kernel_event WHERE seq <= %s", [events[1]["position"].split("-")[1]])
    page = acme.ada.get(path(session)).ok()
    assert page["gap"] == {"from": "0-0", "to": events[2]["position"]}
    assert acme.ada.get(path(session), after=events[2]["position"]).ok()["gap"] is None


# ------------------------------------------------------------------ server-sent events


@pytest.fixture
def relayed(session: dict[str, Any], settle: Callable[[], None]) -> Iterator[None]:
    """Nothing is left to be told before the relay of the test starts."""
    settle()
    with running("redis"):
        yield


async def listen(caller: Caller, session: Any, **headers: str) -> Any:
    told = {"Accept": "text/event-stream", "Authorization": f"Bearer {caller.secret}"} | headers
    return await AsyncClient().get(f"/api/v1/{path(session)}", headers=told)


async def messages(response: Any) -> AsyncIterator[dict[str, str]]:
    """Each message's fields, as a browser would read them."""
    async for chunk in response:
        lines = [line for line in chunk.decode().split("\n") if line and not line.startswith(":")]
        if lines:
            yield dict(line.split(": ", 1) for line in lines)


@pytest.mark.usefixtures("relayed")
def test_the_same_feed_as_server_sent_events(acme: Stage, session: dict[str, Any]) -> None:
    pages = acme.ada.get(path(session)).ok()["results"]

    async def main() -> None:
        response = await listen(acme.ada, session)
        assert response.status_code == 200
        assert response["Content-Type"] == "text/event-stream"
        assert response["Cache-Control"] == "no-cache"
        feed = messages(response)
        seen = [await anext(feed) for _ in range(len(pages) + 1)]
        assert [m["id"] for m in seen[:-1]] == [event["position"] for event in pages]
        assert [json.loads(m["data"]) for m in seen[:-1]] == [{"kind": "event"} | event for event in pages]
        assert seen[-1]["event"] == "live"
        await in_thread(acme.otto.post, f"sessions/{session['id']}/pause")
        async with asyncio.timeout(5):
            paused = await anext(feed)
        assert json.loads(paused["data"])["type"] == "swarm.session.paused.v1"
        await feed.aclose()
        response.close()

    run(main)


@pytest.mark.usefixtures("relayed")
def test_a_browser_that_reconnects_continues_after_its_last_event(acme: Stage, session: dict[str, Any]) -> None:
    pages = acme.ada.get(path(session)).ok()["results"]

    async def main() -> None:
        response = await listen(acme.ada, session, **{"Last-Event-ID": pages[3]["position"]})
        feed = messages(response)
        assert [(await anext(feed))["id"] for _ in pages[4:]] == [event["position"] for event in pages[4:]]
        await feed.aclose()

    run(main)


def test_the_feed_refuses_as_the_pages_do(acme: Stage, zenith: Stage, session: dict[str, Any]) -> None:
    async def main() -> None:
        strange = await listen(zenith.ada, session)
        unknown = await listen(Caller("chm_nobody_" + "x" * 40), session)
        confused = await listen(acme.ada, session, **{"Last-Event-ID": "yesterday"})
        ahead = await listen(acme.ada, session, **{"Last-Event-ID": "999999999-1"})
        for response, status, code in (
            (strange, 404, "not_found"),
            (unknown, 401, "unauthenticated"),
            (confused, 422, "invalid_cursor"),
            (ahead, 422, "invalid_cursor"),
        ):
            assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
            assert json.loads(response.content)["code"] == code

    run(main)


def test_a_full_house_refuses_before_the_feed_begins(
    acme: Stage, session: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chimera.kernel.stream.hub.VIEWERS_MAX", 0)

    async def main() -> None:
        response = await listen(acme.ada, session)
        assert (response.status_code, response["Retry-After"]) == (503, "5")

    run(main)


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_a_body_that_nobody_reads_breaks_neither_pages_nor_feed(
    acme: Stage, session: dict[str, Any], accept: str
) -> None:
    headers = {"Accept": accept, "Authorization": f"Bearer {acme.ada.secret}"}
    large = b"x" * (settings.REQUEST_BYTES_MAX + 1)

    async def main() -> None:
        response = await AsyncClient().generic("GET", f"/api/v1/{path(session)}", large, headers=headers)
        assert (response.status_code, response["Content-Type"]) == (200, accept)
        response.close()

    run(main)
