"""Personas: versions of a SOUL.md that stand, which of them is current, and the contexts that agents were shown."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from chimera.kernel import clock, ids
from chimera.kernel.tenancy import TenantOwned
from memory.limits import PERSONA_CHARACTERS_MAX, PERSONA_ID_CHARACTERS_MAX, REASON_CHARACTERS_MAX
from memory.queries import PersonaQuerySet


class Persona(TenantOwned):
    """The `id` of a SOUL.md, here its key. Every text that was ever uploaded for it is a version; `current` is what contexts begin with."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    key = models.CharField(max_length=PERSONA_ID_CHARACTERS_MAX, editable=False)
    name = models.CharField(max_length=PERSONA_CHARACTERS_MAX, editable=False)  # of the current version
    current = models.PositiveIntegerField(default=1, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)  # of this row, for its events
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)
    retired_reason = models.CharField(max_length=REASON_CHARACTERS_MAX, blank=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    objects = PersonaQuerySet.as_manager()

    class Meta:
        verbose_name = "persona"
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "key"], name="persona_key_once"),
            models.CheckConstraint(
                name="persona_retired_with_reason", condition=Q(retired_at__isnull=False) | Q(retired_reason="")
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PersonaVersion(TenantOwned):
    """What one version says (memory.personas.soul.Soul), screened. Never changed or removed: contexts name it by its hash."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    persona = models.ForeignKey(Persona, on_delete=models.PROTECT, related_name="versions", db_index=False)
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=PERSONA_CHARACTERS_MAX)
    voice_traits = models.JSONField()
    directives = models.JSONField()
    body = models.TextField(blank=True)
    sha256 = models.CharField(max_length=64)
    masked = ArrayField(models.CharField(max_length=24), default=list, blank=True)
    contradictions = models.JSONField(default=list)  # of memory.personas.honesty.Contradiction, in its body
    created_by = models.CharField(max_length=120)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        verbose_name = "version of a persona"
        verbose_name_plural = "versions of personas"
        constraints = [
            models.UniqueConstraint(fields=["persona", "number"], name="persona_version_once"),
            models.UniqueConstraint(fields=["persona", "sha256"], name="persona_text_once"),
            models.CheckConstraint(name="persona_version_from_one", condition=Q(number__gte=1)),
            models.CheckConstraint(name="persona_version_hashed", condition=Q(sha256__regex="^[0-9a-f]{64}$")),
        ]

    def __str__(self) -> str:
        return f"version {self.number} of {str(self.persona_id)[-6:]}"


class ContextShown(TenantOwned):
    """A context that an agent was given under a lease; written once. What the search found is frozen in `memory_check`."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    task = models.ForeignKey(
        "swarm.Task", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="contexts"
    )
    lease_token = models.UUIDField(editable=False)
    attempt = models.PositiveSmallIntegerField()
    agent = models.ForeignKey("swarm.AgentProfile", on_delete=models.PROTECT, related_name="+", db_index=False)
    persona_version = models.ForeignKey(PersonaVersion, on_delete=models.PROTECT, related_name="+", db_index=False)
    memory_check = models.ForeignKey("memory.MemoryCheck", on_delete=models.PROTECT, related_name="+", db_index=False)
    budget_tokens = models.PositiveIntegerField()
    used_tokens = models.PositiveIntegerField()
    shown = models.JSONField(default=list)  # [{section, id, tokens}], in the order in which they stand
    left_out = models.JSONField(default=list)  # [{section, id, reason, tokens}]
    sha256 = models.CharField(max_length=64)  # of the text
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        verbose_name = "context shown"
        verbose_name_plural = "contexts shown"
        indexes = [models.Index(name="context_of_task", fields=["task", "id"])]

    def __str__(self) -> str:
        return f"{self.used_tokens} tokens for {str(self.task_id)[-6:]}"
