"""One ledger for all tests of a file: what they try is undone."""

import pytest

from tests.apart import acme, db, returned, zenith  # noqa: F401
from tests.cast import Stage
from tests.commerce.ledger import one_of_each


@pytest.fixture(scope="module")
def ledger(acme: Stage) -> dict[str, str]:  # noqa: F811
    """The id of a transaction in each status, by its name."""
    return one_of_each(acme)
