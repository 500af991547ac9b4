"""A relay for the tests of this folder."""

from collections.abc import Iterator

import pytest

from chimera.kernel import redis
from tests.kernel.log import registered, running
from tests.processes.proc import until


@pytest.fixture
def certified(db: None) -> Iterator[None]:
    """A relay whose lane redis has certified this Redis, and does nothing but feed streams."""
    with registered({}), running("redis"):
        until(lambda: redis.client().get(redis.EPOCH))
        yield
