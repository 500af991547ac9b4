"""What fades, and what is erased with a receipt."""

import chimera.kernel.clock
import chimera.kernel.ids
import chimera.kernel.tenancy
from django.db import migrations, models

from chimera.kernel.tenancy import SecureTable
from memory.erasing_sql import ERASING_REVERSE_SQL, ERASING_SQL


class Migration(migrations.Migration):

    dependencies = [
        ('kernel', '0001_initial'),
        ('memory', '0008_personas'),
    ]

    operations = [
        migrations.AddField(
            model_name='memorypolicy',
            name='fading',
            field=models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict),
        ),
        migrations.CreateModel(
            name='MemoryErasure',
            fields=[
                ('tenant_id', models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('scope', models.CharField(choices=[('tenant', 'all memory of the tenant'), ('session', 'what was remembered in a session'), ('agent', 'what an agent remembered'), ('person', 'what a person wrote'), ('subject', 'what is about a subject')], max_length=16)),
                ('whose', models.CharField(blank=True, max_length=120)),
                ('reason', models.CharField(max_length=500)),
                ('requested_by', models.CharField(max_length=120)),
                ('requested_at', models.DateTimeField(default=chimera.kernel.clock.now)),
                ('status', models.CharField(choices=[('requested', 'requested'), ('erased', 'erased'), ('confirmed', 'confirmed')], default='requested', max_length=16)),
                ('counts', models.JSONField(default=dict)),
                ('ids_digest', models.BinaryField(default=bytes, max_length=32)),
                ('walked_to', models.UUIDField(null=True)),
                ('pending', models.JSONField(default=dict)),
                ('erased_at', models.DateTimeField(null=True)),
                ('confirmed_at', models.DateTimeField(null=True)),
                ('seal', models.CharField(blank=True, max_length=64)),
            ],
            options={
                'verbose_name': 'erasure',
                'indexes': [models.Index(condition=models.Q(('status', 'confirmed'), _negated=True), fields=['id'], name='memory_erasure_open'), models.Index(fields=['tenant_id', 'scope', 'whose'], name='memory_erasure_of')],
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['requested', 'erased', 'confirmed'])), name='memory_erasure_status'), models.CheckConstraint(condition=models.Q(('scope__in', ['tenant', 'session', 'agent', 'person', 'subject'])), name='memory_erasure_scope'), models.CheckConstraint(condition=models.Q(models.Q(('scope', 'tenant'), ('whose', '')), models.Q(models.Q(('scope', 'tenant'), _negated=True), models.Q(('whose', ''), _negated=True)), _connector='OR'), name='memory_erasure_whose'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='memory_erasure_reason'), models.CheckConstraint(condition=models.Q(models.Q(('confirmed_at__isnull', False), ('erased_at__isnull', False), ('status', 'confirmed'), models.Q(('seal', ''), _negated=True)), models.Q(models.Q(('status', 'confirmed'), _negated=True), ('confirmed_at__isnull', True), ('seal', '')), _connector='OR'), name='memory_erasure_sealed')],
            },
        ),
        SecureTable("memory_memoryerasure"),
        migrations.RunSQL(ERASING_SQL, ERASING_REVERSE_SQL),
    ]
