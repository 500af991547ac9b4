"""Early decisions whose question did not come in time are over."""

from django.db import migrations, models
from django.db.models import Q

# What a Chimera of before knows that is over as well.
AS_BEFORE_SQL = "UPDATE safety_earlydecision SET status = 'replaced' WHERE status = 'expired'; SET CONSTRAINTS ALL IMMEDIATE"
STATES = ["waiting", "used", "refused", "replaced", "expired"]


class Migration(migrations.Migration):
    dependencies = [("safety", "0010_who_executed")]

    operations = [
        migrations.AlterField(
            "earlydecision",
            "status",
            models.CharField(choices=[(state, state) for state in STATES], default="waiting", max_length=10),
        ),
        migrations.RemoveConstraint("earlydecision", "early_status"),
        migrations.AddConstraint(
            "earlydecision", models.CheckConstraint(condition=Q(("status__in", STATES)), name="early_status")
        ),
        migrations.RemoveConstraint("earlydecision", "early_ended_together"),
        migrations.AddConstraint(
            "earlydecision",
            models.CheckConstraint(
                condition=Q(card__isnull=True, refusal__isnull=True, status__in=["waiting", "replaced", "expired"])
                | Q(card__isnull=False, refusal__isnull=True, status="used")
                | Q(card__isnull=False, refusal__isnull=False, status="refused"),
                name="early_ended_together",
            ),
        ),
        migrations.AddIndex(
            "earlydecision",
            models.Index(condition=Q(("status", "waiting")), fields=["expires_at"], name="early_expires"),
        ),
        migrations.RunSQL(migrations.RunSQL.noop, AS_BEFORE_SQL),
    ]
