"""The same words in the same place are one memory; a repeat is a sighting of it."""

import chimera.kernel.clock
import chimera.kernel.ids
import chimera.kernel.tenancy
import django.db.models.deletion
from django.db import migrations, models

from chimera.kernel.tenancy import SecureTable
from memory.sameness import SAME, digest_of

AT_ONCE = 500
READ = (*SAME, "pk", "tenant_id", "session_id", "agent_id", "content")
SAID_SQL = """
UPDATE memory_memoryrecord SET seen_at = created_at,
    written_by = CASE WHEN agent_id IS NULL THEN '' ELSE 'agent:' || agent_id END;
SET CONSTRAINTS ALL IMMEDIATE;
"""


def write_digests(apps, schema_editor):
    """The oldest of doubles that stand has the words from now on; the others stay as they are, without a digest."""
    rows = apps.get_model("memory", "MemoryRecord").objects.using(schema_editor.connection.alias)
    seen, after = set(), None
    while True:
        some = rows.filter(forgotten_at=None, superseded_at=None).order_by("pk")
        some = list((some.filter(pk__gt=after) if after else some).values(*READ)[:AT_ONCE])
        if not some:
            return
        for row in some:
            digest = digest_of(row)
            if (row["tenant_id"], digest) not in seen:
                seen.add((row["tenant_id"], digest))
                rows.filter(pk=row["pk"]).update(digest=digest)
        after = some[-1]["pk"]


class Migration(migrations.Migration):
    dependencies = [
        ("memory", "0003_screening"),
    ]

    operations = [
        migrations.AddField(
            model_name="memoryrecord",
            name="digest",
            field=models.BinaryField(max_length=32, null=True),
        ),
        migrations.AddField(
            model_name="memoryrecord",
            name="seen_at",
            field=models.DateTimeField(default=chimera.kernel.clock.now, editable=False),
        ),
        migrations.AddField(
            model_name="memoryrecord",
            name="sightings",
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="memoryrecord",
            name="subject",
            field=models.CharField(blank=True, db_default="", max_length=120),
        ),
        migrations.AddField(
            model_name="memoryrecord",
            name="written_by",
            field=models.CharField(blank=True, db_default="", editable=False, max_length=120),
        ),
        migrations.RunSQL(SAID_SQL, migrations.RunSQL.noop),
        migrations.RunPython(write_digests, migrations.RunPython.noop),
        migrations.RemoveConstraint(model_name="memoryrecord", name="memory_superseded"),
        migrations.AddConstraint(
            model_name="memoryrecord",
            constraint=models.CheckConstraint(
                condition=models.Q(("superseded_by__isnull", True), ("superseded_at__isnull", False), _connector="OR"),
                name="memory_superseded",
            ),
        ),
        migrations.AddConstraint(
            model_name="memoryrecord",
            constraint=models.UniqueConstraint(
                condition=models.Q(("forgotten_at__isnull", True), ("superseded_at__isnull", True)),
                fields=("tenant_id", "digest"),
                name="memory_once_per_words",
            ),
        ),
        migrations.CreateModel(
            name="MemorySighting",
            fields=[
                ("tenant_id", models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                (
                    "id",
                    models.UUIDField(
                        default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("provenance", models.BinaryField(max_length=32)),
                ("agent_role", models.CharField(blank=True, max_length=16)),
                ("written_by", models.CharField(max_length=120)),
                ("importance_score", models.DecimalField(decimal_places=4, max_digits=5)),
                ("source", models.JSONField(default=dict)),
                ("source_result", models.UUIDField(null=True)),
                ("created_at", models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                (
                    "agent",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="swarm.agentprofile",
                    ),
                ),
                (
                    "memory",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="repeats",
                        to="memory.memoryrecord",
                    ),
                ),
                (
                    "session",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="swarm.swarmsession",
                    ),
                ),
                (
                    "task",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="swarm.task",
                    ),
                ),
            ],
            options={
                "verbose_name": "sighting",
                "constraints": [
                    models.UniqueConstraint(fields=("memory", "provenance"), name="memory_seen_once_from_there"),
                    models.UniqueConstraint(
                        condition=models.Q(("source_result__isnull", False)),
                        fields=("tenant_id", "source_result"),
                        name="memory_seen_once_per_result",
                    ),
                ],
            },
        ),
        SecureTable(
            "memory_memorysighting",
            {
                "memory_id": "memory_memoryrecord",
                "session_id": "swarm_swarmsession",
                "task_id": "swarm_task",
                "agent_id": "swarm_agentprofile",
            },
        ),
        # Where words were read is written once, and goes with the memory alone.
        migrations.RunSQL("REVOKE UPDATE ON memory_memorysighting FROM chimera_app, chimera_system", migrations.RunSQL.noop),
    ]
