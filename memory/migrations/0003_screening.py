"""What a tenant does with personal data and secrets, and what a memory is kept without."""

import chimera.kernel.clock
import chimera.kernel.ids
import chimera.kernel.tenancy
import django.contrib.postgres.fields
from django.db import migrations, models

from chimera.kernel.tenancy import SecureTable


class Migration(migrations.Migration):
    dependencies = [
        ("memory", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="MemoryPolicy",
            fields=[
                ("tenant_id", models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                (
                    "id",
                    models.UUIDField(
                        default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("screening", models.JSONField(default=dict)),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                ("updated_at", models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
            ],
            options={
                "verbose_name": "memory policy",
                "verbose_name_plural": "memory policies",
                "constraints": [models.UniqueConstraint(fields=("tenant_id",), name="memory_policy_one_per_tenant")],
            },
        ),
        migrations.AddField(
            model_name="memoryrecord",
            name="masked",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=24),
                blank=True,
                db_default=[],
                default=list,
                editable=False,
                size=None,
            ),
        ),
        SecureTable("memory_memorypolicy"),
        migrations.RunSQL(
            "REVOKE DELETE ON memory_memorypolicy FROM chimera_app, chimera_system", migrations.RunSQL.noop
        ),
    ]
