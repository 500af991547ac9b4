"""Each table's references are watched by a function of its own, in place of one for all that was planned for every row.

Existing triggers are found by the function they call, and their arguments say what they watch. Each is replaced in one
statement that holds SHARE ROW EXCLUSIVE on its table and partitions until the end of this migration, some tenths of a
second: writers wait, readers do not.
"""

from django.db import migrations

from chimera.kernel.references import FOR_ALL, FOR_ALL_SQL, TRIGGER, pairs_of, trigger_sql, watch_sql

_WATCHED_SQL = """
SELECT c.relname, t.tgargs FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE t.tgname = %s AND t.tgparentid = 0 AND (p.proname = %s) = %s
ORDER BY 1
"""


def _watched(schema_editor, *, by_one_for_all):
    """Tables and their references, of the triggers that call the one function for all, or of those that do not."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(_WATCHED_SQL, [TRIGGER, FOR_ALL, by_one_for_all])
        return [(table, pairs_of(bytes(arguments))) for table, arguments in cursor.fetchall()]


def one_for_each(apps, schema_editor):
    for table, references in _watched(schema_editor, by_one_for_all=True):
        schema_editor.execute(watch_sql(table, references), params=None)
    schema_editor.execute(f"DROP FUNCTION {FOR_ALL}()")


def one_for_all(apps, schema_editor):
    schema_editor.execute(FOR_ALL_SQL, params=None)
    for table, references in _watched(schema_editor, by_one_for_all=False):
        schema_editor.execute(trigger_sql(table, references, FOR_ALL), params=None)
        schema_editor.execute(f"DROP FUNCTION {table}_same_tenant()")


class Migration(migrations.Migration):

    dependencies = [
        ('kernel', '0001_initial'),
    ]

    operations = [
        migrations.RunPython(one_for_each, one_for_all),
    ]
