"""What a completed task's result says becomes a memory (lane memory)."""

from chimera.kernel import tenancy
from chimera.kernel.actors import SYSTEM
from chimera.kernel.eventlog import Recorded
from memory import actions, texts
from memory.actions.records import NewMemory
from memory.models import Source
from swarm.models import TaskResult


def remember_result(event: Recorded) -> None:
    """Reaction to TaskCompleted: one memory per applied result, however often the event is read.

    It opens its own transaction. The vector follows in the same lane, by the MemoryAdded that is told here: a crash
    before the commit leaves nothing, one after it repeats a call that finds the memory. What the tenant's policy refuses is told
    (MemoryRefused) and not remembered.
    """
    assert event.task_id is not None
    if not event.payload.get("says", True):
        return
    with tenancy.bound(event.tenant_id):
        applied = TaskResult.objects.filter(task_id=event.task_id, applied=True).select_related("agent", "task")
        result = applied.filter(id=event.payload["result"]).first() if event.payload["result"] else None
        content = texts.readable(result.output_payload or {}) or result.reasoning.strip() if result else ""
        if result is None or not content:
            return  # Completed without a word, as an approved effect may be.
        new = NewMemory(
            content=content,
            task_id=result.task_id,
            session_id=result.task.session_id,
            agent_id=result.agent_id,
            agent_role=result.agent.role,
            source=Source(result=result.id),
        )
        actions.remember(result_id=result.id, made_at=result.created_at, new=new, by=SYSTEM)
