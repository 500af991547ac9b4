"""References stay inside their tenant: a trigger on every table that has some (docs/adr).

Foreign keys do not ask row-level security, so a trigger that runs as the owner looks whether what a row refers to is its
tenant's. Each table has a function of its own, in plain SQL, whose plans PostgreSQL keeps for the connection. The trigger's
arguments, column and table in turn, say in the catalogue what is watched.
"""

from collections.abc import Mapping

TRIGGER = "same_tenant"
FOR_ALL = "chimera_same_tenant"  # the function that all tables once shared


def watch_sql(table: str, references: Mapping[str, str], *, tenant_column: str = "tenant_id") -> str:
    """The table's function, and its trigger with it; one that is there is replaced."""
    return _function(table, references) + trigger_sql(table, references, f"{table}_same_tenant", tenant_column)


def trigger_sql(table: str, references: Mapping[str, str], function: str, tenant_column: str = "tenant_id") -> str:
    """Takes SHARE ROW EXCLUSIVE on the table and its partitions: writers wait, readers do not."""
    columns = ", ".join([*references, tenant_column])
    pairs = ", ".join(f"'{column}', '{target}'" for column, target in references.items())
    return (
        f"CREATE OR REPLACE TRIGGER {TRIGGER} BEFORE INSERT OR UPDATE OF {columns} ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {function}({pairs});"
    )


def unwatch_sql(table: str) -> str:
    return f"DROP TRIGGER IF EXISTS {TRIGGER} ON {table}; DROP FUNCTION IF EXISTS {table}_same_tenant();"


def pairs_of(arguments: bytes) -> dict[str, str]:
    """The references that a trigger watches, from `pg_trigger.tgargs`."""
    words = [word.decode() for word in arguments.split(b"\0")[:-1]]
    return dict(zip(words[::2], words[1::2], strict=True))


def _function(table: str, references: Mapping[str, str]) -> str:
    looks = "".join(_look(column, target) for column, target in references.items())
    return f"""
CREATE OR REPLACE FUNCTION {table}_same_tenant() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    -- What a row of the same tenant referred to before may be gone by now (a task after 90 days).
    fresh boolean := TG_OP = 'INSERT' OR OLD.tenant_id <> NEW.tenant_id;
BEGIN{looks}
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION {table}_same_tenant() FROM PUBLIC;
"""


def _look(column: str, target: str) -> str:
    return f"""
    IF NEW.{column} IS NOT NULL AND (fresh OR OLD.{column} IS DISTINCT FROM NEW.{column}) THEN
        PERFORM FROM {target} WHERE id = NEW.{column} AND tenant_id = NEW.tenant_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION '% % is not of tenant %', '{target}', NEW.{column}, NEW.tenant_id
                USING ERRCODE = 'foreign_key_violation', CONSTRAINT = TG_TABLE_NAME || '_same_tenant';
        END IF;
    END IF;"""


FOR_ALL_SQL = """
CREATE OR REPLACE FUNCTION chimera_same_tenant() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    i int := 0;
    referenced uuid;
    fits boolean;
    fresh jsonb := to_jsonb(NEW);
    before jsonb := '{}';
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.tenant_id = NEW.tenant_id THEN
        before := to_jsonb(OLD);  -- What it references already may be gone by now (a task after 90 days).
    END IF;
    WHILE i < TG_NARGS LOOP
        referenced := NULLIF(fresh ->> TG_ARGV[i], '')::uuid;
        IF referenced IS NOT NULL AND before ->> TG_ARGV[i] IS DISTINCT FROM fresh ->> TG_ARGV[i] THEN
            EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I WHERE id = $1 AND tenant_id = $2)', TG_ARGV[i + 1])
                INTO fits USING referenced, NEW.tenant_id;
            IF NOT fits THEN
                RAISE EXCEPTION '% % is not of tenant %', TG_ARGV[i + 1], referenced, NEW.tenant_id
                    USING ERRCODE = 'foreign_key_violation', CONSTRAINT = TG_TABLE_NAME || '_same_tenant';
            END IF;
        END IF;
        i := i + 2;
    END LOOP;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION chimera_same_tenant() FROM PUBLIC;
"""
