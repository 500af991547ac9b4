"""Memberships may be switched off and their sessions ended; a tenant may ask its people for a second factor."""

from django.db import migrations, models

from swarm.identity_sql import IDENTITY_REVERSE_SQL, IDENTITY_SQL
from swarm.people_sql import PEOPLE_SQL


class Migration(migrations.Migration):

    dependencies = [
        ('swarm', '0015_killed_agents'),
    ]

    operations = [
        migrations.AddField(
            model_name='membership',
            name='disabled_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='membership',
            name='sessions_from',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='membership',
            name='version',
            field=models.PositiveIntegerField(db_default=1, default=1, editable=False),
        ),
        migrations.AddField(
            model_name='tenant',
            name='second_factor_required',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.RunSQL(PEOPLE_SQL, f"{IDENTITY_REVERSE_SQL}\n{IDENTITY_SQL}"),
    ]
