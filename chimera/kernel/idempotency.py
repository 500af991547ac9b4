"""Idempotency-Key: a repeated call gets the first answer, also when the first answer was lost on its way.

An advisory lock on (tenant, principal, key) comes first and the answer's row last, in the call's own transaction. Answers
that carry secrets are stored encrypted under a key derived from the Idempotency-Key itself, which is not stored.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import models

from chimera.kernel import advisory, clock, ids, prepared, tenancy
from chimera.kernel.errors import Refused, conflict, invalid
from chimera.kernel.identity import Principal
from chimera.kernel.prepared import Asked, Row

KEY_LENGTH_MAX = 200
NOUN_LENGTH_MAX = 40
STORED_STATUSES = frozenset({200, 201, 202, 402})


class Answer(tenancy.TenantOwned):
    """The first answer to a keyed call; swept after IDEMPOTENCY_KEPT."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    principal = models.CharField(max_length=120)
    noun = models.CharField(max_length=40, db_default="")  # what its path is about, "memories"; "" of older ones
    key_digest = models.BinaryField(max_length=32)
    request_digest = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField()
    body = models.BinaryField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "kernel_answer"
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "principal", "key_digest"], name="answer_once_per_key")
        ]
        indexes = [models.Index(fields=["created_at"], name="answer_age")]

    def __str__(self) -> str:
        return f"answer {self.status} to {self.principal}"


class Once:
    """One keyed call: `prior()` locks and looks, `keep()` stores, both inside the call's transaction; `seen()` only looks.

    `said` is what the body says, where it was parsed already.
    """

    def __init__(
        self, *, key: str, principal: Principal, method: str, path: str, body: bytes, said: Any = None
    ) -> None:
        if not key.isascii() or not key.isprintable() or not 1 <= len(key) <= KEY_LENGTH_MAX:
            raise invalid(
                f"Idempotency-Key must be 1 to {KEY_LENGTH_MAX} printable ASCII characters.",
                code="invalid_idempotency_key",
            )
        self.key, self.principal = key, f"{principal.kind}:{principal.id}"
        self.noun = path.removeprefix("/api/v1/").partition("/")[0][:NOUN_LENGTH_MAX]
        self.key_digest = hashlib.sha256(key.encode()).digest()
        self.request_digest = hashlib.sha256(f"{method} {path}\n".encode() + _canonical(body, said)).digest()

    def prior(self) -> tuple[int, dict[str, Any]] | None:
        """The first answer to this call, once no other is at work on it."""
        advisory.hold(self.name())
        return self.seen()

    def name(self) -> str:
        """Equal for calls with the same key of the same caller, whatever they ask for."""
        return f"{tenancy.current()}|{self.principal}|{self.key_digest.hex()}"

    def seen(self) -> tuple[int, dict[str, Any]] | None:
        """The first answer, if it is there by now; 422 when the key was used for another body. No word on who is at work."""
        return self.told_by(Answer.objects.filter(principal=self.principal, key_digest=self.key_digest).first())

    def told_by(self, found: Answer | None) -> tuple[int, dict[str, Any]] | None:
        """The same from a row that was read already."""
        if found is None or found.created_at < clock.now() - settings.IDEMPOTENCY_KEPT:
            return None
        if bytes(found.request_digest) != self.request_digest:
            raise Refused(
                "This Idempotency-Key was used for another call; use a new key.",
                code="idempotency_key_reused",
                status=422,
            )
        return found.status, json.loads(self._read(bytes(found.body)))

    def keep(self, status: int, answer: bytes) -> None:
        keep_all([(self, status, answer)])

    def encrypted(self, answer: bytes) -> bytes:
        return self._fernet().encrypt(answer)

    def _read(self, stored: bytes) -> bytes:
        """409 after a change of SECRET_KEY: doing the call again, as if it were new, might do it twice."""
        try:
            return self._fernet().decrypt(stored)
        except InvalidToken as foreign:
            raise conflict(
                "This call was answered before, but under a secret that has changed since, so its answer cannot be read."
                " Look at what it did; if it is to be done again, use a new key.",
                code="answer_unreadable",
            ) from foreign

    def _fernet(self) -> Fernet:
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"chimera idempotency").derive(
            settings.SECRET_KEY.encode() + self.key.encode()
        )
        return Fernet(base64.urlsafe_b64encode(derived))


def prior_all(calls: Sequence[Once]) -> list[tuple[int, dict[str, Any]] | Refused | None]:
    """`prior()` of several calls with different keys, in two statements; what it would raise stands in its place."""
    if not calls:
        return []
    advisory.hold_all(call.name() for call in calls)
    rows = Answer.objects.filter(
        principal__in={call.principal for call in calls}, key_digest__in=[call.key_digest for call in calls]
    )
    found = {(row.principal, bytes(row.key_digest)): row for row in rows}
    return [_told(call, found.get((call.principal, call.key_digest))) for call in calls]


def _told(call: Once, found: Answer | None) -> tuple[int, dict[str, Any]] | Refused | None:
    try:
        return call.told_by(found)
    except Refused as refusal:
        return refusal


def keep_all(answered: Sequence[tuple[Once, int, bytes]]) -> None:
    """Each call's status and answer, in one statement; an older answer to the same key is over, and replaced."""
    kept = [one for one in answered if one[1] in STORED_STATUSES]
    if kept:
        prepared.ask(*keeping(kept))


_KEEP = """
    INSERT INTO kernel_answer (id, tenant_id, principal, noun, key_digest, request_digest, status, body, created_at)
    SELECT id, %(tenant)s::uuid, principal, noun, key_digest, request_digest, status, body, %(at)s::timestamptz
    FROM unnest(
        %(ids)s::uuid[], %(principals)s::text[], %(nouns)s::text[], %(keys)s::bytea[], %(requests)s::bytea[], %(statuses)s::smallint[],
        %(bodies)s::bytea[]
    ) AS kept (id, principal, noun, key_digest, request_digest, status, body)
    ON CONFLICT (tenant_id, principal, key_digest) DO UPDATE SET request_digest = excluded.request_digest,
        status = excluded.status, body = excluded.body, created_at = excluded.created_at
"""


def keeping(answered: Sequence[tuple[Once, int, bytes]]) -> Asked:
    """The statement of `keep_all`, for answers that are to be kept."""
    return _KEEP, {
        "tenant": tenancy.current(),
        "at": clock.now(),
        "ids": [ids.uuid7() for _ in answered],
        "principals": [call.principal for call, _, _ in answered],
        "nouns": [call.noun for call, _, _ in answered],
        "keys": [call.key_digest for call, _, _ in answered],
        "requests": [call.request_digest for call, _, _ in answered],
        "statuses": [status for _, status, _ in answered],
        "bodies": [call.encrypted(answer) for call, _, answer in answered],
    }


_FREE = "SELECT name FROM unnest(%(names)s::text[]) AS name WHERE pg_try_advisory_xact_lock(hashtextextended(name, 0))"
_ANSWERED = """
    SELECT principal, key_digest FROM kernel_answer
    WHERE principal = ANY(%(principals)s::text[]) AND key_digest = ANY(%(keys)s::bytea[])
"""


def beginning(calls: Sequence[Once]) -> list[Asked]:
    """Two statements that hold the keys at which nobody else is, and then look for answers. `unanswered` reads their rows."""
    found = {"principals": [call.principal for call in calls], "keys": [call.key_digest for call in calls]}
    return [(_FREE, {"names": [call.name() for call in calls]}), (_ANSWERED, found)]


def unanswered(calls: Sequence[Once], free: Sequence[Row], answered: Sequence[Row]) -> list[bool]:
    """Of each call, whether it is ours to do: nobody is at work on its key, and there is no answer, not even an old one.

    Of several with one key that is the first.
    """
    ours = {name for (name,) in free}
    done = {(principal, bytes(digest)) for principal, digest in answered}
    found = []
    for call in calls:
        found.append(call.name() in ours and (call.principal, call.key_digest) not in done)
        ours.discard(call.name())
    return found


def _canonical(body: bytes, said: Any = None) -> bytes:
    """The same object in another order or spacing is the same call."""
    try:
        parsed = json.loads(body or b"{}") if said is None else said
        return json.dumps(parsed, sort_keys=True, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        return body


def forget(*nouns: str) -> int:
    """Drop the bound tenant's answers about these, whatever they say: their calls, when repeated, are new ones. Answers how many."""
    deleted, _ = Answer.objects.filter(noun__in=["", *nouns]).delete()
    return deleted


def sweep() -> int:
    """Remove answers nobody may ask for any more. Runs as chimera_system."""
    deleted, _ = Answer.objects.filter(created_at__lt=clock.now() - settings.IDEMPOTENCY_KEPT).delete()
    return deleted
