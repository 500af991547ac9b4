"""What an erasure does to PostgreSQL: records with their vectors and sightings, reasons, frozen copies and questions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, assert_never
from uuid import UUID

from django.db import connection
from django.db.models import Q

from memory import receipts
from memory.limits import ERASED_AT_ONCE, WALKED_AT_ONCE
from memory.models import ErasureScope, MemoryErasure, MemoryRecord, MemorySighting, MemoryVector, PersonaVersion

ERASED = "[erased]"  # what stands in a blanked text's place

_HEIRS = "UPDATE memory_memoryrecord SET superseded_by_id = NULL WHERE superseded_by_id = ANY(%s)"
_SIGHTINGS = """
    WITH gone AS (DELETE FROM memory_memorysighting WHERE id = ANY(%s) RETURNING memory_id),
    each AS (SELECT memory_id, count(*) AS number FROM gone GROUP BY memory_id)
    UPDATE memory_memoryrecord m SET sightings = greatest(0, m.sightings - each.number) FROM each WHERE m.id = each.memory_id
"""


def scope_of(erasure: MemoryErasure) -> Q:
    """Which memories it is about: who brought the words first decides, whoever repeated them since."""
    whose = erasure.whose
    match ErasureScope(erasure.scope):
        case ErasureScope.TENANT:
            return Q()
        case ErasureScope.SESSION:
            return Q(session_id=whose)
        case ErasureScope.AGENT:
            return Q(agent_id=whose) | Q(written_by=f"agent:{whose}")
        case ErasureScope.PERSON:
            return Q(written_by=f"person:{whose}")
        case ErasureScope.SUBJECT:
            return Q(subject=whose)
        case other:
            assert_never(other)


def next_slice(erasure: MemoryErasure) -> list[UUID]:
    rows = MemoryRecord.objects.filter(scope_of(erasure)).select_for_update().order_by("pk")
    return list(rows.values_list("pk", flat=True)[:ERASED_AT_ONCE])


def erase(erasure: MemoryErasure, ids: Sequence[UUID]) -> None:
    """The locked records of these ids, and what hangs on them. What they took the place of stays superseded, by nothing."""
    rows = MemoryRecord.objects.filter(pk__in=ids)
    vectors = MemoryVector.objects.filter(memory_id__in=ids)._raw_delete("default")  # type: ignore[attr-defined]
    (reasons,) = _asked("SELECT chimera_erase_reasons(%s, %s)", erasure.pk, list(ids))
    _run(_HEIRS, list(ids))
    sightings = MemorySighting.objects.filter(memory_id__in=ids)._raw_delete("default")  # type: ignore[attr-defined]
    memories = rows._raw_delete("default")  # type: ignore[attr-defined]
    erasure.ids_digest = receipts.chained(bytes(erasure.ids_digest), ids)
    count(erasure, memories=memories, vectors=vectors, sightings=sightings, reasons=reasons)
    erasure.walked_to = None  # copies of these may stand on a page that was walked before
    erasure.save(update_fields=["ids_digest", "counts", "walked_to"])


def erase_sightings(erasure: MemoryErasure) -> bool:
    """Of memories that somebody else brought; those stay. False when there are none left."""
    ids = list(_sightings(erasure).order_by("pk").values_list("pk", flat=True)[:ERASED_AT_ONCE])
    if ids:
        _run(_SIGHTINGS, ids)
        count(erasure, sightings=len(ids))
        erasure.save(update_fields=["counts"])
    return bool(ids)


def erase_personas(erasure: MemoryErasure) -> None:
    """Of all the tenant; who a session, an agent or a person is, no persona says."""
    if erasure.scope == ErasureScope.TENANT:
        (versions,) = _asked("SELECT chimera_erase_personas(%s)", erasure.pk)
        count(erasure, personas=versions)
        erasure.save(update_fields=["counts"])


def walk(erasure: MemoryErasure) -> bool:
    """Blank what a page of the checks has of what is gone; False when there is no further page."""
    last, copies, questions = _asked(
        "SELECT last, frozen, asked FROM chimera_erase_frozen(%s, %s, %s)",
        erasure.pk,
        erasure.walked_to,
        WALKED_AT_ONCE,
    )
    if last is None:
        return False
    erasure.walked_to = last
    count(erasure, copies=copies, questions=questions)
    erasure.save(update_fields=["walked_to", "counts"])
    return True


def left(erasure: MemoryErasure, *, until: datetime) -> bool:
    """Read again: whether there is anything of it that was written until then."""
    mine = MemoryRecord.objects.filter(scope_of(erasure), created_at__lte=until)
    return mine.exists() or _sightings(erasure).filter(created_at__lte=until).exists() or _personas(erasure, until)


def count(erasure: MemoryErasure, **more: int) -> None:
    erasure.counts = erasure.counts | {kind: erasure.counts.get(kind, 0) + number for kind, number in more.items()}


def _personas(erasure: MemoryErasure, until: datetime) -> bool:
    written = PersonaVersion.objects.exclude(name=ERASED).filter(created_at__lte=until)
    return erasure.scope == ErasureScope.TENANT and written.exists()


def _sightings(erasure: MemoryErasure) -> Any:
    if erasure.scope == ErasureScope.SUBJECT:
        return MemorySighting.objects.none()  # they have no subject of their own
    return MemorySighting.objects.filter(scope_of(erasure))


def _asked(sql: str, *params: Any) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        found: tuple[Any, ...] = cursor.fetchone()
        return found


def _run(sql: str, ids: list[UUID]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, [ids])
