"""What a card is about in words, what it is alike to, and who has opened it."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import chimera.kernel.clock
import chimera.kernel.ids
import chimera.kernel.tenancy
from chimera.kernel.tenancy import SecureTable


class Migration(migrations.Migration):
    dependencies = [
        ("safety", "0007_decisions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="reviewcard",
            name="headline",
            field=models.CharField(blank=True, default="", max_length=200),
        ),
        migrations.AddField(
            model_name="reviewcard",
            name="alike",
            field=models.CharField(blank=True, default="", max_length=160),
        ),
        migrations.AddIndex(
            model_name="reviewcard",
            index=models.Index(
                condition=models.Q(("status__in", ("approved", "rejected", "changes_requested"))),
                fields=["tenant_id", "alike", "-decided_at"],
                name="card_decided_alike",
            ),
        ),
        migrations.CreateModel(
            name="ReviewSeen",
            fields=[
                ("tenant_id", models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                (
                    "id",
                    models.UUIDField(
                        default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("at", models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                (
                    "card",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="seen",
                        to="safety.reviewcard",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "seen card",
                "constraints": [models.UniqueConstraint(fields=("card", "person"), name="seen_once")],
            },
        ),
        SecureTable("safety_reviewseen", references={"card_id": "safety_reviewcard"}),
    ]
