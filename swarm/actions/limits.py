"""Concurrency limits: set, and kept by claims.

A claim locks each limit that applies by its name, and then counts what runs. Only claims make tasks run, so the count
cannot grow until the claim commits; it may shrink, and then one task too few is handed out, never one too many.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Q

from chimera.kernel import advisory, tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.errors import conflict, invalid, not_found
from chimera.kernel.eventlog import tell
from chimera.kernel.identity import AGENT_ROLES
from swarm.events import ConcurrencyLimitRemoved, ConcurrencyLimitSet
from swarm.models import ConcurrencyLimit, Task
from swarm.states import LimitScope, TaskStatus

Place = tuple[LimitScope, str]
WHOLE: Place = (LimitScope.TENANT, "")


def create(*, scope: LimitScope, value: str, running_max: int, by: Actor) -> ConcurrencyLimit:
    """A limit that acts from the next claim on; what runs already goes on."""
    _check(scope, value)
    if ConcurrencyLimit.objects.filter(scope=scope, value=value).exists():
        raise conflict("There is a limit for this already; change it.", code="limit_exists")
    limit: ConcurrencyLimit = ConcurrencyLimit.objects.create(scope=scope, value=value, running_max=running_max)
    tell(ConcurrencyLimitSet.about(limit), by=by)
    return limit


def _check(scope: LimitScope, value: str) -> None:
    if scope is LimitScope.TENANT and value:
        raise invalid("The tenant's own limit has no `value`.", field_name="value")
    if scope is LimitScope.ROLE and value not in {str(role) for role in AGENT_ROLES}:
        raise invalid(f"`value` must be one of: {', '.join(sorted(AGENT_ROLES))}.", field_name="value")


def lock(limit_id: UUID) -> ConcurrencyLimit:
    found: ConcurrencyLimit | None = ConcurrencyLimit.objects.select_for_update().filter(pk=limit_id).first()
    if found is None:
        raise not_found("concurrency limit")
    return found


def change(*, limit: ConcurrencyLimit, running_max: int, by: Actor) -> None:
    """Acts from the next claim on; where more than that run already, none is added until fewer do."""
    limit.running_max, limit.version = running_max, limit.version + 1
    limit.save(update_fields=["running_max", "version"])
    tell(ConcurrencyLimitSet.about(limit), by=by)


def remove(*, limit: ConcurrencyLimit, by: Actor) -> None:
    tell(ConcurrencyLimitRemoved.about(limit), by=by)
    ConcurrencyLimit.objects.filter(pk=limit.pk).delete()


def without(limit: ConcurrencyLimit) -> int | None:
    """How many may run in its place once it is removed: of a key what keys have by default; None where nothing is left."""
    if limit.scope != LimitScope.KEY:
        return None
    others = ConcurrencyLimit.objects.filter(scope=LimitScope.KEY, value="").exclude(pk=limit.pk)
    default: int | None = others.values_list("running_max", flat=True).first()
    return settings.CONCURRENCY_KEY_DEFAULT if default is None else default


@dataclass(frozen=True)
class Admitted:
    """Which tasks may run now; `early` may not because the tenant, its role or the agent runs as many as it may."""

    now: list[UUID]
    early: list[UUID]


def admit(*, role: str, candidates: Sequence[tuple[UUID, str]], most: int) -> Admitted:
    """Of these tasks (id, concurrency key), best first, at most `most`. Waits for other claims at the same limits."""
    keys = {key for _, key in candidates if key}
    found = _set_for(role, keys)
    wide = [place for place in (WHOLE, (LimitScope.ROLE, role)) if place in found]
    places = [*wide, *((LimitScope.KEY, key) for key in sorted(keys))]
    if not places:
        ids = [task_id for task_id, _ in candidates]
        return Admitted(ids[:most], ids[most:])
    for scope, value in places:
        advisory.hold(f"limit|{tenancy.current()}|{scope}|{value}")
    room = _room(role, keys, wide)
    admitted = Admitted([], [])
    for task_id, key in candidates:
        own = (LimitScope.KEY, key)
        if len(admitted.now) == most or any(room[place] <= 0 for place in wide):
            admitted.early.append(task_id)
        elif not key or room[own] > 0:
            room.subtract([*wide, own])
            admitted.now.append(task_id)
    return admitted


def running() -> "Counter[Place]":
    """How many tasks run now in all, of each role and under each key, in one statement, without waiting for anybody."""
    found: Counter[Place] = Counter()
    rows: Any = Task.objects.so_far().filter(status=TaskStatus.RUNNING).values_list("role", "concurrency_key")
    for role, key, number in rows.annotate(Count("pk")):
        found[WHOLE] += number
        found[(LimitScope.ROLE, role)] += number
        if key:
            found[(LimitScope.KEY, key)] += number
    return found


def full_keys() -> set[str]:
    """Keys under which as many tasks run as may, as it seems: the exact word is `admit`'s."""
    running = Task.objects.so_far().filter(status=TaskStatus.RUNNING).exclude(concurrency_key="")
    numbers: dict[str, int] = dict(running.values_list("concurrency_key").annotate(Count("pk")))
    if not numbers:
        return set()
    rows = ConcurrencyLimit.objects.filter(scope=LimitScope.KEY, value__in=[*numbers, ""])
    most = dict(rows.values_list("value", "running_max"))
    default = most.get("", settings.CONCURRENCY_KEY_DEFAULT)
    return {key for key, number in numbers.items() if number >= most.get(key, default)}


def _room(role: str, keys: set[str], wide: Sequence[Place]) -> "Counter[Place]":
    """How many more may run, by limit; read under the locks. A wide limit that was set since is the next claim's."""
    most = {
        place: number for place, number in _set_for(role, keys).items() if place in wide or place[0] is LimitScope.KEY
    }
    for key in keys:
        most.setdefault((LimitScope.KEY, key), most.get((LimitScope.KEY, ""), settings.CONCURRENCY_KEY_DEFAULT))
    most.pop((LimitScope.KEY, ""), None)
    running = Task.objects.so_far().filter(status=TaskStatus.RUNNING)
    room: Counter[Place] = Counter(most)
    if WHOLE in most:
        room[WHOLE] -= running.count()
    if (LimitScope.ROLE, role) in most:
        room[(LimitScope.ROLE, role)] -= running.filter(role=role).count()
    by_key: Any = running.filter(concurrency_key__in=keys).values_list("concurrency_key").annotate(Count("pk"))
    for key, number in by_key if keys else ():
        room[(LimitScope.KEY, key)] -= number
    return room


def _set_for(role: str, keys: set[str]) -> dict[Place, int]:
    named = Q(scope=LimitScope.TENANT) | Q(scope=LimitScope.ROLE, value=role)
    if keys:
        named |= Q(scope=LimitScope.KEY, value__in=[*keys, ""])
    rows = ConcurrencyLimit.objects.filter(named).values_list("scope", "value", "running_max")
    return {(LimitScope(scope), value): most for scope, value, most in rows}
