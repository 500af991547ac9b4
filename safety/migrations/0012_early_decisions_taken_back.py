"""Early decisions may be taken back."""

from django.db import migrations, models
from django.db.models import Q

STATES = ["waiting", "used", "refused", "replaced", "expired", "withdrawn"]
WITHOUT_A_CARD = ["waiting", "replaced", "expired", "withdrawn"]
# What a Chimera of before knows that is over as well.
AS_BEFORE_SQL = "UPDATE safety_earlydecision SET status = 'replaced' WHERE status = 'withdrawn'; SET CONSTRAINTS ALL IMMEDIATE"


class Migration(migrations.Migration):
    dependencies = [("safety", "0011_early_decisions_expire")]

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
                condition=Q(card__isnull=True, refusal__isnull=True, status__in=WITHOUT_A_CARD)
                | Q(card__isnull=False, refusal__isnull=True, status="used")
                | Q(card__isnull=False, refusal__isnull=False, status="refused"),
                name="early_ended_together",
            ),
        ),
        migrations.RunSQL(migrations.RunSQL.noop, AS_BEFORE_SQL),
    ]
