import chimera.kernel.clock
import chimera.kernel.ids
import chimera.kernel.tenancy
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import pgvector.django.halfvec
import pgvector.django.indexes
from decimal import Decimal
from django.db import migrations, models

from chimera.kernel.tenancy import SecureTable
from memory.words_sql import WORDS_REVERSE_SQL, WORDS_SQL


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('swarm', '0001_initial'),
    ]

    operations = [
        migrations.RunSQL("CREATE EXTENSION IF NOT EXISTS vector", migrations.RunSQL.noop),
        migrations.CreateModel(
            name='MemoryCheck',
            fields=[
                ('tenant_id', models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('lease_token', models.UUIDField(editable=False)),
                ('attempt', models.PositiveSmallIntegerField()),
                ('query', models.TextField()),
                ('mode', models.CharField(max_length=16)),
                ('embedding_model', models.CharField(blank=True, max_length=100)),
                ('memories', models.JSONField(default=list)),
                ('created_at', models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                ('agent', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='swarm.agentprofile')),
                ('task', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='memory_checks', to='swarm.task')),
            ],
            options={
                'verbose_name': 'memory check',
                'indexes': [models.Index(fields=['task', 'lease_token', 'id'], name='memory_check_attempt')],
            },
        ),
        migrations.CreateModel(
            name='MemoryRecord',
            fields=[
                ('tenant_id', models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('agent_role', models.CharField(blank=True, max_length=16)),
                ('persona', models.CharField(blank=True, max_length=120)),
                ('category', models.CharField(choices=[('episodic', 'episodic: what happened'), ('semantic', 'semantic: what is so'), ('soul', 'soul: who a persona is')], default='episodic', max_length=16)),
                ('visibility', models.CharField(choices=[('tenant', 'everybody in the tenant'), ('session', 'its session'), ('agent', 'its agent alone')], default='tenant', max_length=16)),
                ('content', models.TextField()),
                ('importance_score', models.DecimalField(decimal_places=4, default=Decimal('0.5'), max_digits=5)),
                ('source', models.JSONField(blank=True, default=dict)),
                ('source_result', models.UUIDField(blank=True, editable=False, null=True)),
                ('valid_from', models.DateTimeField(blank=True, null=True)),
                ('valid_until', models.DateTimeField(blank=True, null=True)),
                ('superseded_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('forgotten_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('forgotten_reason', models.CharField(blank=True, editable=False, max_length=500)),
                ('embedding', pgvector.django.halfvec.HalfVectorField(blank=True, dimensions=1536, editable=False, null=True)),
                ('embedding_model', models.CharField(blank=True, editable=False, max_length=100)),
                ('words', models.GeneratedField(db_persist=True, expression=django.contrib.postgres.search.SearchVector('content', config='english'), output_field=django.contrib.postgres.search.SearchVectorField())),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                ('agent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='memories', to='swarm.agentprofile')),
                ('session', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='memories', to='swarm.swarmsession')),
                ('superseded_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='supersedes', to='memory.memoryrecord')),
                ('task', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='memories', to='swarm.task')),
            ],
            options={
                'verbose_name': 'memory',
                'verbose_name_plural': 'memories',
                'indexes': [pgvector.django.indexes.HnswIndex(ef_construction=200, fields=['embedding'], m=16, name='memory_nearest', opclasses=['halfvec_cosine_ops']), django.contrib.postgres.indexes.GinIndex(fields=['words'], name='memory_words'), models.Index(fields=['tenant_id', '-id'], name='memory_newest'), models.Index(condition=models.Q(('forgotten_at__isnull', True)), fields=['embedding_model', 'id'], name='memory_unembedded')],
                'constraints': [models.CheckConstraint(condition=models.Q(('category__in', ['episodic', 'semantic', 'soul'])), name='memory_category'), models.CheckConstraint(condition=models.Q(('visibility__in', ['tenant', 'session', 'agent'])), name='memory_visibility'), models.CheckConstraint(condition=models.Q(('content', ''), _negated=True), name='memory_says_something'), models.CheckConstraint(condition=models.Q(('importance_score__gte', 0), ('importance_score__lte', 1)), name='memory_importance'), models.CheckConstraint(condition=models.Q(('valid_from__isnull', True), ('valid_until__isnull', True), ('valid_until__gt', models.F('valid_from')), _connector='OR'), name='memory_window'), models.CheckConstraint(condition=models.Q(models.Q(('visibility', 'session'), _negated=True), ('session__isnull', False), _connector='OR'), name='memory_session_kept'), models.CheckConstraint(condition=models.Q(models.Q(('visibility', 'agent'), _negated=True), ('agent__isnull', False), _connector='OR'), name='memory_agent_kept'), models.CheckConstraint(condition=models.Q(models.Q(('superseded_at__isnull', True), ('superseded_by__isnull', True)), models.Q(('superseded_at__isnull', False), ('superseded_by__isnull', False)), _connector='OR'), name='memory_superseded'), models.CheckConstraint(condition=models.Q(models.Q(('embedding__isnull', True), ('embedding_model', '')), models.Q(('embedding__isnull', False), models.Q(('embedding_model', ''), _negated=True)), _connector='OR'), name='memory_vector_named'), models.CheckConstraint(condition=models.Q(models.Q(('forgotten_at__isnull', True), ('forgotten_reason', '')), models.Q(('embedding__isnull', True), ('forgotten_at__isnull', False)), _connector='OR'), name='memory_forgotten'), models.UniqueConstraint(condition=models.Q(('source_result__isnull', False)), fields=('tenant_id', 'source_result'), name='memory_once_per_result')],
            },
        ),
        SecureTable("memory_memorycheck", {"agent_id": "swarm_agentprofile", "task_id": "swarm_task"}),
        SecureTable(
            "memory_memoryrecord",
            {
                "session_id": "swarm_swarmsession",
                "task_id": "swarm_task",
                "agent_id": "swarm_agentprofile",
                "superseded_by_id": "memory_memoryrecord",
            },
        ),
        migrations.RunSQL(WORDS_SQL, WORDS_REVERSE_SQL),
        # Frozen evidence: whoever serves adds to it, and changes nothing of it.
        migrations.RunSQL(
            "REVOKE UPDATE, DELETE ON memory_memorycheck FROM chimera_app, chimera_system", migrations.RunSQL.noop
        ),
    ]
