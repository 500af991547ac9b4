"""The worker may delete what came of a schedule's times long ago; nobody what is younger than a month, or still waits."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('swarm', '0007_what_waits'),
    ]

    operations = [
        migrations.RunSQL(
            """
            CREATE FUNCTION swarm_keep_young_runs() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
            BEGIN
                IF OLD.status = 'waiting' OR OLD.created_at > now() - interval '30 days' THEN
                    RAISE EXCEPTION 'what came of a schedule''s time is kept for thirty days at least'
                        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'schedule_run_young';
                END IF;
                RETURN OLD;
            END $$;
            REVOKE ALL ON FUNCTION swarm_keep_young_runs() FROM PUBLIC;
            CREATE TRIGGER keep_young BEFORE DELETE ON swarm_schedulerun
                FOR EACH ROW EXECUTE FUNCTION swarm_keep_young_runs();
            GRANT DELETE ON swarm_schedulerun TO chimera_system;
            """,
            """
            REVOKE DELETE ON swarm_schedulerun FROM chimera_system;
            DROP TRIGGER keep_young ON swarm_schedulerun;
            DROP FUNCTION swarm_keep_young_runs();
            """,
        ),
    ]
