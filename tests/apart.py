"""Fixtures of one world for all tests of a file: what they try is refused, or of no consequence for the others."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from tests.cast import Stage, found
from tests.emptying import empty


@pytest.fixture(scope="module")
def db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield
        connections["default"].close()
        empty()


@pytest.fixture(scope="module")
def acme(db: None) -> Stage:
    return found("Acme", time_zone="Europe/Lisbon")


@pytest.fixture(scope="module")
def zenith(db: None) -> Stage:
    return found("Zenith", time_zone="America/New_York")


@pytest.fixture(autouse=True)
def returned(db: None) -> Iterator[None]:
    """What a test connected goes back to the pool, whoever it was bound to."""
    yield
    connections["default"].close()
