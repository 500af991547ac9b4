"""Rules of budgets in versions that stand, and the two indexes by which velocity counts the last hour."""

import django.db.models.deletion
from django.db import migrations, models

import chimera.kernel.clock
import chimera.kernel.ids
import chimera.kernel.tenancy
from chimera.kernel.tenancy import SecureTable

STANDS_SQL = """
REVOKE UPDATE, DELETE ON commerce_budgetrules FROM chimera_app, chimera_system;
CREATE TRIGGER refuse_removal BEFORE UPDATE OR DELETE ON commerce_budgetrules
    FOR EACH ROW EXECUTE FUNCTION chimera_refuse_removal('rules');
"""
STANDS_REVERSE_SQL = "DROP TRIGGER refuse_removal ON commerce_budgetrules"

COUNTED = models.Q(("status__in", ["held", "review", "captured"]))


class Migration(migrations.Migration):
    dependencies = [
        ("commerce", "0004_increases_and_warnings"),
    ]

    operations = [
        migrations.AddField(
            model_name="budgetconfig",
            name="rules_version",
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(condition=COUNTED, fields=["tenant_id", "id"], name="transaction_pace"),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(condition=COUNTED, fields=["agent_id", "id"], name="transaction_agents_pace"),
        ),
        migrations.CreateModel(
            name="BudgetRules",
            fields=[
                ("tenant_id", models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                (
                    "id",
                    models.UUIDField(
                        default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("rules", models.JSONField()),
                ("created_by", models.CharField(editable=False, max_length=120)),
                ("created_at", models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                (
                    "budget",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rules",
                        to="commerce.budgetconfig",
                    ),
                ),
            ],
            options={
                "verbose_name": "rules",
                "verbose_name_plural": "rules",
                "constraints": [
                    models.UniqueConstraint(fields=("budget", "version"), name="rules_version_once"),
                    models.CheckConstraint(condition=models.Q(("version__gte", 1)), name="rules_version_from_one"),
                ],
            },
        ),
        SecureTable("commerce_budgetrules", references={"budget_id": "commerce_budgetconfig"}),
        migrations.RunSQL(STANDS_SQL, STANDS_REVERSE_SQL),
    ]
