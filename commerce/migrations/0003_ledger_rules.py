"""The database keeps the ledger: it writes every transition, lets money move along its edges alone, and refuses an overshoot."""

import django.db.models.deletion
from django.db import migrations, models

import chimera.kernel.tenancy
from chimera.kernel.tenancy import SecureTable

# A transaction's rules and its transition. After the row, so that what a constraint refuses is refused in its own words.
# As owner: who serves cannot write transitions.
TRANSACTION_SQL = """
CREATE FUNCTION chimera_keep_transition() RETURNS trigger
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
REVOKE ALL ON FUNCTION chimera_keep_transition() FROM PUBLIC;

CREATE FUNCTION chimera_refuse_removal() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: the ledger is kept for good', TG_OP, TG_ARGV[0]
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_ARGV[0] || '_stands';
END $$;
REVOKE ALL ON FUNCTION chimera_refuse_removal() FROM PUBLIC;

CREATE TRIGGER keep_transition AFTER INSERT OR UPDATE ON commerce_transaction
    FOR EACH ROW EXECUTE FUNCTION chimera_keep_transition();
CREATE TRIGGER refuse_removal BEFORE DELETE ON commerce_transaction
    FOR EACH ROW EXECUTE FUNCTION chimera_refuse_removal('transaction');
"""
TRANSACTION_REVERSE_SQL = """
DROP TRIGGER refuse_removal ON commerce_transaction;
DROP TRIGGER keep_transition ON commerce_transaction;
DROP FUNCTION chimera_refuse_removal();
DROP FUNCTION chimera_keep_transition();
"""

# Transitions are added by the trigger above alone (one that somebody adds is not nested in another's), and stand.
TRANSITION_SQL = """
REVOKE INSERT, UPDATE, DELETE ON commerce_transition FROM chimera_app, chimera_system;
INSERT INTO commerce_transition (
    transaction_id, version, tenant_id, from_status, to_status, held_usd, captured_usd, keeper, actor, login, at
) SELECT id, version, tenant_id, NULL, status, CASE WHEN status IN ('held', 'review') THEN amount_usd ELSE 0 END,
    coalesce(captured_usd, 0), keeper, '', session_user, clock_timestamp() FROM commerce_transaction;
CREATE TRIGGER refuse_forgery BEFORE INSERT ON commerce_transition FOR EACH ROW WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION chimera_refuse_removal('transition');
CREATE TRIGGER refuse_removal BEFORE UPDATE OR DELETE ON commerce_transition
    FOR EACH ROW EXECUTE FUNCTION chimera_refuse_removal('transition');
CREATE TRIGGER refuse_emptying BEFORE TRUNCATE ON commerce_transition
    FOR EACH STATEMENT EXECUTE FUNCTION chimera_refuse_removal('transition');
"""
TRANSITION_REVERSE_SQL = """
DROP TRIGGER refuse_emptying ON commerce_transition;
DROP TRIGGER refuse_removal ON commerce_transition;
DROP TRIGGER refuse_forgery ON commerce_transition;
"""

# Only what is added is judged: a limit may be lowered below what was spent, and what is given back always passes.
WINDOW_SQL = """
CREATE FUNCTION chimera_refuse_overshoot() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'window % would count % of %', NEW.id, NEW.held_usd + NEW.captured_usd, NEW.limit_usd
        USING ERRCODE = 'check_violation', CONSTRAINT = 'window_within_limit';
END $$;
REVOKE ALL ON FUNCTION chimera_refuse_overshoot() FROM PUBLIC;
CREATE TRIGGER within_limit AFTER UPDATE ON commerce_spendwindow FOR EACH ROW
    WHEN (NEW.held_usd + NEW.captured_usd > NEW.limit_usd
          AND NEW.held_usd + NEW.captured_usd > OLD.held_usd + OLD.captured_usd)
    EXECUTE FUNCTION chimera_refuse_overshoot();
CREATE TRIGGER begins_within_limit AFTER INSERT ON commerce_spendwindow FOR EACH ROW
    WHEN (NEW.held_usd + NEW.captured_usd > NEW.limit_usd) EXECUTE FUNCTION chimera_refuse_overshoot();
"""
WINDOW_REVERSE_SQL = """
DROP TRIGGER begins_within_limit ON commerce_spendwindow;
DROP TRIGGER within_limit ON commerce_spendwindow;
DROP FUNCTION chimera_refuse_overshoot();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("commerce", "0002_fewer_indexes"),
    ]

    operations = [
        migrations.AddField(
            model_name="transaction",
            name="changed_by",
            field=models.CharField(default="", editable=False, max_length=120),
        ),
        migrations.RunSQL(
            "GRANT UPDATE (changed_by) ON commerce_transaction TO chimera_app, chimera_system", migrations.RunSQL.noop
        ),
        migrations.CreateModel(
            name="Transition",
            fields=[
                ("tenant_id", models.UUIDField(default=chimera.kernel.tenancy.current, editable=False)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "transaction_id", "version", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("from_status", models.CharField(max_length=8, null=True)),
                ("to_status", models.CharField(max_length=8)),
                ("held_usd", models.DecimalField(decimal_places=6, max_digits=20)),
                ("captured_usd", models.DecimalField(decimal_places=6, max_digits=20)),
                ("keeper", models.CharField(max_length=6, null=True)),
                ("actor", models.CharField(blank=True, max_length=120)),
                ("login", models.CharField(max_length=63)),
                ("at", models.DateTimeField()),
                (
                    "transaction",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="transitions",
                        to="commerce.transaction",
                    ),
                ),
            ],
            options={"abstract": False},
        ),
        SecureTable("commerce_transition"),
        migrations.RunSQL(TRANSACTION_SQL, TRANSACTION_REVERSE_SQL),
        migrations.RunSQL(TRANSITION_SQL, TRANSITION_REVERSE_SQL),
        migrations.RunSQL(WINDOW_SQL, WINDOW_REVERSE_SQL),
    ]
