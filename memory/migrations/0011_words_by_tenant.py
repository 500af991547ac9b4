"""A tenant's words are looked up among its own memories: the index knows whose each is."""

import django.contrib.postgres.indexes
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("memory", "0005_evidence"),
    ]

    operations = [
        migrations.RunSQL("CREATE EXTENSION IF NOT EXISTS btree_gin", migrations.RunSQL.noop),
        migrations.RemoveIndex(model_name="memoryrecord", name="memory_words"),
        migrations.AddIndex(
            model_name="memoryrecord",
            index=django.contrib.postgres.indexes.GinIndex(fields=["tenant_id", "words"], name="memory_words"),
        ),
    ]
