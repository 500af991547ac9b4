"""A migration changes a column's type while processes with kept statements serve: one call is asked to try again."""

from collections.abc import Iterator

import pytest
from django.db import connections

from tests.cast import Stage
from tests.memory.conftest import Remember

CHANGE = "ALTER TABLE memory_memoryrecord ALTER COLUMN persona TYPE "


@pytest.fixture
def changed_back(db: None) -> Iterator[None]:
    yield
    migrate("varchar(120)")
    connections["default"].close()
    connections["default"].close_pool()  # type: ignore[attr-defined]  # whose connections keep plans for what it was


def migrate(kind: str) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(CHANGE + kind)


@pytest.mark.usefixtures("changed_back")
def test_a_search_after_a_column_changed_its_type_is_asked_to_try_again(acme: Stage, remember: Remember) -> None:
    made = remember(acme.ada, "The harbour opens on the third of May.")
    search = {"query": "harbour", "mode": "keyword"}
    acme.ada.post("memories/search", search).ok()
    migrate("text")
    refused = acme.ada.post("memories/search", search)
    assert (refused.status, refused.body["code"]) == (503, "busy")
    (found,) = acme.ada.post("memories/search", search).ok()["results"]
    assert found["memory"]["id"] == made["id"]
