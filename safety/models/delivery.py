"""Notifications: whom to tell, what has been told to whom, and what came of each try."""

from urllib.parse import urlsplit

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from chimera.kernel import clock, ids
from chimera.kernel.states import Versioned
from chimera.kernel.tenancy import TenantOwned
from safety.models.review import ReviewCard
from safety.queries import DeliveryQuerySet, TargetQuerySet
from safety.states import DELIVERY, TARGET, DeliveryStatus, TargetStatus

ADDRESS_LENGTH_MAX = 2_000  # as long as addresses get through most proxies
SHOWN_AT_END = 4  # characters of a secret path, by which people tell two apart


class TargetKind(models.TextChoices):
    WEBHOOK = "webhook", "webhook"
    EMAIL = "email", "e-mail"


class Occasion(models.TextChoices):
    """Why something is sent about a card; `test` is about none."""

    WAITS = "waits", "waits for a decision"
    DUE = "due", "is due soon"
    ESCALATED = "escalated", "was escalated"
    TEST = "test", "test"


class NotificationTarget(Versioned, TenantOwned):
    """A webhook or an address that hears of cards.

    `secret` and `secret_before` are sealed (chimera.kernel.sealing); the latter signs too, until `secret_before_until`.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=10, choices=TargetKind.choices)
    address = models.CharField(max_length=ADDRESS_LENGTH_MAX)
    occasions = ArrayField(models.CharField(max_length=12))
    roles = ArrayField(
        models.CharField(max_length=16), default=list, blank=True
    )  # cards that ask one of them; empty: every card
    status = models.CharField(
        max_length=10, choices=[(s.value, s.value) for s in TargetStatus], default=TargetStatus.ACTIVE
    )
    secret = models.BinaryField(null=True)
    secret_before = models.BinaryField(null=True)
    secret_before_until = models.DateTimeField(null=True, blank=True)
    created_by = models.CharField(max_length=120, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    objects = TargetQuerySet.as_manager()

    class Meta:
        verbose_name = "notification target"
        constraints = [
            TARGET.constraint("target_status"),
            models.UniqueConstraint(
                fields=["tenant_id", "name"], name="target_name_once", condition=~Q(status=TargetStatus.REMOVED)
            ),
            models.CheckConstraint(
                name="target_webhooks_are_signed",
                condition=Q(kind=TargetKind.WEBHOOK, secret__isnull=False)
                | Q(kind=TargetKind.EMAIL, secret__isnull=True),
            ),
            models.CheckConstraint(
                name="target_earlier_secret_ends",
                condition=Q(secret_before__isnull=True, secret_before_until__isnull=True)
                | Q(secret_before__isnull=False, secret_before_until__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def shown_address(self) -> str:
        """Of a webhook's no more than its host and how it ends: the path of many is a secret."""
        if self.kind == TargetKind.EMAIL:
            return self.address
        parts = urlsplit(self.address)
        rest = parts.path + (f"?{parts.query}" if parts.query else "")
        hidden = f"/…{rest[-SHOWN_AT_END:]}" if len(rest) > 2 * SHOWN_AT_END else "/…" if len(rest) > 1 else rest
        return f"{parts.scheme}://{parts.netloc}{hidden}"


class Delivery(Versioned, TenantOwned):
    """One message to one target on one occasion, sent until it is taken: `due` and `escalated` have a `step` for each time.

    `attempts` is raised before each try, and so fences it; while one is on its way `next_attempt_at` says when it counts as lost.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    target = models.ForeignKey(
        NotificationTarget, on_delete=models.PROTECT, related_name="deliveries", db_index=False
    )  # found by `delivery_once`
    card = models.ForeignKey(ReviewCard, on_delete=models.PROTECT, null=True, blank=True, related_name="deliveries")
    occasion = models.CharField(max_length=12, choices=Occasion.choices)
    step = models.CharField(max_length=40, blank=True)
    message = models.JSONField()  # what is sent, without its link
    status = models.CharField(
        max_length=10, choices=[(s.value, s.value) for s in DeliveryStatus], default=DeliveryStatus.PENDING
    )
    attempts = models.PositiveIntegerField(default=0)
    attempts_until = models.PositiveIntegerField()  # then it has failed; a replay gives more
    next_attempt_at = models.DateTimeField(default=clock.now)
    error = models.CharField(max_length=500, blank=True)  # of the last try
    link_serial = models.PositiveIntegerField(default=1)  # a replay has a link of its own
    link_used_at = models.DateTimeField(null=True, blank=True)
    link_used_by = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            DELIVERY.constraint("delivery_status"),
            models.UniqueConstraint(fields=["target", "card", "occasion", "step"], name="delivery_once"),
            models.CheckConstraint(
                name="delivery_is_about_a_card_or_a_test",
                condition=Q(occasion=Occasion.TEST, card__isnull=True)
                | (~Q(occasion=Occasion.TEST) & Q(card__isnull=False)),
            ),
            models.CheckConstraint(
                name="delivery_ended_iff_done",
                condition=Q(status=DeliveryStatus.PENDING, ended_at__isnull=True)
                | (~Q(status=DeliveryStatus.PENDING) & Q(ended_at__isnull=False)),
            ),
        ]
        indexes = [
            models.Index(fields=["next_attempt_at"], name="delivery_due", condition=Q(status=DeliveryStatus.PENDING)),
            models.Index(fields=["tenant_id", "-id"], name="delivery_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_occasion_display()} → {self.target}"


class DeliveryAttempt(TenantOwned):
    """What came of one try. A try of which nobody could say it, because the sender died, has no row."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="tries", db_index=False)
    number = models.PositiveIntegerField()
    taken = models.BooleanField()
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    detail = models.CharField(max_length=500, blank=True)
    duration_ms = models.PositiveIntegerField()
    at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        verbose_name = "attempt"
        constraints = [models.UniqueConstraint(fields=["delivery", "number"], name="attempt_once")]

    def __str__(self) -> str:
        return f"attempt {self.number}"
