"""Policies as data: versions that stand, a stamp per tenant that says whether they still act, and what shadows would have done."""

import chimera.kernel.clock
import chimera.kernel.ids
import chimera.kernel.tenancy
import django.db.models.deletion
import safety.states
from django.db import migrations, models

from chimera.kernel.tenancy import SecureTable

STANDS_SQL = """
REVOKE DELETE ON safety_policy, safety_policyset FROM chimera_app, chimera_system;
REVOKE UPDATE, DELETE ON safety_policyversion FROM chimera_app, chimera_system;
REVOKE UPDATE ON safety_shadowverdict FROM chimera_app, chimera_system;
REVOKE DELETE ON safety_shadowverdict FROM chimera_app;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('safety', '0003_votes'),
    ]

    operations = [
        migrations.CreateModel(
            name='Policy',
            fields=[
                ('tenant_id', models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=80)),
                ('status', models.CharField(choices=[('enforced', 'enforced'), ('shadow', 'shadow'), ('off', 'off')], default=safety.states.PolicyStatus['SHADOW'], max_length=10)),
                ('rules_version', models.PositiveIntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                ('updated_at', models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
            ],
            options={
                'verbose_name_plural': 'policies',
            },
        ),
        migrations.CreateModel(
            name='PolicySet',
            fields=[
                ('tenant_id', models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('stamp', models.UUIDField(default=chimera.kernel.ids.uuid7)),
            ],
        ),
        migrations.CreateModel(
            name='PolicyVersion',
            fields=[
                ('tenant_id', models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField()),
                ('rules', models.JSONField()),
                ('note', models.CharField(blank=True, max_length=500)),
                ('created_by', models.CharField(editable=False, max_length=120)),
                ('created_at', models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
            ],
            options={
                'verbose_name': 'version',
            },
        ),
        migrations.CreateModel(
            name='ShadowVerdict',
            fields=[
                ('tenant_id', models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('policy_version', models.PositiveIntegerField()),
                ('kind', models.CharField(choices=[('result', 'result'), ('action', 'action'), ('spend', 'spend')], max_length=10)),
                ('subject_id', models.UUIDField()),
                ('task_id', models.UUIDField()),
                ('agent_id', models.UUIDField(blank=True, null=True)),
                ('was', models.CharField(max_length=10)),
                ('would_be', models.CharField(max_length=10)),
                ('reasons', models.JSONField()),
                ('at', models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
            ],
            options={
                'verbose_name': 'shadow verdict',
            },
        ),
        migrations.AddField(
            model_name='reviewcard',
            name='agent_id',
            field=models.UUIDField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name='reviewcard',
            index=models.Index(condition=models.Q(('status__in', (safety.states.CardStatus['APPROVED'], safety.states.CardStatus['REJECTED'], safety.states.CardStatus['CHANGES_REQUESTED']))), fields=['agent_id', 'decided_at'], name='card_decided_of_agent'),
        ),
        migrations.AddConstraint(
            model_name='policy',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['enforced', 'shadow', 'off'])), name='policy_status'),
        ),
        migrations.AddConstraint(
            model_name='policy',
            constraint=models.UniqueConstraint(fields=('tenant_id', 'name'), name='policy_name_once'),
        ),
        migrations.AddConstraint(
            model_name='policyset',
            constraint=models.UniqueConstraint(fields=('tenant_id',), name='policy_set_one_per_tenant'),
        ),
        migrations.AddField(
            model_name='policyversion',
            name='policy',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='safety.policy'),
        ),
        migrations.AddField(
            model_name='shadowverdict',
            name='policy',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='shadows', to='safety.policy'),
        ),
        migrations.AddConstraint(
            model_name='policyversion',
            constraint=models.UniqueConstraint(fields=('policy', 'version'), name='policy_version_once'),
        ),
        migrations.AddConstraint(
            model_name='policyversion',
            constraint=models.CheckConstraint(condition=models.Q(('version__gte', 1)), name='policy_version_from_one'),
        ),
        migrations.AddIndex(
            model_name='shadowverdict',
            index=models.Index(fields=['policy', '-id'], name='shadow_of_policy'),
        ),
        SecureTable("safety_policyset"),
        SecureTable("safety_policy"),
        SecureTable("safety_policyversion", references={"policy_id": "safety_policy"}),
        SecureTable("safety_shadowverdict", references={"policy_id": "safety_policy"}),
        migrations.RunSQL(STANDS_SQL, migrations.RunSQL.noop),
    ]
