"""A task may have a budget that was carved for it; and its parent stands, because money is counted along the tree."""

from django.db import migrations, models
from django.db.models import Q

PARENT_STANDS_SQL = """
CREATE FUNCTION chimera_keep_parent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the parent of task % stands', OLD.id USING ERRCODE = 'check_violation', CONSTRAINT = 'task_parent_stands';
END $$;
CREATE TRIGGER keep_parent BEFORE UPDATE OF parent_task_id ON swarm_task
    FOR EACH ROW WHEN (OLD.parent_task_id IS DISTINCT FROM NEW.parent_task_id) EXECUTE FUNCTION chimera_keep_parent();
"""
PARENT_STANDS_REVERSE_SQL = """
DROP TRIGGER keep_parent ON swarm_task;
DROP FUNCTION chimera_keep_parent();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("swarm", "0011_agent_registered_by"),
    ]

    operations = [
        migrations.AddField(
            model_name="task",
            name="budget_usd",
            field=models.DecimalField(blank=True, decimal_places=6, max_digits=20, null=True),
        ),
        migrations.AddConstraint(
            model_name="task",
            constraint=models.CheckConstraint(
                name="task_budget", condition=Q(budget_usd__isnull=True) | Q(budget_usd__gte=0, budget_usd__lte=10**13)
            ),
        ),
        migrations.RunSQL(PARENT_STANDS_SQL, PARENT_STANDS_REVERSE_SQL),
    ]
