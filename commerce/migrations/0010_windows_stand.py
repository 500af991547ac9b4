"""What was captured is never counted less, and neither windows nor the ledger nor rules are emptied."""

from django.db import migrations

STAND_SQL = """
CREATE TRIGGER refuse_forgetting AFTER UPDATE OF captured_usd ON commerce_spendwindow FOR EACH ROW
    WHEN (NEW.captured_usd < OLD.captured_usd) EXECUTE FUNCTION chimera_refuse_removal('window');
CREATE TRIGGER refuse_removal BEFORE DELETE ON commerce_spendwindow
    FOR EACH ROW EXECUTE FUNCTION chimera_refuse_removal('window');
CREATE TRIGGER refuse_emptying BEFORE TRUNCATE ON commerce_spendwindow
    FOR EACH STATEMENT EXECUTE FUNCTION chimera_refuse_removal('window');
CREATE TRIGGER refuse_emptying BEFORE TRUNCATE ON commerce_transaction
    FOR EACH STATEMENT EXECUTE FUNCTION chimera_refuse_removal('transaction');
CREATE TRIGGER refuse_emptying BEFORE TRUNCATE ON commerce_budgetrules
    FOR EACH STATEMENT EXECUTE FUNCTION chimera_refuse_removal('rules');
"""
REVERSE_SQL = """
DROP TRIGGER refuse_emptying ON commerce_budgetrules;
DROP TRIGGER refuse_emptying ON commerce_transaction;
DROP TRIGGER refuse_emptying ON commerce_spendwindow;
DROP TRIGGER refuse_removal ON commerce_spendwindow;
DROP TRIGGER refuse_forgetting ON commerce_spendwindow;
"""


class Migration(migrations.Migration):
    dependencies = [("commerce", "0009_ask_ahead")]

    operations = [migrations.RunSQL(STAND_SQL, REVERSE_SQL)]
