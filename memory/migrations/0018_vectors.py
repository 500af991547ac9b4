"""Vectors in a table of their own, each whole in its row."""

import django.db.models.deletion
import pgvector.django.halfvec
import pgvector.django.indexes
from django.db import migrations, models

import chimera.kernel.tenancy
from chimera.kernel.tenancy import SecureTable
from memory.sketch_sql import SKETCH_REVERSE_SQL, SKETCH_SQL
from memory.vectors_sql import VECTORS_REVERSE_SQL, VECTORS_SQL


class Migration(migrations.Migration):
    dependencies = [
        ("memory", "0017_word_keys"),
    ]

    operations = [
        migrations.CreateModel(
            name="MemoryVector",
            fields=[
                ("tenant_id", models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                (
                    "memory",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="vector",
                        serialize=False,
                        to="memory.memoryrecord",
                    ),
                ),
                ("model", models.CharField(max_length=100)),
                ("embedding", pgvector.django.halfvec.HalfVectorField(dimensions=1536)),
            ],
            options={
                "verbose_name": "vector",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("model", ""), _negated=True), name="memory_vector_of_a_model")
                ],
            },
        ),
        SecureTable("memory_memoryvector", {"memory_id": "memory_memoryrecord"}),
        migrations.RunSQL(SKETCH_REVERSE_SQL, SKETCH_SQL),
        migrations.RemoveIndex(model_name="memoryrecord", name="memory_nearest"),
        migrations.RemoveConstraint(model_name="memoryrecord", name="memory_vector_named"),
        migrations.RemoveConstraint(model_name="memoryrecord", name="memory_forgotten"),
        migrations.RunSQL(VECTORS_SQL, VECTORS_REVERSE_SQL),
        migrations.RemoveField(model_name="memoryrecord", name="embedding"),
        migrations.AddConstraint(
            model_name="memoryrecord",
            constraint=models.CheckConstraint(
                condition=models.Q(("forgotten_at__isnull", True), ("forgotten_reason", ""))
                | models.Q(("embedding_model", ""), ("forgotten_at__isnull", False)),
                name="memory_forgotten",
            ),
        ),
        migrations.AddIndex(
            model_name="memoryvector",
            index=pgvector.django.indexes.HnswIndex(
                ef_construction=200, fields=["embedding"], m=16, name="memory_nearest", opclasses=["halfvec_cosine_ops"]
            ),
        ),
    ]
