"""Actions: what agents want to do, kept by month; decisions go along their edges, and what was asked stands, for every role."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

import chimera.kernel.clock
import chimera.kernel.ids
import chimera.kernel.tenancy
from chimera.kernel.partitions import CreatePartitionedModel
from chimera.kernel.tenancy import SecureTable

OPEN = ["allowed", "review", "executing"]
BEGUN = ["executing", "succeeded", "failed", "lost"]
STATES = ["allowed", "review", "denied", "executing", "succeeded", "failed", "lost", "dead"]

# The edges of safety.states. Arguments change with an approval alone, and a token is given once.
EDGES_SQL = """
CREATE FUNCTION chimera_keep_action() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status NOT IN ('allowed', 'review', 'denied') OR NEW.version <> 1 THEN
            RAISE EXCEPTION 'an action does not begin as % in version %', NEW.status, NEW.version
                USING ERRCODE = 'check_violation', CONSTRAINT = 'action_start';
        END IF;
        RETURN NULL;
    END IF;
    IF OLD IS NOT DISTINCT FROM NEW THEN
        RETURN NULL;
    END IF;
    IF OLD.status <> NEW.status AND (OLD.status, NEW.status) NOT IN (
        ('review', 'allowed'), ('review', 'denied'), ('review', 'dead'), ('allowed', 'executing'), ('allowed', 'dead'),
        ('executing', 'succeeded'), ('executing', 'failed'), ('executing', 'lost'), ('lost', 'succeeded'), ('lost', 'failed')
    ) THEN
        RAISE EXCEPTION 'action % cannot become % from %', OLD.id, NEW.status, OLD.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'action_edge';
    END IF;
    IF (OLD.arguments, OLD.original_arguments, OLD.digest) IS DISTINCT FROM (NEW.arguments, NEW.original_arguments, NEW.digest)
       AND NOT (OLD.status = 'review' AND NEW.status = 'allowed')
       OR OLD.token_digest IS NOT NULL AND NEW.token_digest IS DISTINCT FROM OLD.token_digest THEN
        RAISE EXCEPTION 'what was decided of action % stands', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'action_stands';
    END IF;
    IF NEW.version <> OLD.version + 1 THEN
        RAISE EXCEPTION 'action % changes from version % to the next, not to %', OLD.id, OLD.version, NEW.version
            USING ERRCODE = 'check_violation', CONSTRAINT = 'action_version';
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION chimera_keep_action() FROM PUBLIC;
CREATE TRIGGER keep_action AFTER INSERT OR UPDATE ON safety_action FOR EACH ROW EXECUTE FUNCTION chimera_keep_action();
"""
EDGES_REVERSE_SQL = """
DROP TRIGGER keep_action ON safety_action;
DROP FUNCTION chimera_keep_action();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("safety", "0005_policies"),
        ("swarm", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="reviewcard",
            name="action_id",
            field=models.UUIDField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="reviewcard",
            name="kind",
            field=models.CharField(
                choices=[
                    ("spend", "spend above the threshold"),
                    ("result", "result to look at"),
                    ("manual", "task that waits for its start"),
                    ("judge", "result that waits for its judge"),
                    ("action", "action to be executed"),
                ],
                max_length=16,
            ),
        ),
        CreatePartitionedModel(
            name="Action",
            fields=[
                ("tenant_id", models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "id",
                    models.UUIDField(
                        default=chimera.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tool", models.CharField(max_length=120)),
                ("arguments", models.JSONField(default=dict)),
                ("original_arguments", models.JSONField(null=True)),
                ("amount_usd", models.DecimalField(decimal_places=6, max_digits=20, null=True)),
                ("asset_symbol", models.CharField(blank=True, max_length=16)),
                ("payee", models.CharField(blank=True, max_length=200)),
                ("category", models.CharField(blank=True, max_length=80)),
                ("purpose", models.CharField(blank=True, max_length=200)),
                ("asked", models.CharField(max_length=64)),
                ("status", models.CharField(choices=[(state, state) for state in STATES], max_length=9)),
                ("digest", models.CharField(max_length=64)),
                ("goal", models.JSONField()),
                ("policies", models.JSONField(default=list)),
                ("ruled", models.CharField(default="allow", max_length=6)),
                ("evidence", models.JSONField(default=list)),
                ("transaction_id", models.UUIDField(null=True)),
                ("review_id", models.UUIDField(null=True)),
                ("reasons", models.JSONField(default=list)),
                ("replaces", models.UUIDField(null=True)),
                ("lease_token", models.UUIDField(null=True)),
                ("resume_deadline", models.DateTimeField(null=True)),
                ("token_digest", models.BinaryField(max_length=32, null=True)),
                ("executed_at", models.DateTimeField(null=True)),
                ("execution_deadline", models.DateTimeField(null=True)),
                ("output", models.JSONField(null=True)),
                ("cost_usd", models.DecimalField(decimal_places=6, max_digits=20, null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("ended_reason", models.CharField(blank=True, max_length=500)),
                ("created_at", models.DateTimeField(default=chimera.kernel.clock.now, editable=False)),
                (
                    "agent",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="swarm.agentprofile",
                    ),
                ),
                (
                    "session",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="swarm.swarmsession",
                    ),
                ),
                (
                    "task",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="actions",
                        to="swarm.task",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["task", "-id"], name="action_of_task"),
                    models.Index(fields=["session", "-id"], name="action_of_session"),
                    models.Index(fields=["tenant_id", "-id"], name="action_newest"),
                    models.Index(condition=Q(("status__in", OPEN)), fields=["id"], name="action_open"),
                ],
                "constraints": [
                    models.CheckConstraint(condition=Q(("status__in", STATES)), name="action_status"),
                    models.CheckConstraint(
                        condition=Q(amount_usd__isnull=True) | Q(amount_usd__gt=0), name="action_amount"
                    ),
                    models.CheckConstraint(
                        condition=Q(cost_usd__isnull=True) | Q(cost_usd__gte=0), name="action_cost"
                    ),
                    models.CheckConstraint(
                        condition=Q(status="allowed", lease_token__isnull=False, resume_deadline__isnull=True)
                        | Q(status="allowed", lease_token__isnull=True, resume_deadline__isnull=False)
                        | (~Q(status="allowed") & Q(lease_token__isnull=True, resume_deadline__isnull=True)),
                        name="action_allowed_to_a_lease",
                    ),
                    models.CheckConstraint(
                        condition=~Q(status="review") | Q(review_id__isnull=False), name="action_review_has_a_card"
                    ),
                    models.CheckConstraint(
                        condition=Q(status__in=BEGUN, token_digest__isnull=False, executed_at__isnull=False)
                        | (~Q(status__in=BEGUN) & Q(token_digest__isnull=True, executed_at__isnull=True)),
                        name="action_token_iff_begun",
                    ),
                    models.CheckConstraint(
                        condition=Q(status="executing", execution_deadline__isnull=False)
                        | (~Q(status="executing") & Q(execution_deadline__isnull=True)),
                        name="action_deadline_iff_executing",
                    ),
                    models.CheckConstraint(
                        condition=Q(status__in=OPEN, ended_at__isnull=True)
                        | (~Q(status__in=OPEN) & Q(ended_at__isnull=False)),
                        name="action_ended_iff_not_open",
                    ),
                ],
            },
        ),
        SecureTable(
            "safety_action",
            references={
                "task_id": "swarm_task",
                "session_id": "swarm_swarmsession",
                "agent_id": "swarm_agentprofile",
            },
        ),
        # Who serves decides an action, has it executed and settles it; what was asked for, by whom and on which grounds, stands.
        migrations.RunSQL(
            """
            REVOKE DELETE, UPDATE ON safety_action FROM chimera_app, chimera_system;
            GRANT UPDATE (
                version, status, arguments, original_arguments, digest, lease_token, resume_deadline, token_digest, executed_at,
                execution_deadline, output, cost_usd, ended_at, ended_reason
            ) ON safety_action TO chimera_app, chimera_system;
            """,
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(EDGES_SQL, EDGES_REVERSE_SQL),
    ]
