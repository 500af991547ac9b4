"""The signs of each vector's numbers, in an index by tenant."""

from django.db import migrations

from memory.sketch_sql import SKETCH_REVERSE_SQL, SKETCH_SQL


class Migration(migrations.Migration):
    dependencies = [
        ("memory", "0007_erasure"),
    ]

    operations = [
        migrations.RunSQL(SKETCH_SQL, SKETCH_REVERSE_SQL),
    ]
