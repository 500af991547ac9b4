"""Vectors that an endpoint made a short while ago, in Redis: the same text is not paid for twice.

Each tenant has its own, so that nobody learns from a quick answer what another tenant wrote. Texts stand there as keyed digests. Kept
by the hour, for one to two hours, at most CACHED_MAX an hour. Redis away, or emptied: it is asked again, nothing else.

An erasure drops all that a tenant has there (`forget_texts`), since nobody can list which questions spoke of a person, and raises the
tenant's epoch, so that a vector which was being made meanwhile is not kept after it.
"""

import base64
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID, uuid4

import numpy as np
import structlog
from django.conf import settings

from chimera.kernel import clock, redis
from memory.embedders.port import Vector
from memory.limits import CACHED_MAX, CACHED_SECONDS, DIMENSIONS

log = structlog.get_logger()

# KEYS: epoch, slot. ARGV: the epoch when the texts were read, seconds, most, then digest and vector in turn.
KEEP = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
local room = tonumber(ARGV[3]) - redis.call('HLEN', KEYS[2])
local kept = 0
for i = 4, #ARGV, 2 do
  if kept >= room then break end
  redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
  kept = kept + 1
end
redis.call('EXPIRE', KEYS[2], ARGV[2])
return kept
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """What was found, and when it was looked for: the epoch that `keep` compares."""

    tenant_id: UUID
    model: str
    epoch: str
    vectors: Mapping[str, Vector]


def look_up(tenant_id: UUID, model: str, texts: Sequence[str]) -> Kept:
    digests = [_digest(model, text) for text in texts]
    now, before = _slots(tenant_id)
    try:
        with redis.hint() as client:
            pipe = client.pipeline(transaction=False)
            pipe.get(redis.embeddings_epoch(tenant_id))
            for slot in (now, before):
                pipe.hmget(slot, digests or ["-"])
            epoch, *found = pipe.execute()
    except redis.Away:
        return Kept(tenant_id, model, "away", {})
    said = [next((row[n] for row in found if row[n]), None) for n in range(len(texts))]
    return Kept(tenant_id, model, epoch or "", {t: _read(raw) for t, raw in zip(texts, said, strict=True) if raw})


def keep(kept: Kept, found: Mapping[str, Vector]) -> None:
    if not found or kept.epoch == "away":
        return
    words: list[str] = []
    for text, vector in found.items():
        words += [_digest(kept.model, text), _written(vector)]
    now, _ = _slots(kept.tenant_id)
    keys = [redis.embeddings_epoch(kept.tenant_id), now]
    try:
        with redis.hint() as client:
            client.eval(KEEP, len(keys), *keys, kept.epoch, str(2 * CACHED_SECONDS), str(CACHED_MAX), *words)
    except redis.Away:
        log.debug("embeddings_not_cached", vectors=len(found))


def forget_texts(tenant_id: UUID) -> int:
    """Drop every vector that is cached for a tenant; answers how many. For erasures, after the rows are gone.

    Raises `redis.Away`: then it is not known to be done. What is there ends by itself within two hours.
    """
    with redis.hint() as client:
        pipe = client.pipeline(transaction=True)
        pipe.set(redis.embeddings_epoch(tenant_id), uuid4().hex, ex=3 * CACHED_SECONDS)
        slots = _slots(tenant_id)
        for slot in slots:
            pipe.hlen(slot)
        pipe.unlink(*slots)
        _, *held, _ = pipe.execute()
    return sum(held)


def _slots(tenant_id: UUID) -> tuple[str, str]:
    number = int(clock.now().timestamp()) // CACHED_SECONDS
    return redis.embeddings(tenant_id, number), redis.embeddings(tenant_id, number - 1)


def _digest(model: str, text: str) -> str:
    said = f"{model}\x00{text}".encode("utf-8", "surrogatepass")
    return hmac.new(settings.SECRET_KEY.encode(), said, sha256).hexdigest()


def _written(vector: Vector) -> str:
    """As half floats, which is what PostgreSQL keeps as well; without the zeros at the end."""
    return base64.b64encode(np.trim_zeros(np.asarray(vector, dtype=np.float16), "b").tobytes()).decode()


def _read(raw: str) -> Vector:
    """It was looked at before it was kept."""
    numbers: Vector = np.frombuffer(base64.b64decode(raw), dtype=np.float16).astype(np.float64).tolist()
    return numbers + [0.0] * (DIMENSIONS - len(numbers))
