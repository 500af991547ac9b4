"""A window's limit is its budget's with its acting increases, for every role."""

from django.db import migrations

# No spend asks it: what it moves is in other columns. The time is not asked either, for the application's clock
# decides: `limit_until` says which increases were copied, those that end no sooner.
LIMITS_SQL = """
CREATE FUNCTION chimera_keep_window_limit() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    own numeric;
    raises numeric := 0;
BEGIN
    SELECT CASE NEW.kind WHEN 'day' THEN day_usd WHEN 'month' THEN month_usd ELSE total_usd END INTO own
    FROM commerce_budgetconfig WHERE id = NEW.budget_id;
    IF NEW.limit_until IS NOT NULL THEN
        SELECT coalesce(sum(amount_usd), 0) INTO raises FROM commerce_limitincrease
        WHERE budget_id = NEW.budget_id AND kind = NEW.kind AND status = 'active' AND expires_at >= NEW.limit_until;
    END IF;
    IF NEW.limit_usd IS DISTINCT FROM own + raises THEN
        RAISE EXCEPTION 'window % would permit %, its budget permits %', NEW.id, NEW.limit_usd, own + raises
            USING ERRCODE = 'check_violation', CONSTRAINT = 'window_limit_of_budget';
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION chimera_keep_window_limit() FROM PUBLIC;
CREATE TRIGGER keep_limit AFTER UPDATE OF limit_usd, limit_until ON commerce_spendwindow FOR EACH ROW
    WHEN ((OLD.limit_usd, OLD.limit_until) IS DISTINCT FROM (NEW.limit_usd, NEW.limit_until))
    EXECUTE FUNCTION chimera_keep_window_limit();
CREATE TRIGGER keep_first_limit AFTER INSERT ON commerce_spendwindow FOR EACH ROW
    EXECUTE FUNCTION chimera_keep_window_limit();
"""
LIMITS_REVERSE_SQL = """
DROP TRIGGER keep_first_limit ON commerce_spendwindow;
DROP TRIGGER keep_limit ON commerce_spendwindow;
DROP FUNCTION chimera_keep_window_limit();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("commerce", "0010_windows_stand"),
    ]

    operations = [
        migrations.RunSQL(LIMITS_SQL, LIMITS_REVERSE_SQL),
    ]
