"""What an agent runs is counted by an index of its own alone: `task_by_status` knows pending and running tasks no longer.

A claim counts what its agent runs, and a plan made while little ran chose `task_by_status`, which leads to all that the tenant
runs. Both indexes are built anew: writers wait for as long as that takes, a second or so for each million of tasks.
"""

import swarm.states
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('swarm', '0009_fewer_indexes'),
    ]

    operations = [
        migrations.RemoveIndex(model_name='task', name='task_of_agent'),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(condition=models.Q(('status', swarm.states.TaskStatus['RUNNING'])), fields=['tenant_id', 'agent'], name='task_of_agent'),
        ),
        migrations.RemoveIndex(model_name='task', name='task_by_status'),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(condition=models.Q(('status__in', [swarm.states.TaskStatus['PENDING'], swarm.states.TaskStatus['RUNNING']]), _negated=True), fields=['tenant_id', 'status', '-id'], name='task_by_status'),
        ),
    ]
