"""A stop that was lifted stays so: nobody makes it act again, or says that somebody else had lifted it."""

from django.db import migrations

FINAL_SQL = """
CREATE FUNCTION chimera_keep_lifted_stop() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'stop % was lifted, and stays as it is; make another', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'stop_lifted_stands';
END $$;
REVOKE ALL ON FUNCTION chimera_keep_lifted_stop() FROM PUBLIC;
CREATE TRIGGER keep_lifted BEFORE UPDATE ON swarm_stop FOR EACH ROW
    WHEN (OLD.lifted_at IS NOT NULL AND OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION chimera_keep_lifted_stop();
"""
FINAL_REVERSE_SQL = """
DROP TRIGGER keep_lifted ON swarm_stop;
DROP FUNCTION chimera_keep_lifted_stop();
"""


class Migration(migrations.Migration):
    dependencies = [("swarm", "0016_people")]

    operations = [migrations.RunSQL(FINAL_SQL, FINAL_REVERSE_SQL)]
