"""A window stays the one it is: whose, of which budget, of which days. And no function of ours looks into a session's own schema first."""

from django.db import migrations

# A window that is given another day leaves its own to a new one, which has its whole limit left. Who serves moves what is
# counted, and copies limits; for all others there is the trigger.
SAME_SQL = """
REVOKE UPDATE ON commerce_spendwindow FROM chimera_app, chimera_system;
GRANT UPDATE (limit_usd, limit_until, held_usd, captured_usd, warned_percent) ON commerce_spendwindow
    TO chimera_app, chimera_system;
CREATE TRIGGER refuse_another BEFORE UPDATE ON commerce_spendwindow FOR EACH ROW
    WHEN ((OLD.id, OLD.tenant_id, OLD.budget_id, OLD.kind, OLD.starts_on, OLD.starts_at, OLD.ends_at)
        IS DISTINCT FROM (NEW.id, NEW.tenant_id, NEW.budget_id, NEW.kind, NEW.starts_on, NEW.starts_at, NEW.ends_at))
    EXECUTE FUNCTION chimera_refuse_removal('window');
"""
SAME_REVERSE_SQL = """
DROP TRIGGER refuse_another ON commerce_spendwindow;
GRANT UPDATE ON commerce_spendwindow TO chimera_app, chimera_system;
"""

# PostgreSQL looks into pg_temp first unless it is named: a temporary table would stand for the ledger's own. Databases that were
# made before the functions said so themselves are brought in line.
TEMPORARY_LAST_SQL = """
DO $$
DECLARE
    ours regprocedure;
    path text;
BEGIN
    FOR ours, path IN
        SELECT p.oid, split_part(setting, '=', 2) FROM pg_proc p, unnest(p.proconfig) AS setting
        WHERE p.proowner = current_user::regrole AND p.pronamespace = 'public'::regnamespace
            AND setting LIKE 'search_path=%' AND setting NOT LIKE '%pg_temp'
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %s, pg_temp', ours, path);
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("commerce", "0012_approved_holds"),
    ]

    operations = [
        migrations.RunSQL(SAME_SQL, SAME_REVERSE_SQL),
        migrations.RunSQL(TEMPORARY_LAST_SQL, migrations.RunSQL.noop),
    ]
