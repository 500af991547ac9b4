"""Stops of a tenant, and of everything: the row without a tenant, which each tenant sees and none can write."""

import chimera.kernel.clock
import chimera.kernel.ids
from django.db import migrations, models


MINE = "tenant_id = (SELECT NULLIF(current_setting('chimera.tenant', true), '')::uuid)"
SECURE_SQL = f"""
ALTER TABLE swarm_stop ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON swarm_stop USING ({MINE} OR tenant_id IS NULL) WITH CHECK ({MINE});
CREATE POLICY across ON swarm_stop TO chimera_system USING (true) WITH CHECK (true);
REVOKE UPDATE, DELETE ON swarm_stop FROM chimera_app, chimera_system;
GRANT UPDATE (lifted_at, lifted_by, lifted_by_name, lift_reason) ON swarm_stop TO chimera_app, chimera_system;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('swarm', '0013_who_asked'),
    ]

    operations = [
        migrations.CreateModel(
            name='Stop',
            fields=[
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(editable=False, null=True)),
                ('kind', models.CharField(choices=[('pause', 'pause'), ('stop', 'stop')], max_length=8)),
                ('reason', models.TextField()),
                ('by', models.CharField(max_length=120)),
                ('by_name', models.CharField(max_length=150)),
                ('at', models.DateTimeField(default=chimera.kernel.clock.now)),
                ('lifted_at', models.DateTimeField(blank=True, null=True)),
                ('lifted_by', models.CharField(blank=True, default='', max_length=120)),
                ('lifted_by_name', models.CharField(blank=True, default='', max_length=150)),
                ('lift_reason', models.TextField(blank=True, default='')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('lifted_at__isnull', True)), fields=('tenant_id',), name='stop_acts_once', nulls_distinct=False), models.CheckConstraint(condition=models.Q(('kind__in', ['pause', 'stop'])), name='stop_kind'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='stop_reasoned'), models.CheckConstraint(condition=models.Q(models.Q(('lifted_at__isnull', True), ('lifted_by', '')), models.Q(('lifted_at__isnull', False), models.Q(('lifted_by', ''), _negated=True)), _connector='OR'), name='stop_lifted_by_somebody')],
            },
        ),
        migrations.RunSQL(SECURE_SQL, migrations.RunSQL.noop),
    ]
