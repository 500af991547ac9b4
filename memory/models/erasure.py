"""That a tenant's, session's, agent's, person's or subject's memory is to be erased; and the receipt, once it is."""

from django.db import models
from django.db.models import Q

from chimera.kernel import clock, ids
from chimera.kernel.states import Versioned
from chimera.kernel.tenancy import TenantOwned
from memory.limits import REASON_CHARACTERS_MAX, SUBJECT_CHARACTERS_MAX
from memory.states import ERASURE, ErasureStatus


class ErasureScope(models.TextChoices):
    TENANT = "tenant", "all memory of the tenant"
    SESSION = "session", "what was remembered in a session"
    AGENT = "agent", "what an agent remembered"
    PERSON = "person", "what a person wrote"
    SUBJECT = "subject", "what is about a subject"


class MemoryErasure(TenantOwned, Versioned):
    """Kept for good, and unchanged once it is confirmed. It has no word of what was erased: counts, and a digest of the ids."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    scope = models.CharField(max_length=16, choices=ErasureScope.choices)
    whose = models.CharField(
        max_length=SUBJECT_CHARACTERS_MAX, blank=True
    )  # id of session, agent or person, or the subject
    reason = models.CharField(max_length=REASON_CHARACTERS_MAX)
    requested_by = models.CharField(max_length=120)
    requested_at = models.DateTimeField(default=clock.now)
    status = models.CharField(
        max_length=16, choices=[(s.value, s.value) for s in ErasureStatus], default=ErasureStatus.REQUESTED.value
    )
    counts = models.JSONField(default=dict)  # kind → rows that are gone or blank, as far as it has come
    ids_digest = models.BinaryField(
        max_length=32, default=bytes
    )  # SHA-256 over the digest before and the ids of each slice
    walked_to = models.UUIDField(null=True)  # the last check that was looked through
    beyond = models.TextField(blank=True, default="", db_default="")  # what it does not reach, as of its request
    pending = models.JSONField(default=dict)  # store → why it is not confirmed yet
    erased_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    seal = models.CharField(max_length=64, blank=True)  # memory.receipts

    class Meta:
        verbose_name = "erasure"
        constraints = [
            ERASURE.constraint("memory_erasure_status"),
            models.CheckConstraint(name="memory_erasure_scope", condition=Q(scope__in=ErasureScope.values)),
            models.CheckConstraint(
                name="memory_erasure_whose",
                condition=Q(scope=ErasureScope.TENANT, whose="") | (~Q(scope=ErasureScope.TENANT) & ~Q(whose="")),
            ),
            models.CheckConstraint(name="memory_erasure_reason", condition=~Q(reason="")),
            models.CheckConstraint(
                name="memory_erasure_sealed",
                condition=Q(status=ErasureStatus.CONFIRMED.value, confirmed_at__isnull=False, erased_at__isnull=False)
                & ~Q(seal="")
                | ~Q(status=ErasureStatus.CONFIRMED.value) & Q(confirmed_at__isnull=True, seal=""),
            ),
        ]
        indexes = [
            models.Index(name="memory_erasure_open", fields=["id"], condition=~Q(status=ErasureStatus.CONFIRMED.value)),
            models.Index(name="memory_erasure_of", fields=["tenant_id", "scope", "whose"]),
        ]

    def __str__(self) -> str:
        return f"erasure of {self.get_scope_display()}"
