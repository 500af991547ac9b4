"""Killed agents have an index of their own, which every guarded write asks: few rows, however many agents there are."""

import swarm.states
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('swarm', '0014_stops'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='agentprofile',
            index=models.Index(condition=models.Q(('status', swarm.states.AgentStatus['SUSPENDED'])), fields=['tenant_id'], name='agent_suspended'),
        ),
    ]
