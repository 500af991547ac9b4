"""Which models a tenant's vectors are of, by index; and what a model said of a text that it refused."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("memory", "0004_index"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="memoryrecord", name="memory_unembedded"),
        migrations.AddIndex(
            model_name="memoryrecord",
            index=models.Index(
                fields=["tenant_id", "embedding_model", "id"],
                name="memory_by_model",
                condition=models.Q(("forgotten_at__isnull", True)),
            ),
        ),
        migrations.AddField(
            model_name="memoryrecord",
            name="embedding_fault",
            field=models.JSONField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="memoryrecord",
            name="embed_again_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
