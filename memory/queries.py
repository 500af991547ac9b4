"""What can be asked of memory. Every QuerySet here is bound to the tenant by row-level security."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.apps import apps
from django.db import connection
from django.db.models import Q, QuerySet

from chimera.kernel import prepared, tenancy
from chimera.kernel.errors import not_found
from memory.limits import FROZEN_SHOWN_MAX

HEAVY = ("embedding", "words")  # 3 kB and more a row, which only the database computes with


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks: `agent_id` whose own memories are open: an agent's, or the one that a person names; `sessions` in which an
    agent holds a lease; `any_session` and `any_agent` if all are open: to people, who read one by its id.

    The session or agent that an agent names is a filter, and no right to it.
    """

    agent_id: UUID | None = None
    sessions: frozenset[UUID] = frozenset()
    any_session: bool = False
    any_agent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What a search may find: for whom, as of when, and which properties."""

    viewer: Viewer
    at: datetime  # now, or `as_of`
    category: str | None = None
    session_id: UUID | None = None
    agent_role: str | None = None
    persona: str | None = None
    of_persona: str | None = None  # remembered as this persona, or as none
    agent_id: UUID | None = None  # who remembered it
    since: datetime | None = None  # made at or after
    until: datetime | None = None  # made before


# One look into the index (tenant_id, embedding_model, id) for each model, and not at each row.
_MODELS_HELD = """
    WITH RECURSIVE held AS (
        (SELECT embedding_model AS model FROM memory_memoryrecord
         WHERE tenant_id = %(tenant)s AND forgotten_at IS NULL ORDER BY embedding_model LIMIT 1)
        UNION ALL
        SELECT (SELECT r.embedding_model FROM memory_memoryrecord r
                WHERE r.tenant_id = %(tenant)s AND r.forgotten_at IS NULL AND r.embedding_model > held.model
                ORDER BY r.embedding_model LIMIT 1)
        FROM held WHERE held.model IS NOT NULL
    )
    SELECT model FROM held WHERE model IS NOT NULL
"""


class MemoryQuerySet(QuerySet[Any]):
    def kept(self) -> Self:
        return self.filter(forgotten_at__isnull=True)

    def present(self) -> Self:
        """What a repeat of its words is a sighting of."""
        return self.filter(forgotten_at__isnull=True, superseded_at__isnull=True)

    def visible_to(self, viewer: Viewer) -> Self:
        """Tenant-wide memories, those of the viewer's sessions, and an agent's own."""
        seen = Q(visibility="tenant")
        if viewer.any_session:
            seen |= Q(visibility="session")
        elif viewer.sessions:
            seen |= Q(visibility="session", session_id__in=viewer.sessions)
        if viewer.agent_id:
            seen |= Q(agent_id=viewer.agent_id)
        if viewer.any_agent:
            seen |= Q(visibility="agent")
        return self.filter(seen)

    def superseded_not_before(self, at: datetime) -> Self:
        return self.filter(Q(superseded_at__isnull=True) | Q(superseded_at__gt=at))

    def valid_at(self, at: datetime) -> Self:
        """Inside its window; a side that was left open is open."""
        begun = Q(valid_from__isnull=True) | Q(valid_from__lte=at)
        return self.filter(begun, Q(valid_until__isnull=True) | Q(valid_until__gt=at))

    def having(self, **properties: Any) -> Self:
        """With every property that is given."""
        return self.filter(**{name: value for name, value in properties.items() if value is not None})

    def sought(self, sought: Sought) -> Self:
        found = self.kept().visible_to(sought.viewer).superseded_not_before(sought.at).valid_at(sought.at)
        return found.having(
            category=sought.category,
            session_id=sought.session_id,
            agent_role=sought.agent_role,
            persona=sought.persona,
            agent_id=sought.agent_id,
            created_at__gte=sought.since,
            created_at__lt=sought.until,
            persona__in=None if sought.of_persona is None else ("", sought.of_persona),
        )

    def unembedded(self, model: str, at: datetime) -> Self:
        """Kept, without a vector of this model, and not to be tried later because this model refused the text."""
        due = Q(embed_again_at__isnull=True) | Q(embed_again_at__lte=at) | ~Q(embedding_fault__model=model)
        return self.kept().exclude(embedding_model=model).filter(due)

    def models_held(self) -> list[str]:
        """Models of the bound tenant's kept memories, '' for those without a vector; asked of the index, one look for each."""
        with connection.cursor() as cursor:
            cursor.execute(_MODELS_HELD, {"tenant": tenancy.current()})
            return [row[0] for row in cursor.fetchall()]

    def held_by(self, model: str) -> int:
        """How many of the bound tenant's kept memories have a vector of this model."""
        return self.kept().filter(tenant_id=tenancy.current(), embedding_model=model).count()

    def light(self) -> Self:
        return self.defer(*HEAVY)

    def get_or_refuse(self, memory_id: UUID) -> Any:
        found = self.filter(pk=memory_id).first()
        if found is None:
            raise not_found("memory")
        return found


class CheckQuerySet(QuerySet[Any]):
    def of_tasks(self, *task_ids: UUID, lease_token: UUID | None = None) -> Self:
        """Oldest first."""
        checks = self.filter(task_id__in=task_ids).order_by("pk")
        return checks.filter(lease_token=lease_token) if lease_token else checks


class PersonaQuerySet(QuerySet[Any]):
    def get_or_refuse(self, key: str) -> Any:
        found = self.filter(key=key).first()
        if found is None:
            raise not_found("persona")
        return found


def versions_of(memory_ids: Collection[UUID]) -> dict[UUID, int]:
    """A memory's text never changes; its version is raised when it is superseded or forgotten."""
    if not memory_ids:
        return {}
    rows = apps.get_model("memory", "MemoryRecord").objects.filter(pk__in=memory_ids)
    return dict(rows.values_list("pk", "version"))


def frozen_for(task_id: UUID, *, lease_token: UUID | None = None) -> list[dict[str, Any]]:
    """What its agents were shown of memory: memory.models.Frozen with {attempt, query, checked_at}.

    With `lease_token` only what was shown under that lease. Each memory once a lease, with its best score; at most
    FROZEN_SHOWN_MAX, the latest lease first and in it the best first.
    """
    return frozen_for_all([task_id], lease_token=lease_token)[task_id]


def frozen_for_all(task_ids: Collection[UUID], *, lease_token: UUID | None = None) -> dict[UUID, list[dict[str, Any]]]:
    """The same for many tasks, in one query; an empty list for a task without a check."""
    frozen = apps.get_model("memory", "MemoryCheck").objects.of_tasks(*task_ids, lease_token=lease_token)
    checks: dict[UUID, list[Any]] = {task_id: [] for task_id in task_ids}
    for check in frozen:
        checks[check.task_id].append(check)
    return {task_id: _shown(of_task) for task_id, of_task in checks.items()}


# Each search of a task's agents, with what became since then of the memories that it found.
_CHECKED = """
    SELECT <columns>, (
        SELECT jsonb_object_agg(m.id, jsonb_build_object(
            'superseded_at', m.superseded_at, 'forgotten_at', m.forgotten_at, 'now', left(heir.content, %(most)s::int)
        )) FROM memory_memoryrecord m LEFT JOIN memory_memoryrecord heir ON heir.id = m.superseded_by_id
        WHERE m.id IN (SELECT (found->>'id')::uuid FROM jsonb_array_elements(c.memories) found)
    )::text
    FROM memory_memorycheck c WHERE c.task_id = %(task)s::uuid ORDER BY c.id
"""
HEIR_CHARACTERS_MAX = 2_000  # of the memory that took its place


def frozen_and_since(task_id: UUID) -> list[dict[str, Any]]:
    """As `frozen_for`, each with what became of it: {superseded_at, forgotten_at, now}, moments as text, `now` the words of the
    memory that took its place; all None of one that stands as it was. One query."""
    model = apps.get_model("memory", "MemoryCheck")
    sql = _CHECKED.replace("<columns>", prepared.columns(model, "c"))
    checks: list[Any] = []
    since: dict[str, dict[str, Any]] = {}
    for *row, became in prepared.ask(sql, {"task": task_id, "most": HEIR_CHARACTERS_MAX}):
        checks.append(prepared.instance(model, tuple(row)))
        since |= json.loads(became or "{}")
    as_it_was = {"superseded_at": None, "forgotten_at": None, "now": None}
    return [shown | since.get(shown["id"], as_it_was) for shown in _shown(checks)]


def _shown(checks: list[Any]) -> list[dict[str, Any]]:
    leases = {check.lease_token: number for number, check in enumerate(checks)}  # the later check of a lease counts
    best: dict[tuple[UUID, str], dict[str, Any]] = {}
    for check in checks:
        about = {"attempt": check.attempt, "query": check.query, "checked_at": check.created_at.isoformat()}
        for memory in check.memories:
            key = (check.lease_token, memory["id"])
            if key not in best or best[key]["score"] < memory["score"]:
                best[key] = memory | about
    order = sorted(best, key=lambda key: (-leases[key[0]], -best[key]["score"], key[1]))
    return [best[key] for key in order[:FROZEN_SHOWN_MAX]]
