"""Decisions that come before their question."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from chimera.kernel import clock, ids
from chimera.kernel.states import Versioned
from chimera.kernel.tenancy import TenantOwned
from safety.models.review import ReviewCard
from safety.queries import EarlyQuerySet
from safety.states import EARLY, Decision, EarlyStatus


class EarlyDecision(Versioned, TenantOwned):
    """What a person decided of what an agent will ask under `correlation_key`; used at most once, and not after `expires_at`.

    `digest` says what exactly: an approval counts for nothing else. `card` is the one that it met, `refusal` why it did not count there.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    correlation_key = models.CharField(max_length=200)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decision = models.CharField(max_length=16, choices=[(d.value, d.value) for d in Decision])
    digest = models.CharField(max_length=64, blank=True)
    note = models.TextField(blank=True)
    status = models.CharField(
        max_length=10, choices=[(s.value, s.value) for s in EarlyStatus], default=EarlyStatus.WAITING
    )
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    card = models.ForeignKey(ReviewCard, on_delete=models.PROTECT, null=True, blank=True, related_name="early")
    refusal = models.JSONField(null=True, blank=True)  # {code, detail}
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = EarlyQuerySet.as_manager()

    class Meta:
        verbose_name = "early decision"
        constraints = [
            EARLY.constraint("early_status"),
            models.UniqueConstraint(
                fields=["tenant_id", "correlation_key", "person"],
                name="early_one_waiting_each",
                condition=Q(status=EarlyStatus.WAITING),
            ),
            models.CheckConstraint(
                name="early_approves_something",
                condition=~Q(decision=Decision.APPROVE) | ~Q(digest=""),
            ),
            models.CheckConstraint(
                name="early_ended_together",
                condition=Q(
                    status__in=[
                        EarlyStatus.WAITING,
                        EarlyStatus.REPLACED,
                        EarlyStatus.EXPIRED,
                        EarlyStatus.WITHDRAWN,
                    ],
                    card__isnull=True,
                    refusal__isnull=True,
                )
                | Q(status=EarlyStatus.USED, card__isnull=False, refusal__isnull=True)
                | Q(status=EarlyStatus.REFUSED, card__isnull=False, refusal__isnull=False),
            ),
            models.CheckConstraint(
                name="early_ended_iff_not_waiting",
                condition=Q(status=EarlyStatus.WAITING, ended_at__isnull=True)
                | (~Q(status=EarlyStatus.WAITING) & Q(ended_at__isnull=False)),
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "-id"], name="early_newest"),
            models.Index(fields=["expires_at"], name="early_expires", condition=Q(status=EarlyStatus.WAITING)),
        ]

    def __str__(self) -> str:
        return f"{self.decision} {self.correlation_key}"
