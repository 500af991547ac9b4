"""How far the index outside of PostgreSQL has come: its collections, and what of the memories has changed since."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from chimera.kernel import clock
from chimera.kernel.tenancy import TenantOwned

SERVER_CHARACTERS_MAX = 500


class Generation(models.Model):
    """A collection of the index. The installation's own, of no tenant: at most one answers searches, and one is being filled.

    As long as there is one, triggers note every change of a memory in Unindexed.
    """

    collection = models.CharField(primary_key=True, max_length=80)
    mark = models.BigIntegerField(default=0)  # batches written to it; the same number stands in it
    walked_to = models.UUIDField(null=True)  # the last memory that was read for filling it
    walked = models.BigIntegerField(default=0)
    expected = models.BigIntegerField(default=0)  # memories when it was begun
    begun_at = models.DateTimeField(default=clock.now)
    serving_since = models.DateTimeField(null=True)
    replaces = models.CharField(max_length=80, blank=True)  # a collection that is dropped when this one serves
    why = models.CharField(max_length=200, blank=True)
    server = models.CharField(
        max_length=SERVER_CHARACTERS_MAX, blank=True, default="", db_default=""
    )  # WEAVIATE_URL then

    class Meta:
        db_table = "memory_generation"
        constraints = [
            models.UniqueConstraint(
                models.Value(1), name="memory_one_serves", condition=Q(serving_since__isnull=False)
            ),
            models.UniqueConstraint(
                models.Value(1), name="memory_one_is_filled", condition=Q(serving_since__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.collection}, {'serving' if self.serving_since else 'being filled'}"


class GivenUp(models.Model):
    """A collection that no generation names any more, and that is not known to be dropped: erasures wait for it."""

    collection = models.CharField(primary_key=True, max_length=80)
    server = models.CharField(
        max_length=SERVER_CHARACTERS_MAX, blank=True
    )  # WEAVIATE_URL when it was begun; '' of older ones
    since = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "memory_given_up"

    def __str__(self) -> str:
        return f"{self.collection}, given up"


class Unindexed(TenantOwned):
    """A memory was added, changed or deleted, and the index has not heard of it. Rows are only added and deleted, so that
    who writes memories and who reads this never wait for one another; several may name one memory, which may be gone."""

    id = models.BigAutoField(primary_key=True)
    memory_id = models.UUIDField()
    noted_at = models.DateTimeField(db_default=Now())
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    refusal = models.CharField(max_length=500, blank=True, db_default="")
    due_at = models.DateTimeField(null=True)  # when a refused one is tried again

    class Meta:
        db_table = "memory_unindexed"
        verbose_name = "memory to be indexed"
        verbose_name_plural = "memories to be indexed"
        indexes = [models.Index(fields=["tenant_id", "memory_id"], name="memory_unindexed_tenant")]

    def __str__(self) -> str:
        return f"{self.memory_id} since {self.noted_at}"
