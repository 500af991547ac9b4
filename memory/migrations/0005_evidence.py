"""A check says which index answered it, and why that one."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("memory", "0010_sketches"),
    ]

    operations = [
        migrations.AddField(
            model_name="memorycheck",
            name="index",
            field=models.CharField(blank=True, db_default="", max_length=16),
        ),
        migrations.AddField(
            model_name="memorycheck",
            name="index_fallback",
            field=models.TextField(blank=True, db_default=""),
        ),
    ]
