"""The receipt of an erasure: what is gone, how many of it from where, when, and on whose word; and its seal. Pure.

The digest of ids is SHA-256 over the one before it and the ids of each slice, 16 bytes each, in their order: whoever has an old list of ids
can tell that these were they. The seal is SHA-256 over the receipt as JSON with sorted keys, no spaces, and without `seal` itself.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

_ON_DISK = (
    "the live stream forgets within an hour; backups, and the logs and data files of PostgreSQL, Redis and Weaviate on disk, keep what "
    "they have until they are discarded or compacted."
)
BEYOND = (
    "Results, artifacts and progress of tasks stay as long as tasks do; so do questions that neither name whom this is about nor found "
    "what is erased by a word of it; single words, and not whose they were, are known to running processes until they stop; "
    f"{_ON_DISK}"
)
BEYOND_FIRST = f"Results, artifacts and progress of tasks stay as long as tasks do; {_ON_DISK}"  # of receipts that have none of their own


def chained(before: bytes, ids: Iterable[UUID]) -> bytes:
    return hashlib.sha256(before + b"".join(each.bytes for each in sorted(ids))).digest()


def receipt(erasure: Any) -> dict[str, Any]:
    """As memory.serializers.erasures.ErasureShape."""
    return {
        "id": str(erasure.pk),
        "scope": str(erasure.scope),
        "whose": erasure.whose or None,
        "reason": erasure.reason,
        "requested_by": erasure.requested_by,
        "requested_at": _at(erasure.requested_at),
        "erased_at": _at(erasure.erased_at),
        "confirmed_at": _at(erasure.confirmed_at),
        "status": str(erasure.status),
        "counts": erasure.counts,
        "ids_digest": bytes(erasure.ids_digest).hex() or None,
        "pending": erasure.pending,
        "beyond": erasure.beyond or BEYOND_FIRST,
        "seal": erasure.seal or None,
    }


def seal(said: dict[str, Any]) -> str:
    bare = {name: value for name, value in said.items() if name != "seal"}
    return hashlib.sha256(
        json.dumps(bare, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    ).hexdigest()


def _at(moment: Any) -> str | None:
    return moment.isoformat() if moment else None
