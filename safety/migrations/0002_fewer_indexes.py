"""An index that says what `card_of_task` says is written no longer. ACCESS EXCLUSIVE on the cards for a moment.

By hand, because AlterField would drop `card_one_pending_per_task` too, which is on the same column.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('safety', '0001_initial'),
        ('swarm', '0001_initial'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    'DROP INDEX safety_reviewcard_task_id_9d57ea39',
                    'CREATE INDEX safety_reviewcard_task_id_9d57ea39 ON safety_reviewcard (task_id)',
                ),
            ],
            state_operations=[
                migrations.AlterField(
                    model_name='reviewcard',
                    name='task',
                    field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='cards', to='swarm.task'),
                ),
            ],
        ),
    ]
