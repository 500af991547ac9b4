"""What is shown of a task is what the schema's fields would say, field by field; and a task's shape is the same however it is read."""

from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from chimera.kernel import clock, ids
from swarm import shapes
from swarm.actions import tasks
from swarm.models import Task, TaskResult
from swarm.serializers.tasks import ResultShape, TaskShape
from tests.cast import Stage

Settle = Callable[[], None]


def declared(row: Task, around: shapes.Around) -> dict[str, Any]:
    """As the serializer shows it, from a thing that has everything."""
    fields = {field.attname: getattr(row, field.attname) for field in Task._meta.concrete_fields}
    besides = {name: getattr(around, name) for name in shapes.Around.__dataclass_fields__ if name != "results"}
    shown: dict[str, Any] = TaskShape(SimpleNamespace(**fields, **besides, results=[])).data
    return shown


def full(**changes: Any) -> Task:
    said: dict[str, Any] = {
        "id": ids.uuid7(),
        "tenant_id": ids.uuid7(),
        "session_id": ids.uuid7(),
        "agent_id": ids.uuid7(),
        "parent_task_id": ids.uuid7(),
        "type": "research",
        "role": "planner",
        "requires": ["web", "gpu"],
        "description": "déjà vu",
        "input_payload": {"a": [1, None, {"b": 0.5}]},
        "metadata": {"m": None},
        "external_id": "ext-1",
        "concurrency_key": "key",
        "priority": 99,
        "risk_tier": 1,
        "execution_mode": "dry_run",
        "judged": True,
        "status": "failed",
        "blocked_reason": "because",
        "error": {"code": "x", "message": "y", "retryable": False},
        "attempt_count": 2,
        "max_attempts": 5,
        "timeout_seconds": 60,
        "version": 7,
        "created_by": "agent:x",
    }
    moments = dict.fromkeys(("not_before", "deadline_at", "queued_at", "started_at", "completed_at"), clock.now())
    return Task(**said | moments | changes)


AROUND = shapes.Around(
    depends_on=[str(ids.uuid7())],
    depends_on_count=1,
    waiting_for=[{"task": str(ids.uuid7()), "status": "running"}],
    progress={"phase": "a", "percentage": 12.5, "message": "", "metadata": {}, "at": clock.now().isoformat()},
)


def test_a_task_with_everything_is_shown_as_declared() -> None:
    row = full()
    assert shapes._shape(row, AROUND) == declared(row, AROUND)


def test_a_task_with_nothing_is_shown_as_declared() -> None:
    nothing = ("agent_id", "parent_task_id", "external_id", "error", "timeout_seconds", "not_before", "deadline_at")
    row = full(**dict.fromkeys(nothing), queued_at=None, started_at=None, completed_at=None, requires=[], metadata={})
    assert shapes._shape(row, shapes.NOTHING) == declared(row, shapes.NOTHING)


def test_a_result_is_shown_as_declared() -> None:
    row = TaskResult(
        tenant_id=ids.uuid7(),
        task_id=ids.uuid7(),
        lease_token=ids.uuid7(),
        agent_id=ids.uuid7(),
        attempt=1,
        status="succeeded",
        output_payload={"a": 1},
        original_payload={"a": 2},
        confidence_score=Decimal("0.9300"),
        reasoning="why",
        evidence=[1, {"url": "x"}],
        metrics={"tokens": 3},
        outcome="completed",
        applied=True,
    )
    artifacts = [{"type": "table", "content": {"rows": []}}, {"type": "video", "uri": "s3://x"}]
    row.artifacts = artifacts  # type: ignore[attr-defined]
    assert shapes._result_shape(row, artifacts) == ResultShape(row).data
    row.confidence_score = row.output_payload = row.original_payload = None
    assert shapes._result_shape(row, artifacts) == ResultShape(row).data


def test_one_task_is_shown_alike_in_every_reading(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    first, second = acme.task(session), acme.task(session)
    after = acme.task(session, depends_on=[first["id"], second["id"]])
    settle()
    claim = next(one for one in acme.ada.claim(2) if one["task"]["id"] == first["id"])
    artifacts = [{"type": "table", "content": {"rows": [1]}}, {"type": "video", "uri": "s3://renders/1.mp4"}]
    acme.ada.finish(claim, artifacts=artifacts).ok()
    asked = [UUID(task["id"]) for task in (first, second, after)]
    with acme.bound():
        read = [tasks.read(task_id) for task_id in asked]
        in_full = shapes.tasks_in_full(read)
        assert shapes.tasks_by_id(asked) == {row.pk: shown for row, shown in zip(read, in_full, strict=True)}
        assert in_full == [shapes.task(row) for row in read]
        in_list = shapes.tasks(read)
    for one in (*in_full, *in_list):
        for result in one["results"]:
            result["artifacts"] = len(result["artifacts"])
    assert in_list == in_full
    assert in_full[0]["results"][0]["artifacts"] == 2
    assert in_full[2]["depends_on"] == [str(asked[0]), str(asked[1])]
