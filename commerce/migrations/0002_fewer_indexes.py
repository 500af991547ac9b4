"""Two indexes that repeat the beginning of another are written no longer.

ACCESS EXCLUSIVE for a moment on transactions; on windows until their foreign key, made anew, has looked at each of them.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('commerce', '0001_initial'),
        ('swarm', '0001_initial'),
    ]

    operations = [
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
    ]
