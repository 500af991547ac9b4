"""Every row belongs to a tenant and PostgreSQL keeps it there, or is excused with a reason; it repeats every machine's rule."""

import re

import pytest
from django.apps import apps
from django.db import connection, models

from chimera.kernel.states import Machine
from chimera.kernel.tenancy import TenantOwned
from tests.architecture.tree import PACKAGES

# Ours, and not TenantOwned, though kept apart by the same policies.
TENANT_BY_ANOTHER_NAME = {
    "swarm.Tenant": "it is the tenant: the policy compares its id",
    "swarm.Stop": "one of everything belongs to no tenant; each sees it, and none can write it",
    "kernel.Event": "partitioned and written by hand; has a tenant_id of its own",
}
# Ours, and of nobody.
OF_NO_TENANT = {
    "memory.Generation": "collections of the index, which all tenants share; a tenant of its own has none",
    "memory.GivenUp": "collections that were given up, of the index which all tenants share",
    "kernel.Lane": "where a reader of the whole log stands",
    "kernel.LoginAttempt": "who is at the door may have several tenants, or none; each of theirs is told",
    "kernel.Partitioned": "names of partitioned tables, written by migrations",
}
# Others' tables.
FOREIGN = {
    "auth": "people are known before a tenant is; what they may do is their Membership, which is a tenant's",
    "contenttypes": "names of models",
    "sessions": "logins of people, opaque and signed",
    "account": "e-mail addresses of django-allauth, which are not used",
    "mfa": "people's second factors, which are theirs whatever tenant they work for; encrypted",
    "admin": "the admin's own log, which our console does not write",
    "procrastinate": "housekeeping, which works across tenants",
}
# Tables without a model.
BARE = {
    "django_migrations": "what was migrated",
    "kernel_xidbase": "one row, which lifts positions after a restore",
}


def name_of(model: type[models.Model]) -> str:
    return model._meta.label


MODELS = {name_of(model): model for model in apps.get_models(include_auto_created=True)}
OURS = {
    name: model
    for name, model in MODELS.items()
    if model.__module__.partition(".")[0] in PACKAGES and not model._meta.proxy and model._meta.managed
}


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_model_is_tenant_owned_or_excused(name: str) -> None:
    assert issubclass(OURS[name], TenantOwned) != (name in TENANT_BY_ANOTHER_NAME or name in OF_NO_TENANT)


def test_no_excuse_outlives_its_model() -> None:
    assert {*TENANT_BY_ANOTHER_NAME, *OF_NO_TENANT} <= set(OURS)
    assert {model._meta.app_label for name, model in MODELS.items() if name not in OURS and not model._meta.proxy} <= {
        *FOREIGN,
        "kernel",
    }


@pytest.mark.parametrize("name", sorted(set(OURS) - set(OF_NO_TENANT)))
@pytest.mark.usefixtures("db")
def test_postgresql_keeps_a_model_to_its_tenant(name: str) -> None:
    table = OURS[name]._meta.db_table
    column = "id" if name == "swarm.Tenant" else "tenant_id"
    mine = (
        f"({column} = ( SELECT (NULLIF(current_setting('chimera.tenant'::text, true), ''::text))::uuid AS \"nullif\"))"
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT relrowsecurity FROM pg_class WHERE oid = %s::regclass", [table])
        assert cursor.fetchone() == (True,)
        cursor.execute(
            "SELECT policyname, permissive, roles::text[], cmd, qual, with_check FROM pg_policies WHERE tablename = %s"
            " AND schemaname = 'public' ORDER BY policyname",
            [table],
        )
        across, tenant = cursor.fetchall()
    assert across == ("across", "PERMISSIVE", ["chimera_system"], "ALL", "true", "true")
    assert tenant[:4] == ("tenant", "PERMISSIVE", ["public"], "ALL")
    seen = f"({mine} OR (tenant_id IS NULL))" if name == "swarm.Stop" else mine
    assert tenant[4:] == (seen, mine)


@pytest.mark.usefixtures("db")
def test_no_table_is_open_without_an_excuse() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
            " AND NOT relispartition AND NOT relrowsecurity"
        )
        unguarded = {table for (table,) in cursor.fetchall()}
    excused = {OURS[name]._meta.db_table for name in OF_NO_TENANT} | set(BARE)
    excused |= {model._meta.db_table for model in MODELS.values() if model._meta.app_label in FOREIGN}
    assert {table for table in unguarded - excused if not table.startswith("procrastinate_")} == set()


@pytest.mark.usefixtures("db")
def test_partitions_lie_where_the_application_cannot_reach_them() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n.nspname, bool_or(has_schema_privilege(n.nspname, 'USAGE')), count(*)"
            " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relispartition AND c.relkind = 'r' GROUP BY 1"
        )
        ((schema, reachable, number),) = cursor.fetchall()
    assert (schema, reachable) == ("chimera_parts", False)
    assert number > 12


@pytest.mark.parametrize("name", sorted(Machine.registry))
@pytest.mark.usefixtures("db")
def test_postgresql_repeats_which_states_there_are(name: str) -> None:
    machine = Machine.registry[name]
    (declared,) = [
        (model, constraint)
        for model in OURS.values()
        for constraint in model._meta.constraints
        if constraint == machine.constraint(constraint.name)
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT convalidated, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND conname = %s",
            [declared[0]._meta.db_table, declared[1].name],
        )
        ((validated, definition),) = cursor.fetchall()
    assert validated
    assert set(re.findall(r"'([^']*)'", definition)) == {str(state) for state in machine.states}
