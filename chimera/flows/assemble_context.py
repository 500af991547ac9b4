"""A persona's context: who it is, the last hour, what is remembered and the task, within a budget of tokens.

Nothing waits inside a transaction: `prepare` reads persona and task in one of its own, and then asks Redis and the embedder;
`assemble` runs in the caller's. Locks nothing. Dies anywhere: what an agent was shown is kept with its task as a whole, or nothing of
it is; Redis is filled last, and holds nothing that PostgreSQL has not.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from uuid import UUID

from chimera.flows.gather_memories import NOT_ASKED, Gathered, Wish, gather
from chimera.kernel import clock, tenancy
from chimera.kernel.errors import Refused, forbidden
from chimera.kernel.eventlog import tell
from chimera.kernel.identity import Principal
from memory import actions, events, search, texts
from memory.actions import conversations, erasing, personas, souls
from memory.limits import QUERY_CHARACTERS_MAX
from memory.models import ContextShown, Persona, PersonaVersion
from memory.personas import packing, wording
from memory.personas.honesty import Contradiction
from memory.personas.packing import Packed, Part, Section, Wanted
from memory.personas.soul import Soul
from memory.ranking import Mode
from memory.search import Question
from swarm.actions import tasks
from swarm.models import Task


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a context is wanted of. With `lease_token` it is evidence of the task."""

    persona: str
    version: int | None = None
    task_id: UUID | None = None
    lease_token: UUID | None = None
    query: str | None = None
    budget_tokens: int


@dataclass(frozen=True)
class Prepared:
    """What was read before the transaction. `soul` is None where Redis does not have it."""

    asked: Asked
    persona: Persona
    version: PersonaVersion  # without its texts
    question: Question | None
    soul: Soul | None
    words: Mapping[UUID, str] = field(default_factory=dict)  # of the last hour, as far as Redis has them


@dataclass(frozen=True)
class Context:
    soul: Soul
    version: PersonaVersion
    packed: Packed
    question: Question | None
    contradictions: Sequence[Contradiction]
    evidence_id: UUID | None = None


def prepare(*, principal: Principal, asked: Asked) -> Prepared:
    """Outside transactions. 404 for a persona, a version or a task that is not there, 409 `persona_retired`; else as `assemble`."""
    with tenancy.bound(principal.tenant_id):
        persona = Persona.objects.get_or_refuse(asked.persona)
        personas.check_active(persona)
        version = personas.version_of(persona, asked.version, light=True)
        task = _task(principal, asked)
    query = (asked.query or _question_of(task))[:QUERY_CHARACTERS_MAX]
    return Prepared(
        asked=asked,
        persona=persona,
        version=version,
        question=search.ask(text=query, mode=Mode.HYBRID, tenant_id=principal.tenant_id) if query.strip() else None,
        soul=souls.cached(version.pk, sha256=version.sha256),
        words=conversations.words(task.session_id) if task else {},
    )


def assemble(*, principal: Principal, prepared: Prepared) -> Context:
    """Inside the caller's transaction. What is quoted is what the caller may see, of the task's session and no other.

    An agent names a task only while it holds it: 403 `not_yours`, 409 `stale_lease`. 422 `budget_too_small` where honesty and the
    persona's directives alone cost more. With a lease token the context is kept with the task, and told.
    """
    if prepared.asked.lease_token is not None:
        erasing.share()  # before the first row is read, as in flows.check_memory
    task = _task(principal, prepared.asked)
    soul = prepared.soul or personas.soul_of(
        prepared.persona, personas.version_of(prepared.persona, prepared.version.number)
    )
    found = [Contradiction.model_validate(each) for each in prepared.version.contradictions]
    fixed = wording.fixed(soul, found)
    _check_room(fixed, prepared.asked.budget_tokens)
    wish = Wish(
        principal=principal,
        persona=prepared.persona.key,
        task=task,
        question=prepared.question,
        known=prepared.words,
    )
    memories = gather(wish)
    wanted = {
        Section.SOUL: wording.body(soul),
        Section.LAST_HOUR: Wanted(memories.last_hour),
        Section.MEMORIES: Wanted(memories.found),
    }
    if task is not None:
        wanted[Section.TASK] = wording.task(task, _payload(task))
    packed = packing.pack(fixed, wanted, budget=prepared.asked.budget_tokens)
    packed = _as_it_happened(_with_left_out(packed, memories), memories)
    context = Context(soul, prepared.version, packed, prepared.question, found)
    if task is None or prepared.asked.lease_token is None:
        return context
    return replace(context, evidence_id=_keep(principal, prepared, context, task, memories).pk)


def fill_cache(prepared: Prepared, context: Context) -> None:
    """After the commit."""
    if prepared.soul is None:
        souls.cache(prepared.version.pk, context.soul)


def _task(principal: Principal, asked: Asked) -> Task | None:
    if asked.task_id is None:
        return None
    task = tasks.read(asked.task_id)
    if not principal.is_agent:
        return task
    if asked.lease_token is None and (task.lease_token is None or task.agent_id != principal.agent_id):
        raise forbidden("An agent is given the context of a task that it holds: claim it first.", code="not_yours")
    token = asked.lease_token or task.lease_token
    assert token is not None
    # No lock, as in flows.check_memory.
    tasks.check_lease(task, token, agent_id=principal.agent_id)
    return task


def _question_of(task: Task | None) -> str:
    return (task.description.strip() or _payload(task)) if task else ""


def _payload(task: Task) -> str:
    return texts.readable(task.input_payload)


def _check_room(fixed: Mapping[Section, Sequence[Part]], budget: int) -> None:
    least = packing.least(fixed)
    if least > budget:
        raise Refused(
            f"Honesty and this persona's directives cost {least} tokens alone; ask for more than that.",
            code="budget_too_small",
            status=422,
            errors=[{"field": "budget_tokens", "code": "budget_too_small", "message": f"At least {least}."}],
            extra={"least_tokens": least},
        )


def _with_left_out(packed: Packed, memories: Gathered) -> Packed:
    """What stands in the last hour instead is left out of the memories; where that had no room for it either, the budget is why."""
    shown = {part.id for section in packed.sections for part in section.parts}
    more = [each for each in memories.left_out if each.id is None or each.id in shown]
    return replace(packed, left_out=[*packed.left_out, *more])


def _as_it_happened(packed: Packed, memories: Gathered) -> Packed:
    """The last hour was filled from its end, and is read from its beginning."""
    order = {part.id: -number for number, part in enumerate(memories.last_hour)}
    for section in packed.sections:
        if section.section is Section.LAST_HOUR:
            section.parts = wording.in_time(section.parts, order)
    return packed


def _keep(principal: Principal, prepared: Prepared, context: Context, task: Task, memories: Gathered) -> ContextShown:
    shown: list[dict[str, Any]] = [
        {"section": str(section.section), "id": part.id, "tokens": part.cost}
        for section in context.packed.sections
        for part in section.parts
    ]
    hits = [memories.hits[each["id"]] for each in shown if each["id"] in memories.hits]
    assert principal.agent_id is not None
    assert prepared.asked.lease_token is not None
    whose: dict[str, Any] = {
        "task_id": task.pk,
        "lease_token": prepared.asked.lease_token,
        "attempt": task.attempt_count,
        "agent_id": principal.agent_id,
    }
    check = actions.freeze(
        session_id=task.session_id,
        question=prepared.question or NOT_ASKED,
        hits=hits,
        index=memories.index,
        by=principal.actor,
        **whose,
    )
    row: ContextShown = ContextShown.objects.create(
        persona_version_id=prepared.version.pk,
        memory_check=check,
        budget_tokens=prepared.asked.budget_tokens,
        used_tokens=context.packed.tokens,
        shown=shown,
        left_out=[asdict(each) for each in context.packed.left_out],
        sha256=hashlib.sha256(context.packed.text.encode()).hexdigest(),
        created_at=clock.now(),
        **whose,
    )
    fact = events.ContextShown(
        aggregate_id=row.pk,
        aggregate_version=1,
        session_id=task.session_id,
        task_id=task.pk,
        agent=principal.agent_id,
        persona=prepared.persona.key,
        number=prepared.version.number,
        sha256=row.sha256,
        memories=len(hits),
        left_out=len(context.packed.left_out),
        used_tokens=row.used_tokens,
    )
    tell(fact, by=principal.actor)
    return row
