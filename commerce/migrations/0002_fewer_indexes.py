"""Two indexes that repeat the beginning of another are written no longer.

ACCESS EXCLUSIVE for a moment. By hand, because AlterField would drop the foreign keys too, and check every row again when it
makes them anew.
"""

import django.db.models.deletion
from django.db import migrations, models

INDEXES = {
    'commerce_transaction_task_id_42257361': ('commerce_transaction', 'task_id'),
    'commerce_spendwindow_budget_id_75e3414c': ('commerce_spendwindow', 'budget_id'),
}


class Migration(migrations.Migration):

    dependencies = [
        ('commerce', '0001_initial'),
        ('swarm', '0001_initial'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(f'DROP INDEX {name}', f'CREATE INDEX {name} ON {table} ({column})')
                for name, (table, column) in INDEXES.items()
            ],
            state_operations=[
                migrations.AlterField(
                    model_name='transaction',
                    name='task',
                    field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='transactions', to='swarm.task'),
                ),
                migrations.AlterField(
                    model_name='spendwindow',
                    name='budget',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='windows', to='commerce.budgetconfig'),
                ),
            ],
        ),
    ]
