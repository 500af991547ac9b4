"""Facts about tasks that a statement tells itself."""

from swarm.events.tasks import TaskFact

_COLUMNS = {
    "aggregate_id": "id",
    "aggregate_version": "version",
    "session_id": "session_id",
    "task_id": "id",
    "status": "status",
    "task_type": "type",
    "role": "role",
    "priority": "priority",
    "agent": "agent_id",
    "concurrency_key": "concurrency_key",
}


def payload(fact: type[TaskFact], task: str, **more: str) -> str:
    """The SQL of a fact's payload: from the row named `task`, as it is after the change, and expressions for what this fact
    says besides. TypeError unless these are its fields."""
    said = {name: f"{task}.{column}" for name, column in _COLUMNS.items()} | more
    if set(said) != set(fact.model_fields):
        raise TypeError(f"{fact.__name__} has other fields: {set(said) ^ set(fact.model_fields)}")
    pairs = ", ".join(f"'{name}', {value}" for name, value in said.items())
    return f"jsonb_build_object({pairs})"
