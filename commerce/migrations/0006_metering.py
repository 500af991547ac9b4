"""A metered hold grows with what its lease has cost; nothing else that was asked for changes."""

from django.db import migrations, models
from django.db.models import F, Q

AS_IT_WAS_SQL = """
CREATE OR REPLACE FUNCTION chimera_keep_transition() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    before text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status NOT IN ('held', 'review', 'denied') OR NEW.version <> 1 THEN
            RAISE EXCEPTION 'a transaction does not begin as % in version %', NEW.status, NEW.version
                USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_start';
        END IF;
    ELSE
        IF OLD IS NOT DISTINCT FROM NEW THEN
            RETURN NULL;
        END IF;
        before := OLD.status;
        IF before NOT IN ('held', 'review') THEN
            RAISE EXCEPTION 'transaction % is %, and stands', OLD.id, before
                USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_ended';
        END IF;
        IF before <> NEW.status AND (before, NEW.status) NOT IN (
            ('held', 'captured'), ('held', 'voided'), ('held', 'expired'), ('review', 'held'), ('review', 'denied')
        ) THEN
            RAISE EXCEPTION 'transaction % cannot become % from %', OLD.id, NEW.status, before
                USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_edge';
        END IF;
        IF (OLD.id, OLD.tenant_id, OLD.task_id, OLD.session_id, OLD.agent_id, OLD.amount_usd, OLD.asset_symbol, OLD.payee,
            OLD.category, OLD.metadata, OLD.approval_key, OLD.budgets, OLD.windows, OLD.created_at)
           IS DISTINCT FROM
           (NEW.id, NEW.tenant_id, NEW.task_id, NEW.session_id, NEW.agent_id, NEW.amount_usd, NEW.asset_symbol, NEW.payee,
            NEW.category, NEW.metadata, NEW.approval_key, NEW.budgets, NEW.windows, NEW.created_at) THEN
            RAISE EXCEPTION 'what transaction % was asked for stands', OLD.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_stands';
        END IF;
        IF NEW.version <> OLD.version + 1 THEN
            RAISE EXCEPTION 'transaction % changes from version % to the next, not to %', OLD.id, OLD.version, NEW.version
                USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_version';
        END IF;
    END IF;
    INSERT INTO commerce_transition (
        transaction_id, version, tenant_id, from_status, to_status, held_usd, captured_usd, keeper, actor, login, at
    ) VALUES (
        NEW.id, NEW.version, NEW.tenant_id, before, NEW.status,
        CASE WHEN NEW.status IN ('held', 'review') THEN NEW.amount_usd ELSE 0 END, coalesce(NEW.captured_usd, 0),
        NEW.keeper, NEW.changed_by, session_user, clock_timestamp()
    );
    RETURN NULL;
END $$;
"""

# What was asked for stands, but the amount of a metered hold grows while it is held; and what it has cost never shrinks.
GROWS_SQL = """
CREATE OR REPLACE FUNCTION chimera_keep_transition() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    before text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status NOT IN ('held', 'review', 'denied') OR NEW.version <> 1 THEN
            RAISE EXCEPTION 'a transaction does not begin as % in version %', NEW.status, NEW.version
                USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_start';
        END IF;
    ELSE
        IF OLD IS NOT DISTINCT FROM NEW THEN
            RETURN NULL;
        END IF;
        before := OLD.status;
        IF before NOT IN ('held', 'review') THEN
            RAISE EXCEPTION 'transaction % is %, and stands', OLD.id, before
                USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_ended';
        END IF;
        IF before <> NEW.status AND (before, NEW.status) NOT IN (
            ('held', 'captured'), ('held', 'voided'), ('held', 'expired'), ('review', 'held'), ('review', 'denied')
        ) THEN
            RAISE EXCEPTION 'transaction % cannot become % from %', OLD.id, NEW.status, before
                USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_edge';
        END IF;
        IF (OLD.id, OLD.tenant_id, OLD.task_id, OLD.session_id, OLD.agent_id, OLD.asset_symbol, OLD.payee,
            OLD.category, OLD.metadata, OLD.approval_key, OLD.budgets, OLD.windows, OLD.created_at, OLD.metered_lease)
           IS DISTINCT FROM
           (NEW.id, NEW.tenant_id, NEW.task_id, NEW.session_id, NEW.agent_id, NEW.asset_symbol, NEW.payee,
            NEW.category, NEW.metadata, NEW.approval_key, NEW.budgets, NEW.windows, NEW.created_at, NEW.metered_lease)
           OR (OLD.amount_usd <> NEW.amount_usd
               AND (OLD.metered_usd IS NULL OR NEW.status <> before OR NEW.amount_usd < OLD.amount_usd))
           OR NEW.metered_usd < OLD.metered_usd OR (NEW.metered_usd IS NULL) <> (OLD.metered_usd IS NULL) THEN
            RAISE EXCEPTION 'what transaction % was asked for stands', OLD.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_stands';
        END IF;
        IF NEW.version <> OLD.version + 1 THEN
            RAISE EXCEPTION 'transaction % changes from version % to the next, not to %', OLD.id, OLD.version, NEW.version
                USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_version';
        END IF;
    END IF;
    INSERT INTO commerce_transition (
        transaction_id, version, tenant_id, from_status, to_status, held_usd, captured_usd, keeper, actor, login, at
    ) VALUES (
        NEW.id, NEW.version, NEW.tenant_id, before, NEW.status,
        CASE WHEN NEW.status IN ('held', 'review') THEN NEW.amount_usd ELSE 0 END, coalesce(NEW.captured_usd, 0),
        NEW.keeper, NEW.changed_by, session_user, clock_timestamp()
    );
    RETURN NULL;
END $$;
"""

OPEN = ["held", "review"]


class Migration(migrations.Migration):
    dependencies = [
        ("commerce", "0005_rules"),
    ]

    operations = [
        migrations.AddField(
            model_name="transaction",
            name="metered_usd",
            field=models.DecimalField(decimal_places=6, max_digits=20, null=True),
        ),
        migrations.AddField(
            model_name="transaction",
            name="metered_lease",
            field=models.UUIDField(editable=False, null=True),
        ),
        migrations.RunSQL(
            "GRANT UPDATE (amount_usd, metered_usd) ON commerce_transaction TO chimera_app, chimera_system",
            "REVOKE UPDATE (amount_usd) ON commerce_transaction FROM chimera_app, chimera_system",
        ),
        migrations.AddConstraint(
            model_name="transaction",
            constraint=models.CheckConstraint(
                name="transaction_metered_by_a_lease",
                condition=Q(metered_usd__isnull=True, metered_lease__isnull=True)
                | Q(metered_usd__isnull=False, metered_usd__gt=0, metered_lease__isnull=False),
            ),
        ),
        migrations.AddConstraint(
            model_name="transaction",
            constraint=models.CheckConstraint(
                name="transaction_metered_within_hold",
                condition=~Q(status__in=OPEN) | Q(metered_usd__isnull=True) | Q(metered_usd__lte=F("amount_usd")),
            ),
        ),
        migrations.RunSQL(GROWS_SQL, AS_IT_WAS_SQL),
    ]
