"""A persona's context: who it is, the last hour, what is remembered and the task, within a budget of tokens.

Nothing waits inside a transaction: `prepare` reads persona and task in one of its own, and then asks Redis and the embedder;
`assemble` runs in the caller's. Locks nothing. Dies anywhere: what an agent was shown is kept with its task as a whole, or nothing of
it is; Redis is filled last, and holds nothing that PostgreSQL has not.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from chimera.flows.check_memory import viewer_of
from chimera.kernel import clock, tenancy
from chimera.kernel.errors import Refused, forbidden
from chimera.kernel.eventlog import tell
from chimera.kernel.identity import Principal
from memory import actions, events, ranking, search, texts
from memory.actions import conversations, personas, souls
from memory.limits import CONTEXT_MEMORIES, QUERY_CHARACTERS_MAX, RECENT_MAX, RECENT_SECONDS
from memory.models import Category, ContextShown, MemoryRecord, Persona, PersonaVersion
from memory.personas import packing, wording
from memory.personas.honesty import Contradiction
from memory.personas.packing import LeftOut, Packed, Part, Reason, Section, Wanted
from memory.personas.soul import Soul
from memory.queries import Sought, Viewer
from memory.ranking import Mode
from memory.search import Hit, Question
from swarm.actions import tasks
from swarm.models import AgentProfile, Task

NOT_ASKED = Question(text="", mode=Mode.KEYWORD, words=(), vector=None, model="")


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


@dataclass(frozen=True)
class _Memories:
    """What may stand in a context, in words; `hits` by id, of both sections."""

    last_hour: list[Part]
    found: list[Part]
    left_out: list[LeftOut]
    hits: Mapping[str, Hit]


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
        question=search.ask(text=query, mode=Mode.HYBRID) if query.strip() else None,
        soul=souls.cached(version.pk, sha256=version.sha256),
        words=conversations.words(task.session_id) if task else {},
    )


def assemble(*, principal: Principal, prepared: Prepared) -> Context:
    """Inside the caller's transaction. What is quoted is what the caller may see, of the task's session and no other.

    An agent names a task only while it holds it: 403 `not_yours`, 409 `stale_lease`. 422 `budget_too_small` where honesty and the
    persona's directives alone cost more. With a lease token the context is kept with the task, and told.
    """
    task = _task(principal, prepared.asked)
    soul = prepared.soul or personas.soul_of(
        prepared.persona, personas.version_of(prepared.persona, prepared.version.number)
    )
    found = [Contradiction.model_validate(each) for each in prepared.version.contradictions]
    fixed = wording.fixed(soul, found)
    _check_room(fixed, prepared.asked.budget_tokens)
    memories = _memories(principal, prepared, task)
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


# ---------------------------------------------------------------------- memories


def _memories(principal: Principal, prepared: Prepared, task: Task | None) -> _Memories:
    viewer = _viewer(principal, task)
    recent = _last_hour(prepared, viewer, task)
    hits = _found(prepared, viewer)
    rows = [*recent, *(hit.memory for hit in hits)]
    agents = {row.agent_id for row in rows if row.agent_id}
    names = dict(AgentProfile.objects.filter(pk__in=agents).values_list("pk", "name"))
    words = _words(prepared, rows)
    for row in rows:
        row.content = words[row.pk]
    parts = {str(row.pk): wording.memory(row, row.content, agent=names.get(row.agent_id)) for row in rows}
    last_hour = [parts[str(row.pk)] for row in recent[:RECENT_MAX]]
    there = {part.id for part in last_hour}
    twice = [str(hit.memory.pk) for hit in hits if str(hit.memory.pk) in there]
    left_out = [LeftOut(Section.MEMORIES, key, Reason.IN_LAST_HOUR, parts[key].cost) for key in twice]
    if len(recent) > RECENT_MAX:
        left_out.append(LeftOut(Section.LAST_HOUR, None, Reason.OLDER, 0))
    scored = {str(row.pk): _unasked(row, prepared.question or NOT_ASKED) for row in recent}
    return _Memories(
        last_hour=last_hour,
        found=[parts[str(hit.memory.pk)] for hit in hits if str(hit.memory.pk) not in there],
        left_out=left_out,
        hits=scored | {str(hit.memory.pk): hit for hit in hits},
    )


def _viewer(principal: Principal, task: Task | None) -> Viewer:
    """With a task, what is kept for its session, whoever asks; without one, what a search would find."""
    if task is None:
        return viewer_of(principal)
    return Viewer(principal.agent_id if principal.is_agent else None, frozenset({task.session_id}))


def _last_hour(prepared: Prepared, viewer: Viewer, task: Task | None) -> list[Any]:
    """What happened in the task's session, or to the persona: newest first, without the words."""
    now = clock.now()
    rows = MemoryRecord.objects.kept().visible_to(viewer).superseded_not_before(now).valid_at(now)
    rows = rows.filter(category=Category.EPISODIC, created_at__gt=now - timedelta(seconds=RECENT_SECONDS))
    whose = {"session_id": task.session_id} if task else {"persona": prepared.persona.key}
    return list(rows.having(**whose).light().defer("content").order_by("-created_at", "-pk")[: RECENT_MAX + 1])


def _found(prepared: Prepared, viewer: Viewer) -> list[Hit]:
    if prepared.question is None:
        return []
    sought = Sought(viewer=viewer, at=clock.now(), of_persona=prepared.persona.key)
    return search.find(prepared.question, sought, limit=CONTEXT_MEMORIES)


def _words(prepared: Prepared, rows: Sequence[Any]) -> dict[UUID, str]:
    """From what was read, from Redis, and from PostgreSQL what neither has."""
    words = {row.pk: row.content for row in rows if "content" not in row.get_deferred_fields()}
    missing = {row.pk for row in rows} - set(words)
    words |= {key: prepared.words[key] for key in missing & set(prepared.words)}
    if missing := missing - set(words):
        words |= dict(MemoryRecord.objects.filter(pk__in=missing).values_list("pk", "content"))
    return words


def _unasked(row: Any, question: Question) -> Hit:
    """What stands there because it is recent has the score of its age and weight alone: nobody has compared it with the question."""
    age = ranking.age(created_at=row.created_at, at=clock.now())
    parts = ranking.parts(similarity=None, coverage=0.0, age=age, importance=row.importance_score)
    return Hit(row, ranking.score(parts, question.mode), parts)


def _with_left_out(packed: Packed, memories: _Memories) -> Packed:
    """What stands in the last hour instead is left out of the memories; where that had no room for it either, the budget is why."""
    shown = {part.id for section in packed.sections for part in section.parts}
    more = [each for each in memories.left_out if each.id is None or each.id in shown]
    return replace(packed, left_out=[*packed.left_out, *more])


def _as_it_happened(packed: Packed, memories: _Memories) -> Packed:
    """The last hour was filled from its end, and is read from its beginning."""
    order = {part.id: -number for number, part in enumerate(memories.last_hour)}
    for section in packed.sections:
        if section.section is Section.LAST_HOUR:
            section.parts = wording.in_time(section.parts, order)
    return packed


# ---------------------------------------------------------------------- evidence


def _keep(principal: Principal, prepared: Prepared, context: Context, task: Task, memories: _Memories) -> ContextShown:
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
    check = actions.freeze(question=prepared.question or NOT_ASKED, hits=hits, **whose)
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
