"""An erasure blanks questions that name the erased, or have words of what is erased; a receipt keeps what was beyond it."""

from django.conf import settings
from django.db import migrations, models

from memory.questions_erased_sql import QUESTIONS_ERASED_REVERSE_SQL, QUESTIONS_ERASED_SQL


class Migration(migrations.Migration):
    dependencies = [
        ("memory", "0013_filters"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="memoryerasure",
            name="beyond",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.RunSQL(QUESTIONS_ERASED_SQL, QUESTIONS_ERASED_REVERSE_SQL),
    ]
