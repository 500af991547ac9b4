"""Memory checks: what an agent was shown of memory is frozen with the task that it works on."""

from collections.abc import Sequence
from uuid import UUID

from chimera.kernel import clock
from chimera.kernel.actors import Actor
from chimera.kernel.errors import conflict
from chimera.kernel.eventlog import tell
from memory import screening
from memory.actions import erasing, policies
from memory.events import MemoryCheckFrozen
from memory.limits import CHECKS_MAX, FROZEN_CHARACTERS_MAX
from memory.models import Frozen, MemoryCheck
from memory.search import Hit, Question, shown
from memory.stores import Answer


def freeze(
    *,
    task_id: UUID,
    session_id: UUID,
    lease_token: UUID,
    attempt: int,
    agent_id: UUID,
    question: Question,
    hits: Sequence[Hit],
    index: Answer | None = None,
    by: Actor,
) -> MemoryCheck:
    """Keep a search and what it found, also when that is nothing. The caller has checked that the lease is the agent's.

    The question is kept without what memory takes from nobody: personal data and secrets in it are masked. The fact has ids, versions and
    scores, and no text: whoever follows the session may not be allowed to read a private memory.
    """
    erasing.share()
    if MemoryCheck.objects.of_tasks(task_id, lease_token=lease_token).count() >= CHECKS_MAX:
        raise conflict(
            f"This lease has made {CHECKS_MAX} memory checks; work with what was found.",
            code="too_many_checks",
        )
    check: MemoryCheck = MemoryCheck.objects.create(
        task_id=task_id,
        lease_token=lease_token,
        attempt=attempt,
        agent_id=agent_id,
        query=screening.without(question.text, policies.deeds()),
        mode=question.mode,
        embedding_model=question.model,
        index=index.index if index else "",
        index_fallback=index.fallback if index else "",
        memories=[_frozen(hit).model_dump(mode="json") for hit in hits],
        created_at=clock.now(),
    )
    tell(MemoryCheckFrozen.about(check, session_id=session_id), by=by)
    return check


def _frozen(hit: Hit) -> Frozen:
    memory = hit.memory
    return Frozen(
        id=memory.pk,
        version=memory.version,
        content=memory.content[:FROZEN_CHARACTERS_MAX],
        cut=len(memory.content) > FROZEN_CHARACTERS_MAX,
        category=memory.category,
        source=memory.source,
        score=hit.score,
        parts=shown(hit.parts),
        similarity=hit.similarity,
        contradicts=[other.id for other in hit.contradicts],
        created_at=memory.created_at,
    )
