"""New tasks that come by calls of their own at the same moment: written together, answered each for itself."""

import asyncio
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from chimera.asgi import django_application
from chimera.kernel import idempotency, pipelining
from swarm.actions import creating
from swarm.models import Task
from tests.cast import Stage
from tests.live.watching import run
from tests.races.threads import InBackground, held_after
from tests.swarm.at_creation import NOBODY, count, create, said, shut
from tests.swarm.at_wire import Wire


@pytest.fixture
def wire(db: None) -> Wire:
    return Wire(django_application)


@pytest.fixture
def session(acme: Stage) -> str:
    """One that has begun."""
    made: str = acme.session()["id"]
    acme.task(made)
    return made


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    seen: list[int] = []
    inserting = creating.inserting

    def counted(rows: Sequence[Task], **more: Any) -> Any:
        seen.append(len(rows))
        return inserting(rows, **more)

    monkeypatch.setattr(creating, "inserting", counted)
    return seen


def test_tasks_that_come_together_are_written_together_and_one_that_is_refused_harms_no_other(
    acme: Stage, session: str, wire: Wire, batches: list[int]
) -> None:
    bodies = [said(NOBODY if number == 3 else session, priority=number) for number in range(9)]

    async def main() -> None:
        answered = await asyncio.gather(
            *(create(wire, acme.pia, f"key {number}", body) for number, body in enumerate(bodies))
        )
        answered.pop(3).refused(404, "not_found")
        assert [one.ok(201)["priority"] for one in answered] == [0, 1, 2, 4, 5, 6, 7, 8]
        assert wire.left == ["/api/v1/tasks"]

    run(main)
    assert sum(batches) == 8
    assert len(batches) <= 3, batches


def test_one_that_cannot_be_written_harms_no_other(
    acme: Stage, session: str, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = creating.row

    def broken(new: Any, by: Any) -> Task:
        made = row(new, by)
        made.risk_tier = 9 if new.priority == 3 else 2
        return made

    monkeypatch.setattr(creating, "row", broken)

    async def main() -> None:
        bodies = [said(session, priority=number) for number in range(6)]
        wire.doors = shut
        answered = await asyncio.gather(
            *(create(wire, acme.pia, f"key {number}", body) for number, body in enumerate(bodies))
        )
        assert answered.pop(3).status == 503
        assert [one.ok(201)["priority"] for one in answered] == [0, 1, 2, 4, 5]

    run(main)
    assert count(acme) == 6


def test_whoever_waits_for_a_key_keeps_nobody_else_waiting(
    acme: Stage, session: str, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held_after(monkeypatch, idempotency.Once, "keep") as hold:
        first = InBackground(lambda: acme.pia.post("tasks", said(session), Idempotency_Key="held"))
        hold.wait_reached()

        async def main() -> None:
            twin = asyncio.ensure_future(create(wire, acme.pia, "held", said(session)))
            (await create(wire, acme.pia, "free", said(session, priority=1))).ok(201)
            assert wire.left in ([], ["/api/v1/tasks"])
            assert not twin.done()
            hold.release()
            assert (await twin).ok(201).body == (await asyncio.to_thread(first.answer)).ok(201).body

        run(main)
    assert count(acme) == 3


@pytest.mark.parametrize(("path", "code"), [("pause", None), ("stop", "session_ended")])
def test_a_session_that_was_stopped_takes_no_task_and_a_paused_one_does(
    acme: Stage, session: str, wire: Wire, path: str, code: str | None
) -> None:
    acme.otto.post(f"sessions/{session}/{path}", {"reason": "test"}).ok()

    async def main() -> None:
        answer = await create(wire, acme.pia, "one", said(session))
        answer.refused(409, code) if code else answer.ok(201)
        assert wire.left == (["/api/v1/tasks"] if code else [])

    run(main)


def test_a_sessions_first_task_is_the_doors_who_starts_it(acme: Stage, wire: Wire) -> None:
    fresh = acme.session()["id"]

    async def main() -> None:
        (await create(wire, acme.pia, "one", said(fresh))).ok(201)
        (await create(wire, acme.pia, "two", said(fresh))).ok(201)
        assert wire.left == ["/api/v1/tasks"]

    run(main)
    assert acme.pia.get(f"sessions/{fresh}")["status"] == "running"


def test_a_session_is_taken_from_nobody_else(acme: Stage, zenith: Stage, session: str, wire: Wire) -> None:
    async def main() -> None:
        (await create(wire, zenith.pia, "one", said(session))).refused(404, "not_found")
        (await create(wire, acme.ada, "one", said(session))).refused(403, "role")
        (await create(wire, acme.otto, "one", said(session))).ok(201)

    run(main)


def test_a_task_costs_two_round_trips_and_its_caller_one(
    acme: Stage, session: str, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    elsewhere: list[str] = []
    run_, execute = pipelining.run, psycopg.Cursor.execute

    def together(on: Any, statements: Any, **more: Any) -> Any:
        asked.append(len(statements))
        return run_(on, statements, **more)

    def alone(cursor: Any, query: Any, *more: Any, **options: Any) -> Any:
        if query:  # else it is whether a connection answers
            elsewhere.append(str(query))
        return execute(cursor, query, *more, **options)

    async def main() -> None:
        monkeypatch.setattr(pipelining, "run", together)
        monkeypatch.setattr(psycopg.Cursor, "execute", alone)
        (await create(wire, acme.pia, "one", said(session))).ok(201)

    run(main)
    assert asked == [1, 4, 2]
    assert elsewhere == []
