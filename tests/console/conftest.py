"""People of Acme at their desks."""

from collections.abc import Callable

import pytest

from tests.cast import Stage
from tests.console.desk import Desk


@pytest.fixture
def rita(acme: Stage) -> Desk:
    return Desk(acme.rita)


@pytest.fixture
def boss(acme: Stage) -> Desk:
    return Desk(acme.boss)


@pytest.fixture
def waiting(acme: Stage, settle: Callable[[], None]) -> str:
    """The id of a card about a result whose confidence lies between the bands."""
    return open_card(acme, settle)


def open_card(acme: Stage, settle: Callable[[], None], text: str = "Swim at high tide, not before.") -> str:
    acme.task(acme.session(), description="Write a post about the harbour")
    settle()
    (claim,) = acme.ada.claim()
    finished = acme.ada.finish(claim, confidence=0.8, output={"post": text, "platform": "short"}).ok()
    assert finished["outcome"] == "blocked"
    settle()
    return str(finished["review"])
