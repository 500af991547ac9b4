"""What the tests of the swarm share."""

from collections.abc import Iterator

import pytest

from tests.kernel.log import running


@pytest.fixture
def relay(db: None) -> Iterator[None]:
    """Work is handed out, and the clock runs."""
    with running("redis", "clock"):
        yield
