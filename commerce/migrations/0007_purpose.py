"""A transaction says what it is for, and that stands like everything that was asked for."""

from django.db import migrations, models

KEEP_TRANSITION_SQL = """
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
            OLD.category, OLD.metadata, OLD.approval_key, OLD.budgets, OLD.windows, OLD.created_at, OLD.metered_lease{old})
           IS DISTINCT FROM
           (NEW.id, NEW.tenant_id, NEW.task_id, NEW.session_id, NEW.agent_id, NEW.asset_symbol, NEW.payee,
            NEW.category, NEW.metadata, NEW.approval_key, NEW.budgets, NEW.windows, NEW.created_at, NEW.metered_lease{new})
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


class Migration(migrations.Migration):
    dependencies = [
        ("commerce", "0006_metering"),
    ]

    operations = [
        migrations.AddField(
            model_name="transaction",
            name="purpose",
            field=models.CharField(blank=True, default="", max_length=200),
        ),
        migrations.RunSQL(
            KEEP_TRANSITION_SQL.format(old=", OLD.purpose", new=", NEW.purpose"), KEEP_TRANSITION_SQL.format(old="", new="")
        ),
    ]
