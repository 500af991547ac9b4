import chimera.kernel.clock
import chimera.kernel.ids
import chimera.kernel.relay.tables
import chimera.kernel.tenancy
from django.db import migrations, models

from chimera.kernel.eventlog import POSITION_REVERSE_SQL, POSITION_SQL
from chimera.kernel.partitions import FUNCTIONS_REVERSE_SQL, FUNCTIONS_SQL, CreatePartitionedModel
from chimera.kernel.references import FOR_ALL_SQL
from chimera.kernel.relay.blockers import BLOCKERS_REVERSE_SQL, BLOCKERS_SQL
from chimera.kernel.tenancy import SecureTable


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.RunSQL(FOR_ALL_SQL, "DROP FUNCTION chimera_same_tenant()"),
        migrations.RunSQL(POSITION_SQL, POSITION_REVERSE_SQL),
        migrations.RunSQL(BLOCKERS_SQL, BLOCKERS_REVERSE_SQL),
        migrations.CreateModel(
            name='Partitioned',
            fields=[
                ('parent', models.TextField(primary_key=True, serialize=False)),
            ],
            options={
                'db_table': 'kernel_partitioned',
            },
        ),
        migrations.RunSQL(FUNCTIONS_SQL, FUNCTIONS_REVERSE_SQL),
        migrations.CreateModel(
            name='Lane',
            fields=[
                ('name', models.CharField(max_length=40, primary_key=True, serialize=False)),
                ('xid', models.BigIntegerField(default=0)),
                ('seq', models.BigIntegerField(default=0)),
                ('advanced_at', models.DateTimeField(default=chimera.kernel.clock.now)),
            ],
            options={
                'db_table': 'kernel_lane',
            },
        ),
        migrations.CreateModel(
            name='Answer',
            fields=[
                ('tenant_id', models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('principal', models.CharField(max_length=120)),
                ('key_digest', models.BinaryField(max_length=32)),
                ('request_digest', models.BinaryField(max_length=32)),
                ('status', models.PositiveSmallIntegerField()),
                ('body', models.BinaryField()),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'kernel_answer',
                'indexes': [models.Index(fields=['created_at'], name='answer_age')],
                'constraints': [models.UniqueConstraint(fields=('tenant_id', 'principal', 'key_digest'), name='answer_once_per_key')],
            },
        ),
        CreatePartitionedModel(
            name='Event',
            fields=[
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField()),
                ('session_id', models.UUIDField(null=True)),
                ('task_id', models.UUIDField(null=True)),
                ('aggregate_id', models.UUIDField()),
                ('aggregate_version', models.PositiveIntegerField()),
                ('type', models.CharField(max_length=80)),
                ('payload', models.JSONField()),
                ('actor', models.CharField(max_length=120)),
                ('trace_id', models.CharField(blank=True, max_length=64)),
                ('at', models.DateTimeField()),
                ('xid', models.BigIntegerField(db_default=models.Func(function='chimera_xid', output_field=models.BigIntegerField()))),
                ('seq', models.BigIntegerField(db_default=models.Func(models.Value('kernel_event_seq'), function='nextval', output_field=models.BigIntegerField()))),
            ],
            options={
                'db_table': 'kernel_event',
                'indexes': [models.Index(fields=['xid', 'seq'], name='event_position'), models.Index(condition=models.Q(('session_id__isnull', False)), fields=['session_id', 'xid', 'seq'], name='event_session'), models.Index(fields=['aggregate_id', 'xid', 'seq'], name='event_aggregate')],
            },
        ),
        migrations.CreateModel(
            name='ParkedEvent',
            fields=[
                ('tenant_id', models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('lane', models.CharField(max_length=40)),
                ('xid', models.BigIntegerField()),
                ('seq', models.BigIntegerField()),
                ('session_id', models.UUIDField(blank=True, null=True)),
                ('task_id', models.UUIDField(blank=True, null=True)),
                ('type', models.CharField(max_length=80)),
                ('payload', models.JSONField()),
                ('at', models.DateTimeField()),
                ('actor', models.CharField(max_length=120)),
                ('trace_id', models.CharField(blank=True, max_length=64)),
                ('error', models.TextField()),
                ('attempts', models.PositiveIntegerField()),
                ('status', models.CharField(choices=[('parked', 'parked'), ('retrying', 'retrying'), ('resolved', 'resolved')], default=chimera.kernel.relay.tables.ParkedStatus['PARKED'], max_length=16)),
                ('parked_at', models.DateTimeField(default=chimera.kernel.clock.now)),
                ('retried_by', models.CharField(blank=True, max_length=120)),
                ('retried_at', models.DateTimeField(blank=True, null=True)),
                ('resolved_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'db_table': 'kernel_parkedevent',
                'indexes': [models.Index(condition=models.Q(('status', chimera.kernel.relay.tables.ParkedStatus['RETRYING'])), fields=['lane', 'id'], name='parked_to_retry'), models.Index(fields=['tenant_id', 'status', '-id'], name='parked_by_status')],
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['parked', 'retrying', 'resolved'])), name='parked_status'), models.UniqueConstraint(fields=('lane', 'xid', 'seq'), name='parked_once'), models.CheckConstraint(condition=models.Q(models.Q(('resolved_at__isnull', False), ('status', chimera.kernel.relay.tables.ParkedStatus['RESOLVED'])), models.Q(models.Q(('status', chimera.kernel.relay.tables.ParkedStatus['RESOLVED']), _negated=True), ('resolved_at__isnull', True)), _connector='OR'), name='parked_resolved_iff_done')],
            },
        ),
        SecureTable("kernel_event"),
        SecureTable("kernel_answer"),
        SecureTable("kernel_parkedevent"),
        # The log is append-only, and the relay's own tables are the relay's.
        migrations.RunSQL(
            """
            REVOKE UPDATE, DELETE ON kernel_event FROM chimera_app, chimera_system;
            REVOKE INSERT, UPDATE, DELETE ON kernel_xidbase, kernel_partitioned FROM chimera_app, chimera_system;
            REVOKE INSERT, UPDATE, DELETE ON kernel_lane FROM chimera_app;
            """,
            migrations.RunSQL.noop,
        ),
    ]
