"""Times of cards, what they ask for, how they were edited, and decisions that come before their question."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

import chimera.kernel.clock
import chimera.kernel.ids
import chimera.kernel.tenancy
from chimera.kernel.tenancy import SecureTable

STATES = ["waiting", "used", "refused", "replaced"]
DECISIONS = ["approve", "reject", "request_changes"]


class Migration(migrations.Migration):
    dependencies = [
        ("safety", "0006_actions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField("reviewcard", "steps", models.JSONField(default=list)),
        # What waits already is looked at once, and then at its end.
        migrations.AddField("reviewcard", "acts_at", models.DateTimeField(default=chimera.kernel.clock.now)),
        migrations.AddField("reviewcard", "escalated_to", models.CharField(blank=True, max_length=16)),
        migrations.AddField("reviewcard", "escalated_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("reviewcard", "correlation_key", models.CharField(blank=True, max_length=200)),
        migrations.AddField("reviewcard", "asked", models.CharField(blank=True, max_length=64)),
        migrations.AddField("reviewcard", "decided_early_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("reviewcard", "changes", models.JSONField(blank=True, null=True)),
        migrations.AddConstraint(
            "reviewcard",
            models.UniqueConstraint(
                condition=Q(("status", "pending"), Q(("correlation_key", ""), _negated=True)),
                fields=("tenant_id", "correlation_key"),
                name="card_one_pending_per_key",
            ),
        ),
        migrations.AddConstraint(
            "reviewcard",
            models.CheckConstraint(
                condition=Q(("escalated_at__isnull", True), ("escalated_to", ""))
                | Q(Q(("escalated_to", ""), _negated=True), ("escalated_at__isnull", False)),
                name="card_escalated_together",
            ),
        ),
        migrations.AddIndex(
            "reviewcard", models.Index(condition=Q(("status", "pending")), fields=["acts_at"], name="card_acts")
        ),
        migrations.AddIndex(
            "reviewcard",
            models.Index(
                condition=Q(("correlation_key", ""), _negated=True),
                fields=["tenant_id", "correlation_key", "-id"],
                name="card_of_key",
            ),
        ),
        migrations.CreateModel(
            name="EarlyDecision",
            fields=[
                ("tenant_id", models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "id",
                    models.UUIDField(
                        default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("correlation_key", models.CharField(max_length=200)),
                ("decision", models.CharField(choices=[(d, d) for d in DECISIONS], max_length=16)),
                ("digest", models.CharField(blank=True, max_length=64)),
                ("note", models.TextField(blank=True)),
                (
                    "status",
                    models.CharField(choices=[(state, state) for state in STATES], default="waiting", max_length=10),
                ),
                ("expires_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("refusal", models.JSONField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                (
                    "card",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="early",
                        to="safety.reviewcard",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "verbose_name": "early decision",
                "indexes": [models.Index(fields=["tenant_id", "-id"], name="early_newest")],
                "constraints": [
                    models.CheckConstraint(condition=Q(("status__in", STATES)), name="early_status"),
                    models.UniqueConstraint(
                        condition=Q(("status", "waiting")),
                        fields=("tenant_id", "correlation_key", "person"),
                        name="early_one_waiting_each",
                    ),
                    models.CheckConstraint(
                        condition=Q(Q(("decision", "approve"), _negated=True), Q(("digest", ""), _negated=True), _connector="OR"),
                        name="early_approves_something",
                    ),
                    models.CheckConstraint(
                        condition=Q(card__isnull=True, refusal__isnull=True, status__in=["waiting", "replaced"])
                        | Q(card__isnull=False, refusal__isnull=True, status="used")
                        | Q(card__isnull=False, refusal__isnull=False, status="refused"),
                        name="early_ended_together",
                    ),
                    models.CheckConstraint(
                        condition=Q(ended_at__isnull=True, status="waiting")
                        | (~Q(status="waiting") & Q(ended_at__isnull=False)),
                        name="early_ended_iff_not_waiting",
                    ),
                ],
            },
        ),
        SecureTable("safety_earlydecision", references={"card_id": "safety_reviewcard"}),
        # Who decided what, and when, stands; what becomes of it is written once it is met.
        migrations.RunSQL(
            """
            REVOKE DELETE, UPDATE ON safety_earlydecision FROM chimera_app, chimera_system;
            GRANT UPDATE (version, status, ended_at, card_id, refusal) ON safety_earlydecision TO chimera_app, chimera_system;
            """,
            migrations.RunSQL.noop,
        ),
    ]
