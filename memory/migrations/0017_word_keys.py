"""The word index by tenant and word at once; what is proposed by words is what has the weightiest."""

import django.contrib.postgres.indexes
from django.db import migrations, models
from django.db.models import Func

from memory.weighed_words_sql import WEIGHED_WORDS_REVERSE_SQL, WEIGHED_WORDS_SQL
from memory.word_keys_sql import WORD_KEYS_REVERSE_SQL, WORD_KEYS_SQL


class Migration(migrations.Migration):
    dependencies = [
        ("memory", "0016_rare_words"),
    ]

    operations = [
        migrations.RunSQL(WORD_KEYS_SQL, WORD_KEYS_REVERSE_SQL),
        migrations.AddIndex(
            model_name="memoryrecord",
            index=django.contrib.postgres.indexes.GinIndex(
                Func(
                    models.F("tenant_id"),
                    Func(models.F("words"), function="tsvector_to_array"),
                    function="chimera_word_keys",
                ),
                name="memory_word_keys",
                fastupdate=False,
                condition=models.Q(("forgotten_at__isnull", True)),
            ),
        ),
        migrations.RunSQL(WEIGHED_WORDS_SQL, WEIGHED_WORDS_REVERSE_SQL),
        migrations.RemoveIndex(model_name="memoryrecord", name="memory_words"),
    ]
