"""Budgets, spend windows and the ledger, which is partitioned by month."""

from decimal import Decimal

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import chimera.kernel.clock
import chimera.kernel.ids
import chimera.kernel.tenancy
from chimera.kernel.partitions import CreatePartitionedModel
from chimera.kernel.tenancy import SecureTable


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("kernel", "0001_initial"),
        ("swarm", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="BudgetConfig",
            fields=[
                ("tenant_id", models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "id",
                    models.UUIDField(
                        default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "scope",
                    models.CharField(
                        choices=[
                            ("tenant", "tenant"),
                            ("campaign", "campaign"),
                            ("session", "session"),
                            ("agent", "agent"),
                            ("task", "task"),
                        ],
                        max_length=8,
                    ),
                ),
                ("scope_id", models.UUIDField(blank=True, null=True)),
                (
                    "currency",
                    models.CharField(
                        choices=[("USD", "USD"), ("EUR", "EUR"), ("GBP", "GBP")], default="USD", max_length=3
                    ),
                ),
                ("is_active", models.BooleanField(default=True)),
                (
                    "per_transaction_usd",
                    models.DecimalField(blank=True, decimal_places=6, max_digits=20, null=True),
                ),
                ("day_usd", models.DecimalField(blank=True, decimal_places=6, max_digits=20, null=True)),
                ("month_usd", models.DecimalField(blank=True, decimal_places=6, max_digits=20, null=True)),
                ("total_usd", models.DecimalField(blank=True, decimal_places=6, max_digits=20, null=True)),
                (
                    "approval_threshold_usd",
                    models.DecimalField(blank=True, decimal_places=6, max_digits=20, null=True),
                ),
                ("created_by", models.CharField(editable=False, max_length=120)),
                ("created_at", models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                ("updated_at", models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
            ],
            options={
                "verbose_name": "budget",
                "indexes": [models.Index(fields=["tenant_id", "scope", "scope_id"], name="budget_by_scope")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("scope__in", ["tenant", "campaign", "session", "agent", "task"])),
                        name="budget_scope",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("scope", "tenant"), ("scope_id__isnull", True)),
                            models.Q(
                                models.Q(("scope", "tenant"), _negated=True), ("scope_id__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="budget_scope_id",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("currency__in", ["USD", "EUR", "GBP"])), name="budget_currency"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("per_transaction_usd__isnull", True),
                                models.Q(
                                    ("per_transaction_usd__gte", 0),
                                    ("per_transaction_usd__lte", Decimal("10000000000000")),
                                ),
                                _connector="OR",
                            ),
                            models.Q(
                                ("day_usd__isnull", True),
                                models.Q(("day_usd__gte", 0), ("day_usd__lte", Decimal("10000000000000"))),
                                _connector="OR",
                            ),
                            models.Q(
                                ("month_usd__isnull", True),
                                models.Q(
                                    ("month_usd__gte", 0), ("month_usd__lte", Decimal("10000000000000"))
                                ),
                                _connector="OR",
                            ),
                            models.Q(
                                ("total_usd__isnull", True),
                                models.Q(
                                    ("total_usd__gte", 0), ("total_usd__lte", Decimal("10000000000000"))
                                ),
                                _connector="OR",
                            ),
                            models.Q(
                                ("approval_threshold_usd__isnull", True),
                                models.Q(
                                    ("approval_threshold_usd__gte", 0),
                                    ("approval_threshold_usd__lte", Decimal("10000000000000")),
                                ),
                                _connector="OR",
                            ),
                        ),
                        name="budget_limits",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SpendWindow",
            fields=[
                ("tenant_id", models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                (
                    "id",
                    models.UUIDField(
                        default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("day", "day"), ("month", "month"), ("total", "total")], max_length=8
                    ),
                ),
                ("starts_on", models.DateField(null=True)),
                ("starts_at", models.DateTimeField(null=True)),
                ("ends_at", models.DateTimeField(null=True)),
                ("limit_usd", models.DecimalField(decimal_places=6, max_digits=20, null=True)),
                ("held_usd", models.DecimalField(decimal_places=6, default=0, max_digits=20)),
                ("captured_usd", models.DecimalField(decimal_places=6, default=0, max_digits=20)),
                (
                    "budget",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="windows",
                        to="commerce.budgetconfig",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("kind", "day")), fields=["ends_at"], name="window_open_days"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("budget", "kind", "starts_on"), name="window_once", nulls_distinct=False
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["day", "month", "total"])), name="window_kind"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("ends_at__isnull", True),
                                ("kind", "total"),
                                ("starts_at__isnull", True),
                                ("starts_on__isnull", True),
                            ),
                            models.Q(
                                models.Q(("kind", "total"), _negated=True),
                                ("ends_at__gt", models.F("starts_at")),
                                ("ends_at__isnull", False),
                                ("starts_at__isnull", False),
                                ("starts_on__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="window_bounds_unless_total",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("limit_usd__isnull", True),
                                models.Q(
                                    ("limit_usd__gte", 0), ("limit_usd__lte", Decimal("10000000000000"))
                                ),
                                _connector="OR",
                            ),
                            models.Q(
                                ("held_usd__isnull", True),
                                models.Q(("held_usd__gte", 0), ("held_usd__lte", Decimal("10000000000000"))),
                                _connector="OR",
                            ),
                            models.Q(
                                ("captured_usd__isnull", True),
                                models.Q(
                                    ("captured_usd__gte", 0), ("captured_usd__lte", Decimal("10000000000000"))
                                ),
                                _connector="OR",
                            ),
                        ),
                        name="window_amounts",
                    ),
                ],
            },
        ),
        CreatePartitionedModel(
            name="Transaction",
            fields=[
                ("tenant_id", models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "id",
                    models.UUIDField(
                        default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("session_id", models.UUIDField()),
                ("agent_id", models.UUIDField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("held", "held"),
                            ("review", "review"),
                            ("denied", "denied"),
                            ("captured", "captured"),
                            ("voided", "voided"),
                            ("expired", "expired"),
                        ],
                        max_length=8,
                    ),
                ),
                ("amount_usd", models.DecimalField(decimal_places=6, max_digits=20)),
                ("captured_usd", models.DecimalField(decimal_places=6, max_digits=20, null=True)),
                ("asset_symbol", models.CharField(max_length=16)),
                ("payee", models.CharField(blank=True, max_length=200)),
                ("category", models.CharField(blank=True, max_length=80)),
                ("metadata", models.JSONField(blank=True, default=dict)),
                (
                    "keeper",
                    models.CharField(
                        choices=[("lease", "lease"), ("card", "card"), ("resume", "resume")],
                        max_length=6,
                        null=True,
                    ),
                ),
                ("lease_token", models.UUIDField(null=True)),
                ("resume_deadline", models.DateTimeField(null=True)),
                ("review", models.UUIDField(null=True)),
                ("approval_key", models.CharField(max_length=64)),
                ("approved_by_review", models.UUIDField(null=True)),
                ("denied_code", models.CharField(blank=True, max_length=32)),
                ("denied_reason", models.CharField(blank=True, max_length=500)),
                (
                    "budgets",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(), default=list, size=None
                    ),
                ),
                (
                    "windows",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(), default=list, size=None
                    ),
                ),
                ("created_at", models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                ("settled_at", models.DateTimeField(null=True)),
                (
                    "task",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="transactions",
                        to="swarm.task",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["task", "-id"], name="transaction_of_task"),
                    models.Index(fields=["session_id", "-id"], name="transaction_of_session"),
                    models.Index(fields=["tenant_id", "-id"], name="transaction_newest"),
                    models.Index(fields=["tenant_id", "status", "-id"], name="transaction_by_status"),
                    models.Index(
                        condition=models.Q(("keeper", "resume")),
                        fields=["resume_deadline"],
                        name="transaction_resume_due",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ["held", "review", "denied", "captured", "voided", "expired"])
                        ),
                        name="transaction_status",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amount_usd__gt", 0), ("amount_usd__lte", Decimal("10000000000000"))
                        ),
                        name="transaction_amount",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("captured_usd__isnull", False), ("status", "captured")),
                            models.Q(
                                models.Q(("status", "captured"), _negated=True),
                                ("captured_usd__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="transaction_captured_iff_captured",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("captured_usd__isnull", True),
                            models.Q(("captured_usd__gt", 0), ("captured_usd__lte", models.F("amount_usd"))),
                            _connector="OR",
                        ),
                        name="transaction_captured_within_hold",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("keeper__in", ["lease", "card", "resume"]),
                                ("keeper__isnull", False),
                                ("settled_at__isnull", True),
                                ("status__in", ["held", "review"]),
                            ),
                            models.Q(
                                models.Q(("status__in", ["held", "review"]), _negated=True),
                                ("keeper__isnull", True),
                                ("settled_at__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="transaction_keeper_iff_open",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "review"), _negated=True), ("keeper", "card"), _connector="OR"
                        ),
                        name="transaction_review_with_card",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("keeper", "card"), _negated=True),
                            ("review__isnull", False),
                            _connector="OR",
                        ),
                        name="transaction_card_is_named",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("keeper", "lease"), ("keeper__isnull", False), ("lease_token__isnull", False)
                            ),
                            models.Q(
                                models.Q(("keeper", "lease"), _negated=True), ("lease_token__isnull", True)
                            ),
                            _connector="OR",
                        ),
                        name="transaction_token_iff_lease",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("keeper", "resume"),
                                ("keeper__isnull", False),
                                ("resume_deadline__isnull", False),
                            ),
                            models.Q(
                                models.Q(
                                    ("keeper__isnull", True),
                                    models.Q(("keeper", "resume"), _negated=True),
                                    _connector="OR",
                                ),
                                ("resume_deadline__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="transaction_deadline_iff_resume",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("status", "denied"),
                                models.Q(("denied_code", ""), _negated=True),
                                models.Q(("denied_reason", ""), _negated=True),
                            ),
                            models.Q(
                                models.Q(("status", "denied"), _negated=True),
                                ("denied_code", ""),
                                ("denied_reason", ""),
                            ),
                            _connector="OR",
                        ),
                        name="transaction_reason_iff_denied",
                    ),
                ],
            },
        ),
        SecureTable("commerce_budgetconfig"),
        SecureTable("commerce_spendwindow", references={"budget_id": "commerce_budgetconfig"}),
        SecureTable("commerce_transaction", references={"task_id": "swarm_task"}),
        # Who serves settles a spend and hands it over; what was asked for, by whom and when, stands for good.
        migrations.RunSQL(
            """
            REVOKE DELETE ON commerce_budgetconfig, commerce_spendwindow, commerce_transaction
                FROM chimera_app, chimera_system;
            REVOKE UPDATE ON commerce_transaction FROM chimera_app, chimera_system;
            GRANT UPDATE (
                version, status, captured_usd, keeper, lease_token, resume_deadline, review, approved_by_review,
                denied_code, denied_reason, settled_at
            ) ON commerce_transaction TO chimera_app, chimera_system;
            """,
            migrations.RunSQL.noop,
        ),
    ]
