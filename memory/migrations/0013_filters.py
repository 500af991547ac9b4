"""Lists of memories by subject, and of those that were said again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("memory", "0012_personas_erased"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="memoryrecord",
            index=models.Index(
                condition=models.Q(("subject", ""), _negated=True),
                fields=["tenant_id", "subject", "id"],
                name="memory_by_subject",
            ),
        ),
        migrations.AddIndex(
            model_name="memorysighting",
            index=models.Index(fields=["tenant_id", "memory"], name="memory_seen_again"),
        ),
    ]
