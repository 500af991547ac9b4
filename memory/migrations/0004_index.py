"""The index outside of PostgreSQL: its collections, and what has changed since they were written."""

import chimera.kernel.clock
import chimera.kernel.tenancy
import django.db.models.functions.datetime
from django.db import migrations, models

from chimera.kernel.tenancy import SecureTable
from memory.index_sql import NOTE_REVERSE_SQL, NOTE_SQL


class Migration(migrations.Migration):
    dependencies = [
        ("memory", "0006_sightings"),
    ]

    operations = [
        migrations.CreateModel(
            name="Generation",
            fields=[
                ("collection", models.CharField(max_length=80, primary_key=True, serialize=False)),
                ("mark", models.BigIntegerField(default=0)),
                ("walked_to", models.UUIDField(null=True)),
                ("walked", models.BigIntegerField(default=0)),
                ("expected", models.BigIntegerField(default=0)),
                ("begun_at", models.DateTimeField(default=chimera.kernel.clock.now)),
                ("serving_since", models.DateTimeField(null=True)),
                ("replaces", models.CharField(blank=True, max_length=80)),
                ("why", models.CharField(blank=True, max_length=200)),
            ],
            options={
                "db_table": "memory_generation",
                "constraints": [
                    models.UniqueConstraint(
                        models.Value(1),
                        condition=models.Q(("serving_since__isnull", False)),
                        name="memory_one_serves",
                    ),
                    models.UniqueConstraint(
                        models.Value(1),
                        condition=models.Q(("serving_since__isnull", True)),
                        name="memory_one_is_filled",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Unindexed",
            fields=[
                ("tenant_id", models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("memory_id", models.UUIDField()),
                ("noted_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("attempts", models.PositiveSmallIntegerField(db_default=0, default=0)),
                ("refusal", models.CharField(blank=True, db_default="", max_length=500)),
                ("due_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "memory to be indexed",
                "verbose_name_plural": "memories to be indexed",
                "db_table": "memory_unindexed",
                "indexes": [models.Index(fields=["tenant_id", "memory_id"], name="memory_unindexed_tenant")],
            },
        ),
        SecureTable("memory_unindexed"),
        migrations.RunSQL(NOTE_SQL, NOTE_REVERSE_SQL),
    ]
