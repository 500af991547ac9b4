"""An erasure of a tenant reaches its personas."""

from django.db import migrations

from memory.personas_erased_sql import PERSONAS_ERASED_REVERSE_SQL, PERSONAS_ERASED_SQL


class Migration(migrations.Migration):
    dependencies = [
        ("memory", "0011_words_by_tenant"),
    ]

    operations = [
        migrations.RunSQL(PERSONAS_ERASED_SQL, PERSONAS_ERASED_REVERSE_SQL),
    ]
