"""Who registered an agent; of those that are there already, the log of events says it."""

from django.db import migrations, models

FILL_SQL = """
UPDATE swarm_agentprofile SET registered_by = told.actor
FROM kernel_event told
WHERE told.aggregate_id = swarm_agentprofile.id AND told.type = 'swarm.agent.registered.v1'
"""


class Migration(migrations.Migration):
    dependencies = [
        ("swarm", "0010_running_tasks_apart"),
        ("kernel", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="agentprofile",
            name="registered_by",
            field=models.CharField(blank=True, default="", editable=False, max_length=120),
        ),
        migrations.RunSQL(FILL_SQL, migrations.RunSQL.noop),
    ]
