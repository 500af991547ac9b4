"""Versions of personas in Redis, by their ids: what a version says never changes, so none there can be out of date.

PostgreSQL says which version is meant and what its hash is; what Redis holds under its id and does not have that hash is read as nothing.
A Redis that is away, empty or set back costs one read.
"""

import json
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from chimera.kernel import redis, tenancy
from chimera.kernel.eventlog import Recorded
from memory.limits import SOUL_CACHED_SECONDS
from memory.models import PersonaVersion
from memory.personas.soul import Soul

LISTS = ("voice_traits", "directives")


def cached(version_id: UUID, *, sha256: str) -> Soul | None:
    """Outside transactions."""
    try:
        with redis.hint() as client:
            found: dict[str, str] = client.hgetall(redis.persona(version_id))  # type: ignore[assignment]
    except redis.Away:
        return None
    soul = _soul(found) if found else None
    return soul if soul and soul.sha256 == sha256 else None


def cache(version_id: UUID, soul: Soul) -> None:
    """Outside transactions."""
    said: dict[str, Any] = soul.model_dump(mode="json")
    fields: dict[Any, Any] = said | {name: json.dumps(said[name]) for name in LISTS}
    try:
        with redis.hint() as client:
            pipe = client.pipeline()
            pipe.hset(redis.persona(version_id), mapping=fields)
            pipe.expire(redis.persona(version_id), SOUL_CACHED_SECONDS)
            pipe.execute()
    except redis.Away:
        return


def drop(event: Recorded) -> None:
    """Reaction to PersonaRetired: its versions leave Redis. What comes back with a late reader ends after SOUL_CACHED_SECONDS."""
    with tenancy.bound(event.tenant_id):
        rows = PersonaVersion.objects.filter(persona_id=event.payload["aggregate_id"])
        ids = list(rows.values_list("pk", flat=True))
    remove(ids)


def remove(version_ids: list[UUID]) -> None:
    """Outside transactions; for whoever erases them too."""
    if not version_ids:
        return
    try:
        with redis.hint() as client:
            client.delete(*(redis.persona(each) for each in version_ids))
    except redis.Away:
        return


def _soul(found: dict[str, str]) -> Soul | None:
    try:
        return Soul.model_validate({name: json.loads(said) if name in LISTS else said for name, said in found.items()})
    except (ValidationError, ValueError):
        return None
