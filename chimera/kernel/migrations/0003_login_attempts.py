"""Attempts to log in, of no tenant: whoever is at the door may have several, or none."""

import chimera.kernel.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('kernel', '0002_references_planned_once'),
    ]

    operations = [
        migrations.CreateModel(
            name='LoginAttempt',
            fields=[
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('who', models.BinaryField(max_length=32)),
                ('user_id', models.IntegerField(null=True)),
                ('address', models.GenericIPAddressField(null=True)),
                ('what', models.CharField(choices=[('password', 'password'), ('code', 'code')], max_length=8)),
                ('passed', models.BooleanField(default=False)),
                ('at', models.DateTimeField()),
            ],
            options={
                'db_table': 'kernel_loginattempt',
                'indexes': [models.Index(fields=['who', 'at'], name='attempt_of_name'), models.Index(fields=['address', 'at'], name='attempt_of_address'), models.Index(fields=['at'], name='attempt_age')],
            },
        ),
    ]
