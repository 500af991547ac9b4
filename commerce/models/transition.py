"""What became of every transaction, step by step: written by the database itself, by nobody else, and for good."""

from django.db import models

from chimera.kernel.tenancy import TenantOwned
from commerce.models.money import usd
from commerce.models.transaction import Transaction
from commerce.queries import TransitionQuerySet


class Transition(TenantOwned):
    """One change of a transaction. A trigger adds it with the change; no role of ours can add, change or remove one.

    `version` is the transaction's after the change, so a gap shows what is missing. The amounts are what is counted from
    then on. `actor` is whom the change names, `login` the database role that really made it; `at` is the database's time.
    """

    pk = models.CompositePrimaryKey("transaction_id", "version")
    transaction = models.ForeignKey(
        Transaction, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="transitions"
    )
    version = models.PositiveIntegerField()
    from_status = models.CharField(
        max_length=8, null=True
    )  # null for the first, or for what stood before the ledger was kept
    to_status = models.CharField(max_length=8)
    held_usd = usd()
    captured_usd = usd()
    keeper = models.CharField(max_length=6, null=True)
    actor = models.CharField(max_length=120, blank=True)
    login = models.CharField(max_length=63)
    at = models.DateTimeField()

    objects = TransitionQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.from_status or 'new'} → {self.to_status}"
