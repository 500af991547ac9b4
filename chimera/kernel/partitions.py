"""Monthly partitions by id (docs/adr): a UUIDv7 starts with its time, so one column is identity, order and partition key.

Partitions live in the schema chimera_parts, which the application role cannot reach, and are made by the SECURITY
DEFINER function chimera_make_partitions, twelve months ahead. There is no DEFAULT partition.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from django.db import connections, models
from django.db.migrations.operations.models import CreateModel
from django.db.models import QuerySet

from chimera.kernel import clock, ids

SCHEMA = "chimera_parts"
CLOCK_SLACK = timedelta(days=1)  # far more than clocks of servers differ


class CreatePartitionedModel(CreateModel):
    """CreateModel that appends PARTITION BY RANGE and makes the first partitions; constraints stay in Django's hands.

    `partition_key` is the column: the id, or the id of what the row belongs to.
    """

    def __init__(
        self,
        name: str,
        fields: Any,
        options: Any = None,
        bases: Any = None,
        managers: Any = None,
        *,
        partition_key: str = "id",
    ) -> None:
        super().__init__(name, fields, options, bases, managers)
        self.partition_key = partition_key

    def deconstruct(self) -> tuple[str, Any, dict[str, Any]]:
        name, args, kwargs = super().deconstruct()
        return name, args, kwargs | {"partition_key": self.partition_key}

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        table = to_state.apps.get_model(app_label, self.name)._meta.db_table
        usual = schema_editor.sql_create_table
        schema_editor.sql_create_table = f"{usual} PARTITION BY RANGE ({self.partition_key})"
        try:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        finally:
            schema_editor.sql_create_table = usual
        schema_editor.execute("INSERT INTO kernel_partitioned (parent) VALUES (%s)", [table])
        schema_editor.execute("SELECT chimera_make_partitions(%s, -1)", [12])

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        table = from_state.apps.get_model(app_label, self.name)._meta.db_table
        schema_editor.execute("DELETE FROM kernel_partitioned WHERE parent = %s", [table])
        super().database_backwards(app_label, schema_editor, from_state, to_state)


class ByTime(QuerySet[Any]):
    """For models whose id is a UUIDv7: queries by time bound the id, because only the id prunes partitions."""

    def created_between(self, start: datetime, end: datetime) -> Any:
        return self.filter(pk__gte=ids.first_of(start), pk__lt=ids.first_of(end))

    def so_far(self) -> Self:
        """All of them; but the months ahead, which are empty and a dozen, are neither planned nor looked at."""
        return self.filter(pk__lt=beyond())


def beyond() -> UUID:
    """Above every id that was made so far, and below those of the months ahead."""
    return ids.first_of(clock.now() + CLOCK_SLACK)


class Partitioned(models.Model):
    """Parents of monthly partitions, written by migrations and read by chimera_make_partitions."""

    parent = models.TextField(primary_key=True)

    class Meta:
        db_table = "kernel_partitioned"

    def __str__(self) -> str:
        return self.parent


def make(*, months_ahead: int, using: str = "default") -> int:
    """Make the partitions that are missing, from last month to `months_ahead`; answers how many were made."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT chimera_make_partitions(%s, -1)", [months_ahead])
        return int(cursor.fetchone()[0])


def months_ahead(using: str = "default") -> int:
    """For how many months from now every partitioned table has its partition; the least of all tables."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT chimera_partitions_ahead()")
        return int(cursor.fetchone()[0])


def detach(parent: str, month: datetime, *, using: str = "owner") -> str:
    """As owner: take a month out of `parent`; the table stays in chimera_parts under its name, which is returned.

    It gives up its foreign keys: an archived result must not hold on to its task, whose month is to go next. Detach what
    refers to a table before the table itself; ForeignKeyViolation otherwise.
    """
    name = f"{parent}_{month:%Y_%m}"
    if parent not in set(_parents(using)):
        raise ValueError(f"{parent} is not partitioned")
    with connections[using].cursor() as cursor:
        cursor.execute(f"ALTER TABLE {parent} DETACH PARTITION {SCHEMA}.{name}")
        cursor.execute(
            "SELECT quote_ident(conname) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'f' AND conparentid = 0",
            [f"{SCHEMA}.{name}"],
        )
        for (constraint,) in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {SCHEMA}.{name} DROP CONSTRAINT {constraint}")
    return f"{SCHEMA}.{name}"


def _parents(using: str) -> Iterable[str]:
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT parent FROM kernel_partitioned")
        return [row[0] for row in cursor.fetchall()]


FUNCTIONS_SQL = """
CREATE SCHEMA IF NOT EXISTS chimera_parts;

CREATE FUNCTION chimera_month_floor(month timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM month) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

CREATE FUNCTION chimera_make_partitions(ahead int, first int DEFAULT -1) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    made int := 0;
    step int;
    month timestamptz;
    child text;
    table_name text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('chimera_make_partitions'));
    FOR table_name IN SELECT parent FROM kernel_partitioned ORDER BY parent LOOP
        FOR step IN first..ahead LOOP
            month := date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + make_interval(months => step);
            month := date_trunc('month', month AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
            child := table_name || '_' || to_char(month AT TIME ZONE 'UTC', 'YYYY_MM');
            IF to_regclass('chimera_parts.' || quote_ident(child)) IS NULL THEN
                EXECUTE format(
                    'CREATE TABLE chimera_parts.%I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                    child, table_name, chimera_month_floor(month),
                    chimera_month_floor((month AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC'));
                made := made + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;

CREATE FUNCTION chimera_partitions_ahead() RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    step int := 0;
    month text;
BEGIN
    LOOP
        month := to_char((date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => step)), 'YYYY_MM');
        IF EXISTS (SELECT 1 FROM kernel_partitioned p
                   WHERE to_regclass('chimera_parts.' || quote_ident(p.parent || '_' || month)) IS NULL) OR step > 60 THEN
            RETURN step - 1;
        END IF;
        step := step + 1;
    END LOOP;
END $$;
"""

FUNCTIONS_REVERSE_SQL = """
DROP FUNCTION chimera_partitions_ahead();
DROP FUNCTION chimera_make_partitions(int, int);
DROP FUNCTION chimera_month_floor(timestamptz);
"""
