"""A morning at Acme for all tests of a file: they look, or are refused."""

import pytest

from tests.apart import acme, db, returned, zenith  # noqa: F401
from tests.cast import Stage
from tests.console.conftest import row_of_each
from tests.lanes import settle
from tests.scene import play


@pytest.fixture(scope="module")
def rows(acme: Stage) -> dict[str, str]:  # noqa: F811
    return row_of_each(acme, play(acme, settle))
