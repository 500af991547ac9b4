import chimera.kernel.clock
import chimera.kernel.ids
import chimera.kernel.tenancy
import django.db.models.deletion
import safety.states
from django.conf import settings
from django.db import migrations, models

from chimera.kernel.tenancy import SecureTable


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('swarm', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ReviewCard',
            fields=[
                ('tenant_id', models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('spend', 'spend above the threshold'), ('result', 'result to look at'), ('manual', 'task that waits for its start'), ('judge', 'result that waits for its judge')], max_length=16)),
                ('status', models.CharField(choices=[('pending', 'pending'), ('approved', 'approved'), ('rejected', 'rejected'), ('changes_requested', 'changes_requested'), ('expired', 'expired'), ('withdrawn', 'withdrawn')], default=safety.states.CardStatus['PENDING'], max_length=20)),
                ('reasons', models.JSONField()),
                ('transaction_id', models.UUIDField(blank=True, null=True)),
                ('result_id', models.UUIDField(blank=True, null=True)),
                ('due_at', models.DateTimeField()),
                ('claim_expires_at', models.DateTimeField(blank=True, null=True)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('note', models.TextField(blank=True)),
                ('edited_payload', models.JSONField(blank=True, null=True)),
                ('created_at', models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                ('claimed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('decided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('session', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='swarm.swarmsession')),
                ('task', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='cards', to='swarm.task')),
            ],
            options={
                'verbose_name': 'review',
                'indexes': [models.Index(condition=models.Q(('status', safety.states.CardStatus['PENDING'])), fields=['tenant_id', 'due_at', 'id'], name='card_waiting'), models.Index(fields=['task'], name='card_of_task')],
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'approved', 'rejected', 'changes_requested', 'expired', 'withdrawn'])), name='card_status'), models.UniqueConstraint(condition=models.Q(('status', safety.states.CardStatus['PENDING'])), fields=('task',), name='card_one_pending_per_task'), models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', False), ('decided_by__isnull', False), ('status__in', [safety.states.CardStatus['APPROVED'], safety.states.CardStatus['REJECTED'], safety.states.CardStatus['CHANGES_REQUESTED']])), models.Q(('decided_at__isnull', False), ('status__in', [safety.states.CardStatus['EXPIRED'], safety.states.CardStatus['WITHDRAWN']])), models.Q(('decided_at__isnull', True), ('decided_by__isnull', True), ('status', safety.states.CardStatus['PENDING'])), _connector='OR'), name='card_decided_together')],
            },
        ),
        SecureTable("safety_reviewcard", {"session_id": "swarm_swarmsession", "task_id": "swarm_task"}),
        # A card outlives its decision: nobody who serves takes one away.
        migrations.RunSQL(
            "REVOKE DELETE ON safety_reviewcard FROM chimera_app, chimera_system", migrations.RunSQL.noop
        ),
    ]
