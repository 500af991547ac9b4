"""A search that is frozen with no task is answered in front of Django, as the door would answer it."""

import asyncio
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest

from chimera.asgi import django_application
from chimera.kernel.bridge import Busy, Threads
from chimera.kernel.errors import busy
from memory import search
from memory.api import searches
from tests.cast import Said, Stage
from tests.live.watching import run
from tests.memory.conftest import Remember, texts
from tests.swarm.at_wire import Wire, offer

ASKED = "memories/search"
OF_EACH_CALL = {"X-Trace-Id", "Content-Length"}
LATE = {"age_seconds", "score", "parts", "explanation"}  # a moment lies between the two


@pytest.fixture
def wire(db: None) -> Wire:
    return Wire(django_application)


def alike(one: Said, other: Said) -> None:
    assert (one.status, _timeless(one.body)) == (other.status, _timeless(other.body))
    assert {n: v for n, v in one.headers.items() if n not in OF_EACH_CALL} == {
        n: v for n, v in other.headers.items() if n not in OF_EACH_CALL
    }
    assert set(one.headers) == set(other.headers)


def _timeless(body: dict[str, Any]) -> dict[str, Any]:
    hits = [{name: said for name, said in hit.items() if name not in LATE} for hit in body.get("results", ())]
    return body | {"results": hits, "trace_id": ""}


def test_whatever_is_asked_it_is_answered_as_by_the_door(
    acme: Stage, remember: Remember, settle: Callable[[], None], wire: Wire
) -> None:
    remember(acme.ada, "The harbour opens on the third of May.", category="episodic")
    remember(acme.bob, "The harbour opens on the fourth of May.", persona="keeper")
    remember(acme.ada, "Ada's own view of the harbour.", visibility="agent")
    settle()

    async def main() -> None:
        for who in (acme.ada, acme.bob, acme.otto):
            for said in (
                {},
                {"mode": "vector"},
                {"mode": "keyword"},
                {"category": "episodic", "limit": 1},
                {"persona": "keeper"},
            ):
                quick, door = await wire.both(who, ASKED, {"query": "When does the harbour open?"} | said)
                alike(quick, door)
                assert quick["results"], (who, said)
        own = await wire.call(acme.ada, ASKED, {"query": "harbour"})
        others = await wire.call(acme.bob, ASKED, {"query": "harbour"})
        assert set(texts(own["results"])) - set(texts(others["results"])) == {"Ada's own view of the harbour."}
        assert wire.left == []

    run(main)


def test_another_tenant_finds_nothing_of_it(acme: Stage, zenith: Stage, remember: Remember, wire: Wire) -> None:
    remember(acme.ada, "The harbour opens on the third of May.")

    async def main() -> None:
        mine, theirs = await wire.all(
            (acme.ada, ASKED, {"query": "harbour"}), (zenith.ada, ASKED, {"query": "harbour"})
        )
        assert (len(mine["results"]), theirs["results"]) == (1, [])
        assert wire.left == []

    run(main)


def test_what_is_frozen_refused_or_keyed_is_left_to_the_door(
    acme: Stage, remember: Remember, settle: Callable[[], None], wire: Wire
) -> None:
    remember(acme.ada, "The harbour opens on the third of May.")
    offer(acme, 1, settle)
    (claim,) = acme.ada.claim(1)
    held = {"task": claim["task"]["id"], "lease_token": claim["lease_token"]}

    async def main() -> None:
        frozen = await wire.call(acme.ada, ASKED, {"query": "harbour"} | held)
        assert frozen["task"] == claim["task"]["id"]
        for said in ({}, {"query": "harbour", "limit": 0}, {"query": "harbour", "mood": 1}, {"query": "x" * 2_001}):
            alike(*await wire.both(acme.ada, ASKED, said))
        stranger = {"query": "harbour", "session": "01900000-0000-7000-8000-000000000001"}
        alike(*await wire.both(acme.ada, ASKED, stranger))
        await wire.call(acme.ada, ASKED, {"query": "harbour"}, [(b"idempotency-key", b"once")])
        assert len(wire.left) == 7

    run(main)


def test_who_finds_all_threads_at_work_is_answered_by_the_door(
    acme: Stage, remember: Remember, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(acme.ada, "The harbour opens on the third of May.")
    threads, go_on = Threads(1, "searching"), Event()
    monkeypatch.setattr(searches, "_threads", threads)

    async def main() -> None:
        waiting = asyncio.create_task(threads.call(go_on.wait, 20.0))
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await threads.call(print)
        found = await wire.call(acme.ada, ASKED, {"query": "harbour"})
        assert (len(found["results"]), wire.left) == (1, [f"/api/v1/{ASKED}"])
        go_on.set()
        assert await waiting
        await wire.call(acme.ada, ASKED, {"query": "harbour"})
        assert len(wire.left) == 1

    run(main)


def test_who_leaves_before_its_search_begins_keeps_no_thread(db: None) -> None:
    threads, go_on = Threads(2, "searching"), Event()

    async def main() -> None:
        waiting = [asyncio.create_task(threads.call(go_on.wait, 20.0)) for _ in range(2)]
        await asyncio.sleep(0)
        threads._room.release()  # room for one that has no thread yet
        leaving = asyncio.create_task(threads.call(print))
        await asyncio.sleep(0)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert threads._room.acquire(blocking=False), "it has given its room back"
        go_on.set()
        assert await asyncio.gather(*waiting) == [True, True]

    run(main)


def test_what_an_embedder_did_not_answer_in_time_the_door_does_not_ask_again(
    acme: Stage, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def away(*, text: str, **_: Any) -> None:
        asked.append(text)
        raise busy("The embedder is away; search with mode `keyword`, or try again.", retry_seconds=5)

    monkeypatch.setattr(search, "ask", away)

    async def main() -> None:
        quick = await wire.call(acme.ada, ASKED, {"query": "harbour", "mode": "vector"})
        assert (quick.status, quick.headers["Retry-After"], wire.left, len(asked)) == (503, "5", [], 1)
        alike(quick, await wire.call(acme.ada, ASKED, {"query": "harbour", "mode": "vector"}, at=wire.doors))

    run(main)
