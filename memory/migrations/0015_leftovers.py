"""What was given up of the index, and is not known to be dropped."""

import chimera.kernel.clock
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("memory", "0014_questions_erased"),
    ]

    operations = [
        migrations.AddField(
            model_name="generation",
            name="server",
            field=models.CharField(blank=True, db_default="", default="", max_length=500),
        ),
        migrations.CreateModel(
            name="GivenUp",
            fields=[
                ("collection", models.CharField(max_length=80, primary_key=True, serialize=False)),
                ("server", models.CharField(blank=True, max_length=500)),
                ("since", models.DateTimeField(default=chimera.kernel.clock.now)),
            ],
            options={"db_table": "memory_given_up"},
        ),
    ]
