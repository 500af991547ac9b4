"""What may stand in a persona's context of memory: what was said in the last hour, and what a search finds. Reads alone, in the caller's
transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q

from chimera.flows.check_memory import viewer_of
from chimera.kernel import clock
from chimera.kernel.identity import Principal
from memory import ranking, search
from memory.limits import CONTEXT_MEMORIES, RECENT_MAX, RECENT_SECONDS
from memory.models import Category, MemoryRecord, MemorySighting
from memory.personas import wording
from memory.personas.packing import LeftOut, Part, Reason, Section
from memory.queries import Sought, Viewer
from memory.ranking import Mode
from memory.search import Found, Hit, Question
from memory.stores import Answer
from swarm.models import AgentProfile, Task

NOT_ASKED = Question(text="", mode=Mode.KEYWORD, vector=None, model="")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """For whom, as which persona, and what the task and the question are, if there are any."""

    principal: Principal
    persona: str
    task: Task | None
    question: Question | None
    known: Mapping[UUID, str]  # words of memories that Redis has, by id


@dataclass(frozen=True)
class Gathered:
    """In words, what matters most first; `hits` of both by their ids."""

    last_hour: list[Part]
    found: list[Part]
    left_out: list[LeftOut]
    hits: Mapping[str, Hit]
    index: Answer | None  # which one proposed what was found


def gather(wish: Wish) -> Gathered:
    """What the caller may see, of the task's session and no other. What stands in the last hour is not among `found`."""
    viewer = _viewer(wish)
    recent = _last_hour(wish, viewer)
    searched = _found(wish, viewer)
    hits = searched.hits
    parts = _in_words(wish, [*recent, *(hit.memory for hit in hits)])
    last_hour = [parts[str(row.pk)] for row in recent[:RECENT_MAX] if str(row.pk) in parts]
    there = {part.id for part in last_hour}
    ids = [str(hit.memory.pk) for hit in hits]
    left_out = [LeftOut(Section.MEMORIES, key, Reason.IN_LAST_HOUR, parts[key].cost) for key in ids if key in there]
    if len(recent) > RECENT_MAX:
        left_out.append(LeftOut(Section.LAST_HOUR, None, Reason.OLDER, 0))
    return Gathered(
        last_hour=last_hour,
        found=[parts[key] for key in ids if key not in there],
        left_out=left_out,
        hits={str(row.pk): _unasked(row, wish) for row in recent} | dict(zip(ids, hits, strict=True)),
        index=searched.index,
    )


def _viewer(wish: Wish) -> Viewer:
    """With a task, what is kept for its session, whoever asks; without one, what a search would find."""
    if wish.task is None:
        return viewer_of(wish.principal)
    return Viewer(wish.principal.agent_id if wish.principal.is_agent else None, frozenset({wish.task.session_id}))


def _last_hour(wish: Wish, viewer: Viewer) -> list[Any]:
    """What was said in the task's session, or by the persona, for the first time or again: newest first, without the words."""
    now = clock.now()
    since = now - timedelta(seconds=RECENT_SECONDS)
    again = _said_again(wish, since)
    whose = {"session_id": wish.task.session_id} if wish.task else {"persona": wish.persona}
    rows = MemoryRecord.objects.kept().visible_to(viewer).superseded_not_before(now).valid_at(now)
    rows = rows.filter(Q(created_at__gt=since, **whose) | Q(pk__in=again), category=Category.EPISODIC)
    found = sorted(
        rows.light().defer("content").order_by("-created_at", "-pk")[: 2 * RECENT_MAX + 1],
        key=lambda row: (max(row.created_at, again.get(row.pk, since)), row.pk),
        reverse=True,
    )
    return found[: RECENT_MAX + 1]


def _said_again(wish: Wish, since: datetime) -> dict[UUID, datetime]:
    """Memories of whatever session that came again here, and when last; at most RECENT_MAX of their sightings."""
    whose = {"session_id": wish.task.session_id} if wish.task else {"memory__persona": wish.persona}
    rows = MemorySighting.objects.filter(created_at__gt=since, **whose).order_by("-created_at")
    return dict(reversed(rows.values_list("memory_id", "created_at")[:RECENT_MAX]))


def _found(wish: Wish, viewer: Viewer) -> Found:
    if wish.question is None:
        return Found([])
    sought = Sought(viewer=viewer, at=clock.now(), of_persona=wish.persona)
    return search.look_up(wish.question, sought, limit=CONTEXT_MEMORIES)


def _in_words(wish: Wish, rows: Sequence[Any]) -> dict[str, Part]:
    agents = {row.agent_id for row in rows if row.agent_id}
    names = dict(AgentProfile.objects.filter(pk__in=agents).values_list("pk", "name"))
    words = _words(wish, rows)
    rows = [row for row in rows if row.pk in words]  # one may have been erased since it was found
    for row in rows:
        row.content = words[row.pk]
    return {str(row.pk): wording.memory(row, row.content, agent=names.get(row.agent_id)) for row in rows}


def _words(wish: Wish, rows: Sequence[Any]) -> dict[UUID, str]:
    """From what was read, from Redis, and from PostgreSQL what neither has."""
    words = {row.pk: row.content for row in rows if "content" not in row.get_deferred_fields()}
    missing = {row.pk for row in rows} - set(words)
    words |= {key: wish.known[key] for key in missing & set(wish.known)}
    if missing := missing - set(words):
        words |= dict(MemoryRecord.objects.filter(pk__in=missing).values_list("pk", "content"))
    return words


def _unasked(row: Any, wish: Wish) -> Hit:
    """What stands there because it is recent has the score of its age and weight alone: nobody has compared it with the question."""
    hours = ranking.age(created_at=row.created_at, at=clock.now()) / timedelta(hours=1)
    parts = ranking.rounded(0.0, 0.0, ranking.recency(hours), row.importance_score)
    return Hit(row, ranking.score(parts, (wish.question or NOT_ASKED).mode), parts)
