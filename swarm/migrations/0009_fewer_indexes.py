"""Indexes that no statement asks are written no longer: seven of foreign keys, and that of results' ids.

Most repeat the first column of a key that is there anyway; of an agent's tasks only those that it runs are asked for, which
`task_of_agent` has; results are found by their task. Each DROP INDEX takes ACCESS EXCLUSIVE on its table and
partitions, for the moment that it takes to forget it; going back builds them, and writers wait for as long as that takes.

By hand, because AlterField would drop the foreign keys too, and check every row again when it makes them anew.
"""

import django.db.models.deletion
from django.db import migrations, models

INDEXES = {
    'swarm_task_agent_id_0ee39ddc': ('swarm_task', 'agent_id'),
    'swarm_taskresult_agent_id_96bc0e03': ('swarm_taskresult', 'agent_id'),
    'swarm_taskresult_task_id_a2e3a09b': ('swarm_taskresult', 'task_id'),
    'swarm_taskartifact_task_id_54ea3312': ('swarm_taskartifact', 'task_id'),
    'swarm_taskprogress_task_id_343f46c0': ('swarm_taskprogress', 'task_id'),
    'swarm_taskdependency_task_id_b6ef430a': ('swarm_taskdependency', 'task_id'),
    'swarm_schedulerun_schedule_id_5cf2348a': ('swarm_schedulerun', 'schedule_id'),
}


class Migration(migrations.Migration):

    dependencies = [
        ('swarm', '0008_old_schedule_runs'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(f'DROP INDEX {name}', f'CREATE INDEX {name} ON {table} ({column})')
                for name, (table, column) in INDEXES.items()
            ],
            state_operations=[
                migrations.AlterField(
                    model_name='task',
                    name='agent',
                    field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='tasks', to='swarm.agentprofile'),
                ),
                migrations.AlterField(
                    model_name='taskresult',
                    name='agent',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='swarm.agentprofile'),
                ),
                migrations.AlterField(
                    model_name='taskresult',
                    name='task',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='results', to='swarm.task'),
                ),
                migrations.AlterField(
                    model_name='taskartifact',
                    name='task',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='artifacts', to='swarm.task'),
                ),
                migrations.AlterField(
                    model_name='taskprogress',
                    name='task',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='progress_rows', to='swarm.task'),
                ),
                migrations.AlterField(
                    model_name='taskdependency',
                    name='task',
                    field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='dependencies', to='swarm.task'),
                ),
                migrations.AlterField(
                    model_name='schedulerun',
                    name='schedule',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='swarm.schedule'),
                ),
            ],
        ),
        migrations.RemoveIndex(model_name='taskresult', name='result_id'),
    ]
