"""Locks for agents: acquire, renew, release, revoke. PostgreSQL decides; Redis only shows (swarm/lock_hints.py).

What a lock promises: at one moment one holder by our clock, and to each later holder a larger fencing number. It does not
promise that an owner notices in time that its lock has lapsed. So whoever is written to under a lock keeps the largest
number it has seen, and refuses smaller ones.

If the process dies:

* *acquire*: before the commit nobody holds it. After it the resource is held and the token is lost: the caller repeats
  with its Idempotency-Key and gets the same token, or the lock lapses. Before Redis is told, others look in PostgreSQL.
* *renew*: before the commit it ends as before; after it, later. The key in Redis may end too early: others look.
* *release*: before the commit it is held until it lapses. After it it is free; the key in Redis may stay until it ends,
  and costs whoever wants the lock one look more.
* *revoke*: before the commit as before; after it the lane `redis` removes the key.
"""

import secrets
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from chimera.kernel import clock, ids, tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.errors import Refused, conflict
from chimera.kernel.eventlog import tell
from chimera.kernel.identity import digest
from swarm.events import LockRevoked
from swarm.models import ResourceLock

# The guard: the lock is taken only from somebody who has released it or let it lapse.
FREE = "was.released_at IS NOT NULL OR was.expires_at <= %(at)s"
# The sequence outlives every row. The base is raised after a restore or a promotion (manage.py raise_xid_base) by more
# than was handed out since the copy was made, and with it these numbers.
NUMBER = "(SELECT base FROM kernel_xidbase) + nextval('swarm_fencing')"


def _take() -> str:
    """One statement. The number after SET is drawn once the row is locked, hence in the order of the holders."""
    return f"""
        INSERT INTO swarm_resourcelock AS was
            (id, tenant_id, resource, fencing_number, owner_digest, holder, holder_name, acquired_at, expires_at)
        VALUES (%(id)s, %(tenant)s, %(resource)s, {NUMBER}, %(digest)s, %(holder)s, %(name)s, %(at)s, %(until)s)
        ON CONFLICT (tenant_id, resource) DO UPDATE SET
            id = EXCLUDED.id, owner_digest = EXCLUDED.owner_digest, holder = EXCLUDED.holder,
            holder_name = EXCLUDED.holder_name, acquired_at = EXCLUDED.acquired_at, expires_at = EXCLUDED.expires_at,
            released_at = NULL, fencing_number = greatest(was.fencing_number + 1, {NUMBER})
        WHERE {FREE}
        RETURNING *
    """


def acquire(*, resource: str, ttl_seconds: int, seems_held: bool, by: Actor) -> tuple[ResourceLock, str]:
    """The lock and its owner's token, which is seen only here; 409 `lock_held`, with the holder and its `expires_at`.

    `seems_held` is Redis's word. It is not believed, but worth a plain look first: who finds the lock held then waits for
    nobody and writes nothing.
    """
    at = clock.now()
    if seems_held and (holder := ResourceLock.objects.filter(resource=resource).held(at).first()):
        raise _held(holder)
    token = secrets.token_urlsafe(32)
    taken = list(ResourceLock.objects.raw(_take(), _row(resource, token, at, ttl_seconds, by)))
    if not taken:  # the statement has locked the row nevertheless, so that it is still there, and as it was judged
        raise _held(ResourceLock.objects.get(resource=resource))
    return taken[0], token


def renew(*, resource: str, owner_token: str, ttl_seconds: int) -> ResourceLock:
    """It ends `ttl_seconds` from now, which may be earlier than before. 409 `lock_lost` once it has lapsed, was released
    or taken away, also when nobody else has it: what was lost may have been another's in between.
    """
    at = clock.now()
    mine = ResourceLock.objects.filter(resource=resource, owner_digest=digest(owner_token))
    if not mine.held(at).update(expires_at=at + timedelta(seconds=ttl_seconds)):
        raise _lost(resource)
    return mine.get()


def release(*, resource: str, owner_token: str) -> ResourceLock:
    """It is free. Repeating changes nothing, nor does releasing what has lapsed, or was taken away, and is nobody else's.

    409 `lock_lost` when somebody else has had it since: then two may have worked on the resource.
    """
    mine = ResourceLock.objects.filter(resource=resource, owner_digest=digest(owner_token))
    mine.filter(released_at__isnull=True).update(released_at=clock.now())
    found = mine.first()
    if found is None:
        raise _lost(resource)
    return found


def revoke(*, lock_id: UUID, reason: str, by: Actor) -> ResourceLock:
    """A person takes it away. The owner learns of it when it renews; until then it may go on, with a smaller number."""
    at = clock.now()
    found = ResourceLock.objects.select_for_update(no_key=True).filter(pk=lock_id).held(at).first()
    if found is None:
        raise conflict("Nobody holds this lock any more; look at the list again.", code="lock_free")
    ResourceLock.objects.filter(pk=lock_id).update(released_at=at)
    tell(LockRevoked.about(found, reason=reason), by=by)
    return found  # type: ignore[no-any-return]


def sweep() -> int:
    """Remove rows of locks that ended long ago; their numbers are not used again. Runs as chimera_system."""
    deleted, _ = ResourceLock.objects.filter(expires_at__lt=clock.now() - settings.LOCK_KEPT).delete()
    return deleted


def _row(resource: str, token: str, at: datetime, ttl_seconds: int, by: Actor) -> dict[str, Any]:
    return {
        "id": ids.uuid7(),
        "tenant": tenancy.current(),
        "resource": resource,
        "digest": digest(token),
        "holder": str(by),
        "name": by.name,
        "at": at,
        "until": at + timedelta(seconds=ttl_seconds),
    }


def _held(lock: ResourceLock) -> Refused:
    return conflict(
        f"{lock.holder_name} holds it until {lock.expires_at:%H:%M:%S} UTC, unless it is renewed; ask again then.",
        code="lock_held",
        holder=lock.holder,
        holder_name=lock.holder_name,
        expires_at=clock.written(lock.expires_at),
    )


def _lost(resource: str) -> Refused:
    return conflict(
        f"You do not hold {resource!r} with this token any more; stop what you do under it, and acquire it anew.",
        code="lock_lost",
    )
