"""Personas in versions that stand, and the contexts that agents were shown."""

import chimera.kernel.clock
import chimera.kernel.ids
import chimera.kernel.tenancy
import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from chimera.kernel.tenancy import SecureTable

STANDS_SQL = """
REVOKE DELETE ON memory_persona FROM chimera_app, chimera_system;
REVOKE UPDATE, DELETE ON memory_personaversion, memory_contextshown FROM chimera_app, chimera_system;
CREATE FUNCTION chimera_keep_persona() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'a version of a persona is never changed: add another'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'persona_stands';
END $$;
REVOKE ALL ON FUNCTION chimera_keep_persona() FROM PUBLIC;
CREATE TRIGGER refuse_change BEFORE UPDATE ON memory_personaversion
    FOR EACH ROW EXECUTE FUNCTION chimera_keep_persona();
"""
STANDS_REVERSE_SQL = """
DROP TRIGGER refuse_change ON memory_personaversion;
DROP FUNCTION chimera_keep_persona();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("memory", "0009_embeddings"),
        ("swarm", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Persona",
            fields=[
                ("tenant_id", models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                (
                    "id",
                    models.UUIDField(
                        default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("key", models.CharField(editable=False, max_length=64)),
                ("name", models.CharField(editable=False, max_length=120)),
                ("current", models.PositiveIntegerField(default=1, editable=False)),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                ("retired_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("retired_reason", models.CharField(blank=True, editable=False, max_length=500)),
                ("created_at", models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                ("updated_at", models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
            ],
            options={
                "verbose_name": "persona",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant_id", "key"), name="persona_key_once"),
                    models.CheckConstraint(
                        condition=models.Q(("retired_at__isnull", False), ("retired_reason", ""), _connector="OR"),
                        name="persona_retired_with_reason",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PersonaVersion",
            fields=[
                ("tenant_id", models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                (
                    "id",
                    models.UUIDField(
                        default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("name", models.CharField(max_length=120)),
                ("voice_traits", models.JSONField()),
                ("directives", models.JSONField()),
                ("body", models.TextField(blank=True)),
                ("sha256", models.CharField(max_length=64)),
                (
                    "masked",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=24), blank=True, default=list, size=None
                    ),
                ),
                ("contradictions", models.JSONField(default=list)),
                ("created_by", models.CharField(max_length=120)),
                ("created_at", models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                (
                    "persona",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="versions",
                        to="memory.persona",
                    ),
                ),
            ],
            options={
                "verbose_name": "version of a persona",
                "verbose_name_plural": "versions of personas",
            },
        ),
        migrations.CreateModel(
            name="ContextShown",
            fields=[
                ("tenant_id", models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                (
                    "id",
                    models.UUIDField(
                        default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("lease_token", models.UUIDField(editable=False)),
                ("attempt", models.PositiveSmallIntegerField()),
                ("budget_tokens", models.PositiveIntegerField()),
                ("used_tokens", models.PositiveIntegerField()),
                ("shown", models.JSONField(default=list)),
                ("left_out", models.JSONField(default=list)),
                ("sha256", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                (
                    "agent",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="swarm.agentprofile",
                    ),
                ),
                (
                    "memory_check",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="memory.memorycheck",
                    ),
                ),
                (
                    "task",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="contexts",
                        to="swarm.task",
                    ),
                ),
                (
                    "persona_version",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="memory.personaversion",
                    ),
                ),
            ],
            options={
                "verbose_name": "context shown",
                "verbose_name_plural": "contexts shown",
            },
        ),
        migrations.AddConstraint(
            model_name="personaversion",
            constraint=models.UniqueConstraint(fields=("persona", "number"), name="persona_version_once"),
        ),
        migrations.AddConstraint(
            model_name="personaversion",
            constraint=models.UniqueConstraint(fields=("persona", "sha256"), name="persona_text_once"),
        ),
        migrations.AddConstraint(
            model_name="personaversion",
            constraint=models.CheckConstraint(condition=models.Q(("number__gte", 1)), name="persona_version_from_one"),
        ),
        migrations.AddConstraint(
            model_name="personaversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("sha256__regex", "^[0-9a-f]{64}$")), name="persona_version_hashed"
            ),
        ),
        migrations.AddIndex(
            model_name="contextshown",
            index=models.Index(fields=["task", "id"], name="context_of_task"),
        ),
        SecureTable("memory_persona"),
        SecureTable("memory_personaversion", {"persona_id": "memory_persona"}),
        SecureTable(
            "memory_contextshown",
            {
                "task_id": "swarm_task",
                "agent_id": "swarm_agentprofile",
                "persona_version_id": "memory_personaversion",
                "memory_check_id": "memory_memorycheck",
            },
        ),
        migrations.RunSQL(STANDS_SQL, STANDS_REVERSE_SQL),
    ]
