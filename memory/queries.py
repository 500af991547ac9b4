"""What can be asked of memory. Every QuerySet here is bound to the tenant by row-level security."""

import json
from collections.abc import Collection, Iterable, Mapping
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

HEAVY = ("words",)  # which only the database computes with


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

    def said_again(self, times: int) -> Self:
        """Said so often, from two on. The sightings' own rows lead there: an index of `sightings` would have each of them write the
        whole row anew into every other index, that of the vectors among them."""
        again = apps.get_model("memory", "MemorySighting").objects.filter(tenant_id=tenancy.current())
        return self.filter(sightings__gte=times - 1, pk__in=again.values("memory_id"))

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
    """What its agents were shown of memory: memory.models.Frozen with {attempt, query, checked_at, index, embedding_model}.

    With `lease_token` only what was shown under that lease. Each memory once a lease, with its best score; at most
    FROZEN_SHOWN_MAX, the latest lease first and in it the best first.
    """
    return frozen_for_all([task_id], lease_token=lease_token)[task_id]


def frozen_for_all(task_ids: Collection[UUID], *, lease_token: UUID | None = None) -> dict[UUID, list[dict[str, Any]]]:
    """The same for many tasks, in one query; an empty list for a task without a check."""
    return _by_task(
        task_ids, apps.get_model("memory", "MemoryCheck").objects.of_tasks(*task_ids, lease_token=lease_token)
    )


def _by_task(task_ids: Collection[UUID], frozen: Iterable[Any]) -> dict[UUID, list[dict[str, Any]]]:
    checks: dict[UUID, list[Any]] = {task_id: [] for task_id in task_ids}
    for check in frozen:
        checks[check.task_id].append(check)
    return {task_id: _shown(of_task) for task_id, of_task in checks.items()}


# Each search of these tasks' agents, and with the first of them what became since of all the memories that they found. What took a memory's
# place may have been superseded in turn: `heirs` follows it to the last.
_CHECKED = """
    WITH RECURSIVE checked AS MATERIALIZED (
        SELECT <columns> FROM memory_memorycheck c WHERE c.task_id = ANY(%(tasks)s::uuid[])
    ), known AS (
        SELECT DISTINCT (found->>'id')::uuid AS id FROM checked, jsonb_array_elements(checked.memories) found
    ), heirs AS (
        SELECT m.id AS origin, m.id, m.superseded_by_id AS next, 0 AS step FROM memory_memoryrecord m JOIN known USING (id)
        UNION ALL
        SELECT heirs.origin, m.id, m.superseded_by_id, heirs.step + 1
        FROM heirs JOIN memory_memoryrecord m ON m.id = heirs.next WHERE heirs.step < %(steps)s::int
    ), last AS (
        SELECT DISTINCT ON (origin) origin, id, step FROM heirs ORDER BY origin, step DESC
    ), since AS (
        SELECT jsonb_object_agg(m.id, jsonb_build_object(
            'version', m.version, 'superseded_at', m.superseded_at, 'forgotten_at', m.forgotten_at,
            'now_id', CASE WHEN last.step > 0 THEN heir.id END, 'now_forgotten_at', CASE WHEN last.step > 0 THEN heir.forgotten_at END,
            'now', CASE WHEN last.step > 0 AND heir.forgotten_at IS NULL THEN left(heir.content, %(most)s::int) END
        ))::text AS became
        FROM last JOIN memory_memoryrecord m ON m.id = last.origin JOIN memory_memoryrecord heir ON heir.id = last.id
    )
    SELECT <columns>, CASE WHEN row_number() OVER (ORDER BY c.id) = 1 THEN (SELECT became FROM since) END
    FROM checked c ORDER BY c.id
"""
HEIR_CHARACTERS_MAX = 2_000  # of the memory that took its place
HEIR_STEPS_MAX = 50  # corrections of corrections that are followed
ERASED = {
    "version": None,
    "superseded_at": None,
    "forgotten_at": None,
    "now_id": None,
    "now_forgotten_at": None,
    "now": None,
}


def frozen_and_since(task_id: UUID) -> list[dict[str, Any]]:
    """As `frozen_for`, each with what became of it; see `frozen_and_since_all`."""
    return frozen_and_since_all([task_id])[task_id]


def frozen_and_since_all(task_ids: Collection[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """As `frozen_for_all`, each with {changed, version_now, superseded_at, forgotten_at, now, now_id, now_forgotten_at}, moments as text.

    `changed` since it was frozen: `superseded`, `forgotten`, `erased`, `edited`, or None; one that was found as of an earlier time may
    have been superseded before. `now` is what the last memory in its place says, None where that one is forgotten. One query.
    """
    checks, since = checks_and_since(task_ids)
    found = _by_task(task_ids, checks)
    return {task_id: [shown | _became(shown, since) for shown in frozen] for task_id, frozen in found.items()}


def checks_and_since(task_ids: Collection[UUID]) -> tuple[list[Any], dict[str, dict[str, Any]]]:
    """The checks of these tasks, oldest first, and by its id what became of each memory that they found."""
    model = apps.get_model("memory", "MemoryCheck")
    sql = _CHECKED.replace("<columns>", prepared.columns(model, "c"))
    asked = {"tasks": list(task_ids), "most": HEIR_CHARACTERS_MAX, "steps": HEIR_STEPS_MAX}
    checks: list[Any] = []
    since: dict[str, dict[str, Any]] = {}
    for *row, became in prepared.ask(sql, asked):
        checks.append(prepared.instance(model, tuple(row)))
        since |= json.loads(became or "{}")
    return checks, since


def _became(shown: Mapping[str, Any], since: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    row = since.get(shown["id"])
    now = dict(row or ERASED)
    return {"changed": changed_since(shown, row), "version_now": now.pop("version")} | now


def changed_since(shown: Mapping[str, Any], row: Mapping[str, Any] | None) -> str | None:
    """What happened to a frozen memory after it was frozen; `row` is what it is now, None where it is gone."""
    if row is None:
        return "erased"
    known = shown.get("version")
    if known == row["version"]:
        return None
    if row["forgotten_at"]:
        return "forgotten"
    if row["superseded_at"]:
        return "superseded"
    return "edited" if known is not None else None  # frozen before there were versions


def _shown(checks: list[Any]) -> list[dict[str, Any]]:
    leases = {check.lease_token: number for number, check in enumerate(checks)}  # the later check of a lease counts
    best: dict[tuple[UUID, str], dict[str, Any]] = {}
    for check in checks:
        about = {
            "attempt": check.attempt,
            "query": check.query,
            "checked_at": check.created_at.isoformat(),
            "index": check.index,
            "embedding_model": check.embedding_model,
        }
        for memory in check.memories:
            key = (check.lease_token, memory["id"])
            if key not in best or best[key]["score"] < memory["score"]:
                best[key] = memory | about
    order = sorted(best, key=lambda key: (-leases[key[0]], -best[key]["score"], key[1]))
    return [best[key] for key in order[:FROZEN_SHOWN_MAX]]
