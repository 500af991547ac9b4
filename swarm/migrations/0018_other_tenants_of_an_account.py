"""Whether an account belongs to other tenants too, with memberships that were switched off: they may be switched on again."""

from django.db import migrations

ELSEWHERE_SQL = """
CREATE FUNCTION chimera_belongs_elsewhere(of_user int, but uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT EXISTS (SELECT 1 FROM swarm_membership WHERE user_id = of_user AND tenant_id <> but)
$$;
REVOKE ALL ON FUNCTION chimera_belongs_elsewhere(int, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chimera_belongs_elsewhere(int, uuid) TO chimera_app;
"""


class Migration(migrations.Migration):
    dependencies = [("swarm", "0017_lifted_stops_stand")]

    operations = [migrations.RunSQL(ELSEWHERE_SQL, "DROP FUNCTION chimera_belongs_elsewhere(int, uuid);")]
