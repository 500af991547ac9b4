"""Who must approve a card, and each approval that was given."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import chimera.kernel.clock
import chimera.kernel.ids
import chimera.kernel.tenancy
import safety.quorum
from chimera.kernel.tenancy import SecureTable


class Migration(migrations.Migration):
    dependencies = [
        ("safety", "0002_fewer_indexes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="reviewcard",
            name="quorum",
            field=models.JSONField(default=safety.quorum.one_reviewer),
        ),
        migrations.CreateModel(
            name="ReviewVote",
            fields=[
                ("tenant_id", models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                (
                    "id",
                    models.UUIDField(
                        default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "roles",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16), size=None
                    ),
                ),
                ("payload", models.CharField(blank=True, max_length=64)),
                ("note", models.TextField(blank=True)),
                ("at", models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                (
                    "card",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="votes",
                        to="safety.reviewcard",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "verbose_name": "approval",
                "constraints": [
                    models.UniqueConstraint(fields=("card", "person", "payload"), name="vote_once"),
                ],
            },
        ),
        SecureTable("safety_reviewvote", references={"card_id": "safety_reviewcard"}),
        migrations.RunSQL(
            "REVOKE UPDATE, DELETE ON safety_reviewvote FROM chimera_app, chimera_system", migrations.RunSQL.noop
        ),
    ]
