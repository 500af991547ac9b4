"""Budgets that are carved for a task out of those above it; what a budget is for, and that it was carved, stands."""

from django.db import migrations, models
from django.db.models import Q

STANDS_SQL = """
CREATE FUNCTION chimera_keep_budget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what budget % is for stands', OLD.id USING ERRCODE = 'check_violation', CONSTRAINT = 'budget_stands';
END $$;
CREATE TRIGGER keep_budget AFTER UPDATE ON commerce_budgetconfig FOR EACH ROW
    WHEN ((OLD.id, OLD.tenant_id, OLD.scope, OLD.scope_id, OLD.is_carved)
        IS DISTINCT FROM (NEW.id, NEW.tenant_id, NEW.scope, NEW.scope_id, NEW.is_carved))
    EXECUTE FUNCTION chimera_keep_budget();
"""
STANDS_REVERSE_SQL = """
DROP TRIGGER keep_budget ON commerce_budgetconfig;
DROP FUNCTION chimera_keep_budget();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("commerce", "0007_purpose"),
    ]

    operations = [
        migrations.AddField(
            model_name="budgetconfig",
            name="is_carved",
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.AddConstraint(
            model_name="budgetconfig",
            constraint=models.CheckConstraint(
                name="budget_carved_for_a_task",
                condition=Q(is_carved=False) | Q(scope="task", total_usd__isnull=False, currency="USD"),
            ),
        ),
        migrations.AddConstraint(
            model_name="budgetconfig",
            constraint=models.UniqueConstraint(
                fields=["tenant_id", "scope_id"], condition=Q(is_carved=True), name="budget_carved_once"
            ),
        ),
        migrations.RunSQL(STANDS_SQL, STANDS_REVERSE_SQL),
    ]
