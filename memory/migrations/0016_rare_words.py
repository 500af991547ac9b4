"""What has a rare word is proposed beside what has most of the words."""

from django.db import migrations

from memory.rare_words_sql import RARE_WORDS_REVERSE_SQL, RARE_WORDS_SQL


class Migration(migrations.Migration):
    dependencies = [
        ("memory", "0015_leftovers"),
    ]

    operations = [
        migrations.RunSQL(RARE_WORDS_SQL, RARE_WORDS_REVERSE_SQL),
    ]
