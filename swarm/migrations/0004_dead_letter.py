from django.db import migrations


class Migration(migrations.Migration):
    """A name for failed tasks in the console. No table: it is the tasks'."""

    dependencies = [("swarm", "0003_schedules")]

    operations = [
        migrations.CreateModel(
            name="DeadLetter",
            fields=[],
            options={"verbose_name": "dead letter", "proxy": True, "indexes": [], "constraints": []},
            bases=("swarm.task",),
        ),
    ]
