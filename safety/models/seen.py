"""Which waiting cards a person has opened: for counting the others, and for nothing else."""

from django.conf import settings
from django.db import models

from chimera.kernel import clock, ids
from chimera.kernel.tenancy import TenantOwned
from safety.models.review import ReviewCard


class ReviewSeen(TenantOwned):
    """Written once a person and card, when its page is looked at, claimed or decided. Decides nothing, so no fact tells of it."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    card = models.ForeignKey(ReviewCard, on_delete=models.PROTECT, related_name="seen", db_index=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        verbose_name = "seen card"
        constraints = [models.UniqueConstraint(fields=["card", "person"], name="seen_once")]

    def __str__(self) -> str:
        return f"{self.card_id} seen by {self.person_id}"
