"""One world for all tests of a file."""

import pytest

from tests.apart import acme, db, returned, zenith  # noqa: F401
from tests.cast import Stage
from tests.kernel.world import World, made_by
from tests.lanes import settle


@pytest.fixture(scope="module")
def world(acme: Stage) -> World:  # noqa: F811
    return made_by(acme, settle)
