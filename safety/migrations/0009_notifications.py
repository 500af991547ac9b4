"""Notifications: whom to tell of cards, what is sent, and what came of each try."""

import chimera.kernel.clock
import chimera.kernel.ids
import chimera.kernel.tenancy
import django.contrib.postgres.fields
import django.db.models.deletion
import safety.states
from django.db import migrations, models

from chimera.kernel.tenancy import SecureTable

# What was sent is forgotten by housekeeping alone, what came of a try is never changed, and a target that was removed keeps its row.
STANDS_SQL = """
REVOKE DELETE ON safety_notificationtarget FROM chimera_app, chimera_system;
REVOKE DELETE ON safety_delivery, safety_deliveryattempt FROM chimera_app;
REVOKE UPDATE ON safety_deliveryattempt FROM chimera_app, chimera_system;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('safety', '0008_queue'),
    ]

    operations = [
        migrations.CreateModel(
            name='NotificationTarget',
            fields=[
                ('tenant_id', models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=80)),
                ('kind', models.CharField(choices=[('webhook', 'webhook'), ('email', 'e-mail')], max_length=10)),
                ('address', models.CharField(max_length=2000)),
                ('occasions', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=12), size=None)),
                ('roles', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=16), blank=True, default=list, size=None)),
                ('status', models.CharField(choices=[('active', 'active'), ('paused', 'paused'), ('removed', 'removed')], default=safety.states.TargetStatus['ACTIVE'], max_length=10)),
                ('secret', models.BinaryField(null=True)),
                ('secret_before', models.BinaryField(null=True)),
                ('secret_before_until', models.DateTimeField(blank=True, null=True)),
                ('created_by', models.CharField(editable=False, max_length=120)),
                ('created_at', models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                ('updated_at', models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
            ],
            options={
                'verbose_name': 'notification target',
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['active', 'paused', 'removed'])), name='target_status'), models.UniqueConstraint(condition=models.Q(('status', safety.states.TargetStatus['REMOVED']), _negated=True), fields=('tenant_id', 'name'), name='target_name_once'), models.CheckConstraint(condition=models.Q(models.Q(('kind', 'webhook'), ('secret__isnull', False)), models.Q(('kind', 'email'), ('secret__isnull', True)), _connector='OR'), name='target_webhooks_are_signed'), models.CheckConstraint(condition=models.Q(models.Q(('secret_before__isnull', True), ('secret_before_until__isnull', True)), models.Q(('secret_before__isnull', False), ('secret_before_until__isnull', False)), _connector='OR'), name='target_earlier_secret_ends')],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('tenant_id', models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('occasion', models.CharField(choices=[('waits', 'waits for a decision'), ('due', 'is due soon'), ('escalated', 'was escalated'), ('test', 'test')], max_length=12)),
                ('step', models.CharField(blank=True, max_length=40)),
                ('message', models.JSONField()),
                ('status', models.CharField(choices=[('pending', 'pending'), ('sent', 'sent'), ('failed', 'failed'), ('dropped', 'dropped')], default=safety.states.DeliveryStatus['PENDING'], max_length=10)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('attempts_until', models.PositiveIntegerField()),
                ('next_attempt_at', models.DateTimeField(default=chimera.kernel.clock.now)),
                ('error', models.CharField(blank=True, max_length=500)),
                ('link_serial', models.PositiveIntegerField(default=1)),
                ('link_used_at', models.DateTimeField(blank=True, null=True)),
                ('link_used_by', models.CharField(blank=True, max_length=120)),
                ('created_at', models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('card', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='safety.reviewcard')),
                ('target', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='safety.notificationtarget')),
            ],
            options={
                'verbose_name_plural': 'deliveries',
            },
        ),
        migrations.CreateModel(
            name='DeliveryAttempt',
            fields=[
                ('tenant_id', models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('taken', models.BooleanField()),
                ('status_code', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('detail', models.CharField(blank=True, max_length=500)),
                ('duration_ms', models.PositiveIntegerField()),
                ('at', models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                ('delivery', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='tries', to='safety.delivery')),
            ],
            options={
                'verbose_name': 'attempt',
                'constraints': [models.UniqueConstraint(fields=('delivery', 'number'), name='attempt_once')],
            },
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('status', safety.states.DeliveryStatus['PENDING'])), fields=['next_attempt_at'], name='delivery_due'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(fields=['tenant_id', '-id'], name='delivery_newest'),
        ),
        migrations.AddConstraint(
            model_name='delivery',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'sent', 'failed', 'dropped'])), name='delivery_status'),
        ),
        migrations.AddConstraint(
            model_name='delivery',
            constraint=models.UniqueConstraint(fields=('target', 'card', 'occasion', 'step'), name='delivery_once'),
        ),
        migrations.AddConstraint(
            model_name='delivery',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('card__isnull', True), ('occasion', 'test')), models.Q(models.Q(('occasion', 'test'), _negated=True), ('card__isnull', False)), _connector='OR'), name='delivery_is_about_a_card_or_a_test'),
        ),
        migrations.AddConstraint(
            model_name='delivery',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('status', safety.states.DeliveryStatus['PENDING'])), models.Q(models.Q(('status', safety.states.DeliveryStatus['PENDING']), _negated=True), ('ended_at__isnull', False)), _connector='OR'), name='delivery_ended_iff_done'),
        ),
        SecureTable("safety_notificationtarget"),
        SecureTable(
            "safety_delivery", references={"target_id": "safety_notificationtarget", "card_id": "safety_reviewcard"}
        ),
        SecureTable("safety_deliveryattempt", references={"delivery_id": "safety_delivery"}),
        migrations.RunSQL(STANDS_SQL, migrations.RunSQL.noop),
    ]
