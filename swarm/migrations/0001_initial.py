import chimera.kernel.clock
import chimera.kernel.identity
import chimera.kernel.ids
import chimera.kernel.tenancy
import django.contrib.postgres.fields
import django.db.models.deletion
import swarm.models.tenant
import swarm.states
from django.conf import settings
from django.db import migrations, models

from chimera.kernel.partitions import CreatePartitionedModel
from chimera.kernel.tenancy import SecureTable
from swarm.identity_sql import IDENTITY_REVERSE_SQL, IDENTITY_SQL


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('kernel', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Tenant',
            fields=[
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=80, unique=True)),
                ('time_zone', models.CharField(default='UTC', max_length=64, validators=[swarm.models.tenant.check_time_zone])),
                ('created_at', models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
            ],
        ),
        migrations.CreateModel(
            name='AgentProfile',
            fields=[
                ('tenant_id', models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=80)),
                ('role', models.CharField(choices=[('judge', 'judge'), ('planner', 'planner'), ('worker', 'worker')], max_length=16)),
                ('status', models.CharField(choices=[('active', 'active'), ('inactive', 'inactive'), ('suspended', 'suspended')], default=swarm.states.AgentStatus['ACTIVE'], max_length=16)),
                ('capabilities', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), blank=True, default=list, size=None)),
                ('tools_config', models.JSONField(blank=True, default=dict)),
                ('max_slots', models.PositiveSmallIntegerField(default=1)),
                ('created_at', models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['active', 'inactive', 'suspended'])), name='agent_status'), models.CheckConstraint(condition=models.Q(('role__in', [chimera.kernel.identity.Role['JUDGE'], chimera.kernel.identity.Role['PLANNER'], chimera.kernel.identity.Role['WORKER']])), name='agent_role'), models.CheckConstraint(condition=models.Q(('max_slots__gte', 1), ('max_slots__lte', 64)), name='agent_slots'), models.UniqueConstraint(fields=('tenant_id', 'name'), name='agent_name_once')],
            },
        ),
        migrations.CreateModel(
            name='AgentKey',
            fields=[
                ('tenant_id', models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('prefix', models.CharField(max_length=16)),
                ('digest', models.BinaryField(max_length=32, unique=True)),
                ('scopes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=32), default=list, size=None)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('last_used_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                ('agent', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='keys', to='swarm.agentprofile')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Campaign',
            fields=[
                ('tenant_id', models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200)),
                ('goal', models.TextField()),
                ('context', models.JSONField(blank=True, default=dict)),
                ('status', models.CharField(choices=[('planning', 'planning'), ('active', 'active'), ('paused', 'paused'), ('completed', 'completed'), ('stopped', 'stopped')], default=swarm.states.CampaignStatus['PLANNING'], max_length=16)),
                ('state_version', models.PositiveIntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                ('updated_at', models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['planning', 'active', 'paused', 'completed', 'stopped'])), name='campaign_status')],
            },
        ),
        migrations.CreateModel(
            name='PersonalToken',
            fields=[
                ('tenant_id', models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=80)),
                ('prefix', models.CharField(max_length=16)),
                ('digest', models.BinaryField(max_length=32, unique=True)),
                ('scopes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=32), default=list, size=None)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='chimera_tokens', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='SwarmSession',
            fields=[
                ('tenant_id', models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(blank=True, max_length=200)),
                ('context', models.JSONField(blank=True, default=dict)),
                ('status', models.CharField(choices=[('created', 'created'), ('running', 'running'), ('paused', 'paused'), ('completed', 'completed'), ('failed', 'failed'), ('stopped', 'stopped')], default=swarm.states.SessionStatus['CREATED'], max_length=16)),
                ('state_version', models.PositiveIntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                ('updated_at', models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                ('ended_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('campaign', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='sessions', to='swarm.campaign')),
            ],
            options={
                'verbose_name': 'session',
            },
        ),
        CreatePartitionedModel(
            name='Task',
            fields=[
                ('tenant_id', models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('type', models.CharField(max_length=80)),
                ('role', models.CharField(choices=[('judge', 'judge'), ('planner', 'planner'), ('worker', 'worker')], default=chimera.kernel.identity.Role['WORKER'], max_length=16)),
                ('requires', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), blank=True, default=list, size=None)),
                ('description', models.TextField(blank=True)),
                ('input_payload', models.JSONField(default=dict)),
                ('metadata', models.JSONField(blank=True, default=dict)),
                ('external_id', models.CharField(blank=True, max_length=200, null=True)),
                ('concurrency_key', models.CharField(blank=True, max_length=200)),
                ('priority', models.PositiveSmallIntegerField(default=50)),
                ('risk_tier', models.PositiveSmallIntegerField(default=2)),
                ('execution_mode', models.CharField(choices=[('auto', 'runs by itself'), ('manual', 'waits for a person before its first claim'), ('dry_run', 'never spends, never executes')], default='auto', max_length=8)),
                ('judged', models.BooleanField(default=False)),
                ('status', models.CharField(choices=[('pending', 'pending'), ('queued', 'queued'), ('running', 'running'), ('blocked', 'blocked'), ('completed', 'completed'), ('failed', 'failed'), ('cancelled', 'cancelled')], default=swarm.states.TaskStatus['PENDING'], max_length=16)),
                ('blocked_reason', models.CharField(blank=True, max_length=200)),
                ('error', models.JSONField(blank=True, null=True)),
                ('attempt_count', models.PositiveSmallIntegerField(default=0)),
                ('max_attempts', models.PositiveSmallIntegerField(default=3)),
                ('timeout_seconds', models.PositiveIntegerField(blank=True, null=True)),
                ('not_before', models.DateTimeField(blank=True, null=True)),
                ('deadline_at', models.DateTimeField(blank=True, null=True)),
                ('lease_token', models.UUIDField(blank=True, editable=False, null=True)),
                ('lease_expires_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('claimed_session_version', models.PositiveIntegerField(editable=False, null=True)),
                ('claimed_campaign_version', models.PositiveIntegerField(editable=False, null=True)),
                ('resume', models.JSONField(blank=True, editable=False, null=True)),
                ('created_by', models.CharField(editable=False, max_length=120)),
                ('created_at', models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                ('queued_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('started_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('completed_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('agent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='tasks', to='swarm.agentprofile')),
                ('parent_task', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='children', to='swarm.task')),
                ('session', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='tasks', to='swarm.swarmsession')),
            ],
        ),
        migrations.CreateModel(
            name='ExternalId',
            fields=[
                ('tenant_id', models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('value', models.CharField(max_length=200)),
                ('task', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='swarm.task')),
            ],
        ),
        CreatePartitionedModel(
            name='TaskArtifact',
            fields=[
                ('tenant_id', models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ('pk', models.CompositePrimaryKey('task_id', 'id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False)),
                ('result_id', models.UUIDField()),
                ('type', models.CharField(max_length=50)),
                ('content', models.JSONField(null=True)),
                ('uri', models.CharField(blank=True, max_length=2000)),
                ('created_at', models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                ('task', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='artifacts', to='swarm.task')),
            ],
            partition_key='task_id',
        ),
        migrations.CreateModel(
            name='TaskDependency',
            fields=[
                ('tenant_id', models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('depends_on', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='dependents', to='swarm.task')),
                ('task', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='dependencies', to='swarm.task')),
            ],
        ),
        CreatePartitionedModel(
            name='TaskProgress',
            fields=[
                ('tenant_id', models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ('pk', models.CompositePrimaryKey('task_id', 'id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False)),
                ('phase', models.CharField(max_length=100)),
                ('percentage', models.DecimalField(decimal_places=2, max_digits=5, null=True)),
                ('message', models.TextField(blank=True)),
                ('metadata', models.JSONField(default=dict)),
                ('created_at', models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                ('task', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='progress_rows', to='swarm.task')),
            ],
            partition_key='task_id',
        ),
        CreatePartitionedModel(
            name='TaskResult',
            fields=[
                ('tenant_id', models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ('pk', models.CompositePrimaryKey('task_id', 'lease_token', blank=True, editable=False, primary_key=True, serialize=False)),
                ('lease_token', models.UUIDField(editable=False)),
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False)),
                ('attempt', models.PositiveSmallIntegerField()),
                ('status', models.CharField(choices=[('succeeded', 'Succeeded'), ('failed', 'Failed')], max_length=16)),
                ('output_payload', models.JSONField(null=True)),
                ('original_payload', models.JSONField(null=True)),
                ('error', models.JSONField(null=True)),
                ('confidence_score', models.DecimalField(decimal_places=4, max_digits=5, null=True)),
                ('judge_score', models.DecimalField(decimal_places=4, max_digits=5, null=True)),
                ('reasoning', models.TextField(blank=True)),
                ('evidence', models.JSONField(default=list)),
                ('metrics', models.JSONField(default=dict)),
                ('outcome', models.CharField(max_length=16)),
                ('review_id', models.UUIDField(null=True)),
                ('applied', models.BooleanField(default=False)),
                ('created_at', models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                ('agent', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='swarm.agentprofile')),
                ('task', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='results', to='swarm.task')),
            ],
            partition_key='task_id',
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('tenant_id', models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('roles', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('admin', 'admin'), ('auditor', 'auditor'), ('finance', 'finance'), ('operator', 'operator'), ('reviewer', 'reviewer')], max_length=16), size=None)),
                ('created_at', models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('tenant_id', 'user'), name='membership_once')],
            },
        ),
        migrations.AddIndex(
            model_name='swarmsession',
            index=models.Index(fields=['tenant_id', 'status', '-id'], name='session_by_status'),
        ),
        migrations.AddConstraint(
            model_name='swarmsession',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['created', 'running', 'paused', 'completed', 'failed', 'stopped'])), name='session_status'),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(fields=['session', '-id'], name='task_session'),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(condition=models.Q(('status', swarm.states.TaskStatus['QUEUED'])), fields=['tenant_id', 'role', '-priority', 'id'], name='task_queued'),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(condition=models.Q(('status', swarm.states.TaskStatus['PENDING'])), fields=['tenant_id', 'id'], name='task_pending'),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(condition=models.Q(('status', swarm.states.TaskStatus['RUNNING'])), fields=['lease_expires_at'], name='task_running'),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(condition=models.Q(('status', swarm.states.TaskStatus['RUNNING'])), fields=['agent'], name='task_of_agent'),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(condition=models.Q(('parent_task__isnull', False)), fields=['parent_task'], name='task_children'),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(fields=['tenant_id', 'status', '-id'], name='task_by_status'),
        ),
        migrations.AddConstraint(
            model_name='task',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'queued', 'running', 'blocked', 'completed', 'failed', 'cancelled'])), name='task_status'),
        ),
        migrations.AddConstraint(
            model_name='task',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('agent__isnull', False), ('lease_expires_at__isnull', False), ('lease_token__isnull', False), ('status', swarm.states.TaskStatus['RUNNING'])), models.Q(models.Q(('status', swarm.states.TaskStatus['RUNNING']), _negated=True), ('lease_expires_at__isnull', True), ('lease_token__isnull', True)), _connector='OR'), name='task_lease_iff_running'),
        ),
        migrations.AddConstraint(
            model_name='task',
            constraint=models.CheckConstraint(condition=models.Q(('priority__lte', 100)), name='task_priority'),
        ),
        migrations.AddConstraint(
            model_name='task',
            constraint=models.CheckConstraint(condition=models.Q(('risk_tier__gte', 1), ('risk_tier__lte', 3)), name='task_risk_tier'),
        ),
        migrations.AddConstraint(
            model_name='task',
            constraint=models.CheckConstraint(condition=models.Q(('max_attempts__gte', 1), ('max_attempts__lte', 20)), name='task_attempts'),
        ),
        migrations.AddConstraint(
            model_name='task',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('completed_at__isnull', False), ('status__in', [swarm.states.TaskStatus['COMPLETED'], swarm.states.TaskStatus['FAILED'], swarm.states.TaskStatus['CANCELLED']])), models.Q(('completed_at__isnull', True), ('status__in', [swarm.states.TaskStatus['PENDING'], swarm.states.TaskStatus['QUEUED'], swarm.states.TaskStatus['RUNNING'], swarm.states.TaskStatus['BLOCKED']])), _connector='OR'), name='task_end_iff_ended'),
        ),
        migrations.AddConstraint(
            model_name='externalid',
            constraint=models.UniqueConstraint(fields=('tenant_id', 'value'), name='external_id_once'),
        ),
        migrations.AddConstraint(
            model_name='taskartifact',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('content__isnull', False), ('uri', '')), models.Q(('content__isnull', True), models.Q(('uri', ''), _negated=True)), _connector='OR'), name='artifact_content_or_uri'),
        ),
        migrations.AddConstraint(
            model_name='taskdependency',
            constraint=models.UniqueConstraint(fields=('task', 'depends_on'), name='dependency_once'),
        ),
        migrations.AddConstraint(
            model_name='taskdependency',
            constraint=models.CheckConstraint(condition=models.Q(('task', models.F('depends_on')), _negated=True), name='dependency_not_itself'),
        ),
        migrations.AddConstraint(
            model_name='taskprogress',
            constraint=models.CheckConstraint(condition=models.Q(('percentage__isnull', True), models.Q(('percentage__gte', 0), ('percentage__lte', 100)), _connector='OR'), name='progress_percentage'),
        ),
        migrations.AddIndex(
            model_name='taskresult',
            index=models.Index(fields=['id'], name='result_id'),
        ),
        migrations.AddConstraint(
            model_name='taskresult',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('error__isnull', True), ('status', 'succeeded')), models.Q(('error__isnull', False), ('output_payload__isnull', True), ('status', 'failed')), _connector='OR'), name='result_output_or_error'),
        ),
        migrations.AddConstraint(
            model_name='taskresult',
            constraint=models.CheckConstraint(condition=models.Q(('confidence_score__isnull', True), models.Q(('confidence_score__gte', 0), ('confidence_score__lte', 1)), _connector='OR'), name='result_score'),
        ),
        migrations.AddConstraint(
            model_name='taskresult',
            constraint=models.CheckConstraint(condition=models.Q(('judge_score__isnull', True), models.Q(('judge_score__gte', 0), ('judge_score__lte', 1)), _connector='OR'), name='result_judge_score'),
        ),
        SecureTable("swarm_tenant", tenant_column="id"),
        SecureTable("swarm_membership"),
        SecureTable("swarm_personaltoken"),
        SecureTable("swarm_agentprofile"),
        SecureTable("swarm_agentkey", {"agent_id": "swarm_agentprofile"}),
        SecureTable("swarm_campaign"),
        SecureTable("swarm_swarmsession", {"campaign_id": "swarm_campaign"}),
        SecureTable("swarm_task", {"session_id": "swarm_swarmsession", "agent_id": "swarm_agentprofile", "parent_task_id": "swarm_task"}),
        SecureTable("swarm_taskdependency", {"task_id": "swarm_task", "depends_on_id": "swarm_task"}),
        SecureTable("swarm_externalid", {"task_id": "swarm_task"}),
        SecureTable("swarm_taskresult", {"task_id": "swarm_task", "agent_id": "swarm_agentprofile"}),
        SecureTable("swarm_taskartifact", {"task_id": "swarm_task"}),
        SecureTable("swarm_taskprogress", {"task_id": "swarm_task"}),
        migrations.RunSQL(IDENTITY_SQL, IDENTITY_REVERSE_SQL),
        # Work, its results and its keys end by their state, never by DELETE; of a result only its settlement changes.
        migrations.RunSQL(
            """
            REVOKE DELETE ON swarm_agentprofile, swarm_agentkey, swarm_personaltoken, swarm_campaign,
                swarm_swarmsession, swarm_task, swarm_taskresult, swarm_taskartifact, swarm_taskprogress
                FROM chimera_app, chimera_system;
            REVOKE UPDATE ON swarm_taskresult, swarm_taskartifact, swarm_taskprogress
                FROM chimera_app, chimera_system;
            GRANT UPDATE (applied, output_payload, original_payload, judge_score, review_id) ON swarm_taskresult
                TO chimera_app, chimera_system;
            """,
            migrations.RunSQL.noop,
        ),
    ]
