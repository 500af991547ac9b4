"""A meter may begin before its lease has cost anything, with what is held ahead."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("commerce", "0008_carved_budgets")]

    operations = [
        migrations.RemoveConstraint("transaction", "transaction_metered_by_a_lease"),
        migrations.AddConstraint(
            "transaction",
            models.CheckConstraint(
                name="transaction_metered_by_a_lease",
                condition=Q(metered_usd__isnull=True, metered_lease__isnull=True)
                | Q(metered_usd__isnull=False, metered_usd__gte=0, metered_lease__isnull=False),
            ),
        ),
    ]
