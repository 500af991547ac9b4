"""A memory: its text and its vector, in PostgreSQL. Indexes elsewhere can be rebuilt from here."""

from decimal import Decimal
from typing import Annotated, Self
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import F, Func, Q
from pydantic import BaseModel, ConfigDict, Field, model_validator

from chimera.kernel import clock, ids
from chimera.kernel.tenancy import TenantOwned
from memory.limits import (
    FILE_CHARACTERS_MAX,
    PERSONA_CHARACTERS_MAX,
    REASON_CHARACTERS_MAX,
    SENTENCE_CHARACTERS_MAX,
    SUBJECT_CHARACTERS_MAX,
)
from memory.queries import MemoryQuerySet


class Category(models.TextChoices):
    EPISODIC = "episodic", "episodic: what happened"
    SEMANTIC = "semantic", "semantic: what is so"
    SOUL = "soul", "soul: who a persona is"


class Visibility(models.TextChoices):
    TENANT = "tenant", "everybody in the tenant"
    SESSION = "session", "its session"
    AGENT = "agent", "its agent alone"


SentenceNumber = Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)]
Offset = Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)]
SentenceWords = Annotated[str, Field(min_length=1, max_length=SENTENCE_CHARACTERS_MAX)]


class Source(BaseModel):
    """Where a memory comes from: an agent's result, or a file and the sentence in it (its number or its words), or the span
    [start, end) of the file's text, in characters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    result: UUID | None = None
    file: str | None = Field(default=None, min_length=1, max_length=FILE_CHARACTERS_MAX)
    sentence: SentenceNumber | SentenceWords | None = None
    span: tuple[Offset, Offset] | None = None

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.span and self.span[0] >= self.span[1]:
            raise ValueError("a span [start, end] ends after it starts")
        return self

    def stored(self) -> dict[str, object]:
        return self.model_dump(mode="json", exclude_none=True)


class MemoryRecord(TenantOwned):
    """The text never changes: a correction is another memory, which supersedes this one from `superseded_at` on. That one may be
    erased since: then nothing stands in its place, and it is superseded nevertheless.

    The same words in the same place are one row (memory.sameness); a repeat raises its importance and leaves its version as it is.

    A forgotten memory stays as a row for those who must account for it; it has no vector and is found by nobody.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    session = models.ForeignKey(
        "swarm.SwarmSession", on_delete=models.PROTECT, null=True, blank=True, related_name="memories"
    )
    # A task goes after 90 days, what was learnt from it stays: no constraint.
    task = models.ForeignKey(
        "swarm.Task",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        blank=True,
        related_name="memories",
    )
    agent = models.ForeignKey(
        "swarm.AgentProfile", on_delete=models.PROTECT, null=True, blank=True, related_name="memories"
    )
    agent_role = models.CharField(max_length=16, blank=True)
    persona = models.CharField(max_length=PERSONA_CHARACTERS_MAX, blank=True)
    subject = models.CharField(max_length=SUBJECT_CHARACTERS_MAX, blank=True, db_default="")  # whom it is about
    written_by = models.CharField(max_length=120, blank=True, db_default="", editable=False)  # str(Actor)
    category = models.CharField(max_length=16, choices=Category.choices, default=Category.EPISODIC)
    visibility = models.CharField(max_length=16, choices=Visibility.choices, default=Visibility.TENANT)
    content = models.TextField()
    digest = models.BinaryField(max_length=32, null=True, editable=False)  # None of doubles from before there was one
    masked = ArrayField(models.CharField(max_length=24), default=list, db_default=[], blank=True, editable=False)
    importance_score = models.DecimalField(max_digits=5, decimal_places=4, default=Decimal("0.5"))
    source = models.JSONField(default=dict, blank=True)
    source_result = models.UUIDField(null=True, blank=True, editable=False)
    valid_from = models.DateTimeField(null=True, blank=True)
    valid_until = models.DateTimeField(null=True, blank=True)
    superseded_by = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="supersedes"
    )
    superseded_at = models.DateTimeField(null=True, blank=True, editable=False)
    forgotten_at = models.DateTimeField(null=True, blank=True, editable=False)
    forgotten_reason = models.CharField(max_length=REASON_CHARACTERS_MAX, blank=True, editable=False)
    embedding_model = models.CharField(max_length=100, blank=True, editable=False)  # of its vector; '' without one
    embedding_fault = models.JSONField(
        null=True, blank=True, editable=False
    )  # {model, reason, tries}, of a refused text
    embed_again_at = models.DateTimeField(
        null=True, blank=True, editable=False
    )  # not before, by the model that refused
    words = models.GeneratedField(
        expression=SearchVector("content", config="english"),
        output_field=SearchVectorField(),
        db_persist=True,
    )
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    sightings = models.PositiveIntegerField(default=0, db_default=0, editable=False)  # repeats that are kept
    seen_at = models.DateTimeField(default=clock.now, editable=False)  # when the words last came

    objects = MemoryQuerySet.as_manager()

    class Meta:
        verbose_name = "memory"
        verbose_name_plural = "memories"
        constraints = [
            models.CheckConstraint(name="memory_category", condition=Q(category__in=Category.values)),
            models.CheckConstraint(name="memory_visibility", condition=Q(visibility__in=Visibility.values)),
            models.CheckConstraint(name="memory_says_something", condition=~Q(content="")),
            models.CheckConstraint(
                name="memory_importance", condition=Q(importance_score__gte=0, importance_score__lte=1)
            ),
            models.CheckConstraint(
                name="memory_window",
                condition=Q(valid_from__isnull=True) | Q(valid_until__isnull=True) | Q(valid_until__gt=F("valid_from")),
            ),
            models.CheckConstraint(
                name="memory_session_kept", condition=~Q(visibility="session") | Q(session__isnull=False)
            ),
            models.CheckConstraint(name="memory_agent_kept", condition=~Q(visibility="agent") | Q(agent__isnull=False)),
            models.CheckConstraint(
                name="memory_superseded",
                condition=Q(superseded_by__isnull=True) | Q(superseded_at__isnull=False),
            ),
            models.CheckConstraint(
                name="memory_forgotten",
                condition=Q(forgotten_at__isnull=True, forgotten_reason="")
                | Q(forgotten_at__isnull=False, embedding_model=""),
            ),
            models.UniqueConstraint(
                fields=["tenant_id", "digest"],
                name="memory_once_per_words",
                condition=Q(forgotten_at__isnull=True, superseded_at__isnull=True),
            ),
            models.UniqueConstraint(
                fields=["tenant_id", "source_result"],
                name="memory_once_per_result",
                condition=Q(source_result__isnull=False),
            ),
        ]
        indexes = [
            GinIndex(
                Func(F("tenant_id"), Func(F("words"), function="tsvector_to_array"), function="chimera_word_keys"),
                name="memory_word_keys",
                fastupdate=False,
                condition=Q(forgotten_at__isnull=True),
            ),
            models.Index(name="memory_newest", fields=["tenant_id", "-id"]),
            models.Index(name="memory_by_subject", fields=["tenant_id", "subject", "id"], condition=~Q(subject="")),
            models.Index(
                name="memory_by_model",
                fields=["tenant_id", "embedding_model", "id"],
                condition=Q(forgotten_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.content[:60]}{'…' if len(self.content) > 60 else ''}"
