"""Tenants are kept apart by PostgreSQL itself: row-level security on every domain table (docs/adr).

A transaction is bound to one tenant by `bound`, or, for work across tenants, takes the role chimera_system by `system`.
Outside both the application role sees no row of any tenant. Both settings end with their transaction, so nothing
leaks through the connection pool.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, models, transaction
from django.db.migrations.operations.base import Operation

from chimera.kernel import prepared, references
from chimera.kernel.prepared import Asked, Row

_tenant: ContextVar[UUID | None] = ContextVar("chimera_tenant", default=None)
_system: ContextVar[bool] = ContextVar("chimera_system", default=False)


def current() -> UUID:
    """The tenant that this transaction is bound to; LookupError outside `bound`."""
    tenant = _tenant.get()
    if tenant is None:
        raise LookupError("no tenant is bound; open the transaction with tenancy.bound(tenant_id)")
    return tenant


@contextmanager
def bound(tenant_id: UUID) -> Iterator[None]:
    """A transaction that sees and writes rows of `tenant_id` alone. Inside itself it is a savepoint.

    It is bound in the round trip of its first statement. One that goes past both Django and `prepared` before that sees what it saw
    without: no row of any tenant.
    """
    outer = _tenant.get()
    if outer is not None and outer != tenant_id:
        raise RuntimeError("this transaction is bound to another tenant")
    with _transaction(tenant_id):
        if outer is not None:
            yield
            return
        prepared.ask_first(_binding(tenant_id))
        try:
            yield
        finally:
            prepared.ask_first(None)


def ask_last(asked: Sequence[Asked]) -> list[list[Row]]:
    """The last statements of a transaction of `bound` that only reads: it ends in their round trip. What the block asks after them
    begins another one, of the same tenant. Inside a savepoint they are asked, and end nothing. LookupError outside `bound`."""
    if connection.savepoint_ids:
        return prepared.ask_all(asked)
    again = _binding(current())
    found = prepared.ask_all(asked, commit=True)
    prepared.ask_first(again)
    return found


def _binding(tenant_id: UUID) -> Asked:
    return "SELECT set_config('chimera.tenant', %(tenant)s::text, true)", {"tenant": str(tenant_id)}


@contextmanager
def _transaction(tenant_id: UUID) -> Iterator[None]:
    if _system.get():
        raise RuntimeError("a transaction of chimera_system cannot be bound to a tenant; leave it first")
    with transaction.atomic():
        token = _tenant.set(tenant_id)
        try:
            with structlog.contextvars.bound_contextvars(tenant=str(tenant_id)):
                yield
        finally:
            _tenant.reset(token)


@contextmanager
def system() -> Iterator[None]:
    """A transaction across all tenants, as the role chimera_system. For the relay, sweeps and housekeeping only."""
    if _tenant.get() is not None:
        raise RuntimeError("this transaction is bound to a tenant; work across tenants needs one of its own")
    with transaction.atomic(durable=not _system.get()):
        if not _system.get():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL ROLE chimera_system")
        token = _system.set(True)
        try:
            yield
        finally:
            _system.reset(token)


class TenantOwned(models.Model):
    """A row that belongs to one tenant. No foreign key: the policy's WITH CHECK admits only the bound tenant's id."""

    tenant_id = models.UUIDField(default=current, editable=False)

    class Meta:
        abstract = True


class SecureTable(Operation):
    """Migration operation: row-level security on a table, and a trigger that keeps references inside the tenant.

    `references` maps a column to the table that it references. A row whose reference belongs to another tenant, or does
    not exist, is refused (chimera.kernel.references).
    """

    reversible = True
    reduces_to_sql = True

    def __init__(self, table: str, references: dict[str, str] | None = None, tenant_column: str = "tenant_id") -> None:
        self.table, self.references, self.tenant_column = table, references or {}, tenant_column

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [self.table], {"references": self.references, "tenant_column": self.tenant_column}

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The models' state is untouched."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        mine = f"{self.tenant_column} = (SELECT NULLIF(current_setting('chimera.tenant', true), '')::uuid)"
        schema_editor.execute(f"ALTER TABLE {self.table} ENABLE ROW LEVEL SECURITY")
        schema_editor.execute(f"CREATE POLICY tenant ON {self.table} USING ({mine}) WITH CHECK ({mine})")
        schema_editor.execute(f"CREATE POLICY across ON {self.table} TO chimera_system USING (true) WITH CHECK (true)")
        if self.references:
            watch = references.watch_sql(self.table, self.references, tenant_column=self.tenant_column)
            schema_editor.execute(watch, params=None)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        schema_editor.execute(references.unwatch_sql(self.table))
        schema_editor.execute(f"DROP POLICY IF EXISTS across ON {self.table}")
        schema_editor.execute(f"DROP POLICY IF EXISTS tenant ON {self.table}")
        schema_editor.execute(f"ALTER TABLE {self.table} DISABLE ROW LEVEL SECURITY")

    def describe(self) -> str:
        return f"Keep tenants apart in {self.table}"
