"""Who issued an agent's key, and who wrote a schedule; of those that are there already, the log of events says it."""

import django.contrib.postgres.fields
from django.db import migrations, models

KEYS_SQL = """
UPDATE swarm_agentkey SET issued_by = told.actor
FROM kernel_event told
WHERE told.aggregate_id = swarm_agentkey.agent_id AND told.type = 'swarm.agent.key_issued.v1'
  AND told.payload ->> 'key_prefix' = swarm_agentkey.prefix
"""
SCHEDULES_SQL = """
UPDATE swarm_schedule SET written_by = ARRAY(
    SELECT swarm_schedule.created_by
    UNION
    SELECT told.actor FROM kernel_event told
    WHERE told.aggregate_id = swarm_schedule.id AND told.type = 'swarm.schedule.changed.v1'
)
"""


class Migration(migrations.Migration):
    dependencies = [
        ("swarm", "0012_task_budget"),
        ("kernel", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="agentkey",
            name="issued_by",
            field=models.CharField(blank=True, default="", editable=False, max_length=120),
        ),
        migrations.AddField(
            model_name="schedule",
            name="written_by",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=120), blank=True, default=list, editable=False, size=None
            ),
        ),
        migrations.RunSQL(KEYS_SQL, migrations.RunSQL.noop),
        migrations.RunSQL(SCHEDULES_SQL, migrations.RunSQL.noop),
    ]
