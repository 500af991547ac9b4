"""The ledger by the name that its statements have in the console."""

from commerce.models.transaction import Transaction


class Statement(Transaction):
    """The same rows as transactions; a page of its own, where they are added up."""

    class Meta:
        proxy = True
        verbose_name = "statement"
