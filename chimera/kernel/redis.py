"""Redis: every key's name, and the connections. A hint, never the judge: each caller says what happens when it is away.

Keys that one command or script uses together share a `{tenant}` hash tag, so that Redis Cluster works.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from threading import Lock
from uuid import UUID

import redis as sync_redis
import redis.asyncio as async_redis
import structlog
from django.conf import settings

log = structlog.get_logger()

Client = sync_redis.Redis
AsyncClient = async_redis.Redis
PRIORITIES = ("high", "normal", "low")
EPOCH = "chimera:epoch"
AGENTS_HEARD = "chimera:agents:heard"  # sorted set: agents of all tenants by when they were last heard of
NUDGE_CHANNEL = "chimera:nudge"  # pub/sub: "the log has grown", NUDGE or NUDGE_SOON
NUDGE, NUDGE_SOON = "1", "soon"
DISPATCH_CHANNEL = "chimera:dispatched"  # pub/sub: "{tenant}:{role}", a queue has grown


def queue(priority: str, tenant: UUID, role: str) -> str:
    return f"chimera:queue:{priority}:{{{tenant}}}:{role}"


def inflight(tenant: UUID) -> str:
    return f"chimera:inflight:{{{tenant}}}"


def heartbeat(agent_id: UUID) -> str:
    return f"chimera:agent:{agent_id}:heartbeat"


def resource_lock(tenant: UUID, resource: str) -> str:
    return f"chimera:lock:resource:{tenant}:{resource}"


def spend(tenant: UUID, day: date) -> str:
    return f"chimera:spend:{tenant}:{day.isoformat()}"


def spends(tenant: UUID | None) -> str:
    """The pattern of one tenant's days, or of all."""
    return f"chimera:spend:{tenant or '*'}:*"


def stream(session_id: UUID) -> str:
    return f"chimera:session:{session_id}:stream"


def progress(task_id: UUID) -> str:
    return f"chimera:task:{task_id}:progress"


def persona(persona_id: UUID) -> str:
    return f"chimera:persona:{persona_id}"


def conversation(session_id: UUID) -> str:
    return f"chimera:conversation:{session_id}"


def logs(session_id: UUID) -> str:
    return f"chimera:logs:{session_id}"


def beliefs(agent_id: UUID) -> str:
    return f"chimera:beliefs:{agent_id}"


def coalition_members(coalition_id: UUID) -> str:
    return f"chimera:coalition:{coalition_id}:members"


def embeddings(tenant: UUID, slot: int) -> str:
    return f"chimera:embeddings:{{{tenant}}}:{slot}"


def embeddings_epoch(tenant: UUID) -> str:
    return f"chimera:embeddings:{{{tenant}}}:epoch"


def cache_key(key: str, key_prefix: str, version: int) -> str:
    return f"{key_prefix}:{version}:{key}"


class Away(Exception):
    """Redis cannot be reached; ask PostgreSQL."""


FAULTS = (
    sync_redis.ConnectionError,
    sync_redis.TimeoutError,
    sync_redis.BusyLoadingError,
    sync_redis.ReadOnlyError,
    OSError,
)
_AWAY_SECONDS = 0.5  # after a fault nobody tries again for so long, so that a dead Redis costs no timeouts
_lock = Lock()
_client: Client | None = None
_away_until = 0.0


def client() -> Client:
    """This process's connection pool. Commands may raise one of FAULTS; prefer `hint()`."""
    global _client
    with _lock:
        if _client is None:
            _client = sync_redis.Redis.from_url(
                settings.REDIS_URL,
                decode_responses=True,
                socket_timeout=settings.REDIS_TIMEOUT_SECONDS,
                socket_connect_timeout=settings.REDIS_TIMEOUT_SECONDS,
                health_check_interval=15,
            )
        return _client


@contextmanager
def hint() -> Iterator[Client]:
    """A client for work that PostgreSQL can do without; raises Away, at once while Redis is known to be away."""
    global _away_until
    if time.monotonic() < _away_until:
        raise Away
    try:
        yield client()
    except FAULTS as error:
        _away_until = time.monotonic() + _AWAY_SECONDS
        log.warning("redis_away", error=str(error))
        raise Away from error


def try_again() -> None:
    """Forget that Redis was away: the next hint asks it."""
    global _away_until
    _away_until = 0.0


def async_client() -> AsyncClient:
    """A new asynchronous client for the running loop; whoever makes it closes it."""
    return async_redis.Redis.from_url(
        settings.REDIS_URL, decode_responses=True, socket_connect_timeout=settings.REDIS_TIMEOUT_SECONDS
    )


def heed_cancel() -> None:
    """After each answer of an asynchronous client, in a loop that only a cancel ends: one that comes together with an answer
    may be swallowed below us (redis-py 8.1 on Python 3.11), and would then never be heard."""
    if (task := asyncio.current_task()) and task.cancelling():
        raise asyncio.CancelledError


def nudge(*, soon: bool = False) -> None:
    """Tell the relay that the log has grown; it would find out by polling.

    `soon`: by what only viewers look at, and nobody is kept waiting; a busy relay looks at it with the next that matters.
    """
    try:
        with hint() as redis:
            redis.publish(NUDGE_CHANNEL, NUDGE_SOON if soon else NUDGE)
    except Away:
        log.debug("nudge_lost")
