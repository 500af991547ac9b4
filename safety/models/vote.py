"""Approvals of cards, one person at a time."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from chimera.kernel import clock, ids
from chimera.kernel.tenancy import TenantOwned
from safety.models.review import ReviewCard


class ReviewVote(TenantOwned):
    """One person's approval of a card, with the roles that the person had then. Never changed or removed.

    It is for what the card said then: `payload` is the digest of an edited one, "" of what was asked.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    card = models.ForeignKey(ReviewCard, on_delete=models.PROTECT, related_name="votes", db_index=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    roles = ArrayField(models.CharField(max_length=16))
    payload = models.CharField(max_length=64, blank=True)
    note = models.TextField(blank=True)
    at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        verbose_name = "approval"
        constraints = [models.UniqueConstraint(fields=["card", "person", "payload"], name="vote_once")]

    def __str__(self) -> str:
        return f"approval of {self.card_id} by {self.person_id}"
