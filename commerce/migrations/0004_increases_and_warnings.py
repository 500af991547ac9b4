"""Temporary increases of limits, what was warned of each window, and the ledger by when it was settled."""

import chimera.kernel.clock
import chimera.kernel.ids
import chimera.kernel.tenancy
import django.contrib.postgres.indexes
import django.db.models.deletion
from decimal import Decimal
from django.db import migrations, models

from chimera.kernel.tenancy import SecureTable


class Migration(migrations.Migration):

    dependencies = [
        ('commerce', '0003_ledger_rules'),
    ]

    operations = [
        migrations.CreateModel(
            name='LimitIncrease',
            fields=[
                ('tenant_id', models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('id', models.UUIDField(default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('transaction', 'transaction'), ('day', 'day'), ('month', 'month'), ('total', 'total')], max_length=11)),
                ('amount_usd', models.DecimalField(decimal_places=6, max_digits=20)),
                ('reason', models.CharField(max_length=500)),
                ('status', models.CharField(choices=[('active', 'active'), ('expired', 'expired'), ('revoked', 'revoked')], default='active', max_length=8)),
                ('granted_by', models.CharField(editable=False, max_length=120)),
                ('created_at', models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                ('expires_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('ended_by', models.CharField(blank=True, editable=False, max_length=120)),
            ],
            options={
                'verbose_name': 'increase',
            },
        ),
        migrations.CreateModel(
            name='Statement',
            fields=[
            ],
            options={
                'verbose_name': 'statement',
                'proxy': True,
                'indexes': [],
                'constraints': [],
            },
            bases=('commerce.transaction',),
        ),
        migrations.AddField(
            model_name='budgetconfig',
            name='raised_until',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='spendwindow',
            name='limit_until',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='spendwindow',
            name='warned_percent',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddIndex(
            model_name='transaction',
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['settled_at'], name='transaction_settled'),
        ),
        migrations.AddConstraint(
            model_name='spendwindow',
            constraint=models.CheckConstraint(condition=models.Q(('warned_percent__in', [0, 50, 80, 100])), name='window_warned'),
        ),
        migrations.AddField(
            model_name='limitincrease',
            name='budget',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='increases', to='commerce.budgetconfig'),
        ),
        migrations.AddIndex(
            model_name='limitincrease',
            index=models.Index(fields=['budget', '-id'], name='increase_of_budget'),
        ),
        migrations.AddIndex(
            model_name='limitincrease',
            index=models.Index(condition=models.Q(('status', 'active')), fields=['expires_at'], name='increase_due'),
        ),
        migrations.AddConstraint(
            model_name='limitincrease',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['active', 'expired', 'revoked'])), name='increase_status'),
        ),
        migrations.AddConstraint(
            model_name='limitincrease',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['transaction', 'day', 'month', 'total'])), name='increase_kind'),
        ),
        migrations.AddConstraint(
            model_name='limitincrease',
            constraint=models.CheckConstraint(condition=models.Q(('amount_usd__gt', 0), ('amount_usd__lte', Decimal('10000000000000'))), name='increase_amount'),
        ),
        migrations.AddConstraint(
            model_name='limitincrease',
            constraint=models.CheckConstraint(condition=models.Q(('expires_at__gt', models.F('created_at'))), name='increase_lasts'),
        ),
        migrations.AddConstraint(
            model_name='limitincrease',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='increase_says_why'),
        ),
        migrations.AddConstraint(
            model_name='limitincrease',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('ended_by', ''), ('status', 'active')), models.Q(models.Q(('status', 'active'), _negated=True), ('ended_at__isnull', False), models.Q(('ended_by', ''), _negated=True)), _connector='OR'), name='increase_ended_unless_active'),
        ),
        SecureTable("commerce_limitincrease", references={"budget_id": "commerce_budgetconfig"}),
        # Who serves ends an increase; what was granted, by whom and until when, stands.
        migrations.RunSQL(
            """
            REVOKE DELETE, UPDATE ON commerce_limitincrease FROM chimera_app, chimera_system;
            GRANT UPDATE (version, status, ended_at, ended_by) ON commerce_limitincrease TO chimera_app, chimera_system;
            """,
            migrations.RunSQL.noop,
        ),
    ]
