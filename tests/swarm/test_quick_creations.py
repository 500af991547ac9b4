"""New tasks that come one per call are created together, in front of Django, as the door would create each."""

import asyncio
import json
from typing import Any

import pytest

from chimera.asgi import django_application
from chimera.kernel import idempotency
from chimera.kernel.eventlog import Event
from swarm.events import TaskCreated
from swarm.models import Task
from swarm.serializers.plain_tasks import read_plain
from swarm.serializers.tasks import NewTaskShape
from tests.cast import Said, Stage
from tests.live.watching import run
from tests.swarm.at_creation import NOBODY, count, create, keyed, said, shut
from tests.swarm.at_wire import Wire

OF_EACH = {"X-Trace-Id", "Content-Length"}
PLAIN: list[dict[str, Any]] = [
    {},
    {"role": "judge"},
    {"requires": ["pdf", "ocr", "pdf"]},
    {"description": "Zählt <nach>\u2028 & mehr"},
    {"input_payload": {}},
    {"input_payload": {"a": [1, 2.5, None, True, {"ü": "\U0001f6a2"}], "big": 10**30, "small": 1e-9}},
    {"metadata": {"who": "pia"}},
    {"priority": 100},
    {"max_attempts": 1},
    {"timeout_seconds": 60},
    {"timeout_seconds": None},
    {"risk_tier": 1},
    {"execution_mode": "dry_run"},
    {"concurrency_key": "harbour"},
    {"judged": True},
    {"external_id": None, "parent_task": None, "depends_on": [], "not_before": None, "deadline_at": None},
]
NOT_PLAIN: list[dict[str, Any]] = [
    {"external_id": "mine"},
    {"execution_mode": "manual"},
    {"not_before": "2031-01-01T00:00:00+01:00"},
    {"deadline_at": "2031-01-01T00:00:00Z"},
    {"description": " to be trimmed "},
]
REFUSED: list[Any] = [
    {"session": NOBODY},
    {"session": "nobody"},
    {"session": None},
    {"type": ""},
    {"type": "x" * 81},
    {"type": 3},
    {"type": "a\x00b"},
    {"type": "\ud800"},
    {"role": "operator"},
    {"requires": "pdf"},
    {"requires": [""]},
    {"requires": ["x"] * 21},
    {"description": "x" * 4001},
    {"input_payload": []},
    {"input_payload": None},
    {"input_payload": {"a": "\x00"}},
    {"input_payload": {"a": "\ud800"}},
    {"input_payload": {"a": "x" * 262_144}},
    {"metadata": {"a": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}},
    {"external_id": []},
    {"parent_task": []},
    {"not_before": []},
    {"deadline_at": []},
    {"depends_on": None},
    {"depends_on_children_of": []},
    {"priority": 101},
    {"priority": True},
    {"priority": 50.0},
    {"priority": None},
    {"max_attempts": 0},
    {"timeout_seconds": 0},
    {"risk_tier": 4},
    {"execution_mode": "never"},
    {"concurrency_key": "x" * 201},
    {"judged": 1},
    {"parent_task": NOBODY},
    {"bogus": 1},
]


@pytest.fixture
def wire(db: None) -> Wire:
    return Wire(django_application)


@pytest.fixture
def session(acme: Stage) -> str:
    """One that has begun."""
    made: str = acme.session()["id"]
    acme.task(made)
    return made


def at_rest(task: Any) -> str:
    """As text, so that the order of its fields counts; without what is of each task alone."""
    return json.dumps(task | {"id": "", "created_at": ""}, ensure_ascii=False)


# ------------------------------------------------------------------ as the door


@pytest.mark.parametrize("more", PLAIN, ids=str)
def test_a_plain_task_is_created_and_shown_as_by_the_door(
    acme: Stage, session: str, wire: Wire, more: dict[str, Any]
) -> None:
    found: list[Said] = []

    async def main() -> None:
        found.append(await create(wire, acme.pia, "one", said(session, **more)))
        assert wire.left == []
        found.append(await wire.call(acme.pia, "tasks", said(session, **more), keyed("two"), at=wire.doors))

    run(main)
    quick, door = found
    assert at_rest(quick.ok(201).body) == at_rest(door.ok(201).body)
    assert {n: v for n, v in quick.headers.items() if n not in OF_EACH} == {
        n: v for n, v in door.headers.items() if n not in OF_EACH
    }
    read = acme.pia.get(f"tasks/{quick['id']}").ok().body
    assert json.loads(at_rest(read)) == json.loads(at_rest(quick.body))
    assert read["created_at"] == quick["created_at"]
    assert as_told(acme, quick["id"]) == as_told(acme, door["id"])


def as_told(acme: Stage, task_id: str) -> dict[str, Any]:
    with acme.bound():
        (event,) = Event.objects.filter(task_id=task_id)
        task = Task.objects.get(pk=task_id)
        fact = TaskCreated.about(task, parent=None, depends_on=0)
    assert event.payload == fact.model_dump(mode="json")
    assert (event.type, event.aggregate_id, event.aggregate_version) == (fact.full_type(), task.pk, 1)
    assert (event.session_id, event.actor, event.at) == (task.session_id, task.created_by, task.created_at)
    assert event.trace_id
    theirs = {"aggregate_id": "", "task_id": ""}
    return {"actor": event.actor, "payload": event.payload | theirs}


@pytest.mark.parametrize("more", NOT_PLAIN, ids=str)
def test_what_is_not_plain_is_created_by_the_door(acme: Stage, session: str, wire: Wire, more: dict[str, Any]) -> None:
    async def main() -> None:
        (await create(wire, acme.pia, "one", said(session, **more))).ok(201)
        assert wire.left == ["/api/v1/tasks"]

    run(main)


@pytest.mark.parametrize("more", REFUSED, ids=lambda more: str(more)[:60])
def test_what_is_refused_is_refused_by_the_door(acme: Stage, session: str, wire: Wire, more: dict[str, Any]) -> None:
    async def main() -> None:
        refused = await create(wire, acme.pia, "one", said(session, **more))
        assert refused.status in (404, 422)

    run(main)
    assert wire.left
    assert count(acme) == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"{nonsense", b'{"type": "a", "type": "b"}', b'{"priority": NaN}'])
def test_a_body_that_is_no_task_is_refused_by_the_door(acme: Stage, session: str, wire: Wire, body: bytes) -> None:
    async def main() -> None:
        assert (await create(wire, acme.pia, "one", body)).status in (400, 422)

    run(main)
    assert count(acme) == 1


@pytest.mark.parametrize("more", PLAIN, ids=str)
def test_a_plain_task_is_read_as_by_the_serializer(more: dict[str, Any]) -> None:
    body = said(NOBODY, **more)
    read, checked = read_plain(body), NewTaskShape.read(body)
    assert read is not None
    assert read.is_plain
    names = {"session": "session_id", "parent_task": "parent_task_id"}
    assert {name: getattr(read, names.get(name, name)) for name in checked} == checked | {
        "requires": tuple(checked["requires"]),
        "depends_on": (),
    }


@pytest.mark.parametrize(
    "more", [*NOT_PLAIN, *(one for one in REFUSED if one != {"session": NOBODY})], ids=lambda m: str(m)[:60]
)
def test_only_what_is_plain_is_read_without_the_serializer(more: dict[str, Any]) -> None:
    assert read_plain(said(NOBODY, **more)) is None


# ------------------------------------------------------------------ once per key


def test_a_repeated_call_is_answered_the_same_and_another_one_with_its_key_is_refused(
    acme: Stage, session: str, wire: Wire
) -> None:
    async def main() -> None:
        first = (await create(wire, acme.pia, "one", said(session))).ok(201)
        assert wire.left == []
        again = (await create(wire, acme.pia, "one", dict(reversed(said(session).items())))).ok(201)
        assert again.body == first.body
        assert again.headers["Idempotent-Replayed"] == "true"
        (await create(wire, acme.pia, "one", said(session, priority=1))).refused(422, "idempotency_key_reused")
        (await create(wire, acme.otto, "one", said(session))).ok(201)  # his key is another

    run(main)
    assert count(acme) == 3


def test_what_the_door_created_is_not_created_again(acme: Stage, session: str, wire: Wire) -> None:
    first = acme.pia.post("tasks", said(session), Idempotency_Key="one").ok(201)

    async def main() -> None:
        assert (await create(wire, acme.pia, "one", said(session))).ok(201).body == first.body

    run(main)
    assert count(acme) == 2


def test_twins_that_come_at_once_make_one_task(acme: Stage, session: str, wire: Wire) -> None:
    async def main() -> None:
        answered = await asyncio.gather(*(create(wire, acme.pia, "one", said(session)) for _ in range(6)))
        assert len({one.ok(201)["id"] for one in answered}) == 1

    run(main)
    assert count(acme) == 2


def test_a_call_without_a_key_is_left_to_the_door(acme: Stage, session: str, wire: Wire) -> None:
    async def main() -> None:
        (await wire.call(acme.pia, "tasks", said(session))).ok(201)
        (await create(wire, acme.pia, "x" * 201, said(session))).refused(422, "invalid_idempotency_key")
        assert len(wire.left) == 2

    run(main)


def test_nothing_is_created_whose_answer_cannot_be_kept(
    acme: Stage, session: str, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The quick way's transaction is undone as a whole, and the door creates the task."""
    monkeypatch.setattr(idempotency, "keeping", _cannot_be_kept)

    async def main() -> None:
        wire.doors = shut
        assert (await create(wire, acme.pia, "one", said(session))).status == 503

    run(main)
    assert count(acme) == 1


def _cannot_be_kept(_: Any) -> Any:
    return "INSERT INTO kernel_answer DEFAULT VALUES", {}
