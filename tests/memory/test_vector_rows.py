"""Vectors and the memories that they are of: two tables that say the same, or nothing is written."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection

from memory.actions import vectors
from memory.models import MemoryRecord, MemoryVector
from tests.cast import Stage
from tests.memory.conftest import Remember
from tests.memory.test_vectors import TEXTS, models, port  # noqa: F401

# ruff: noqa: F811


@pytest.mark.parametrize(
    "change",
    [
        lambda: MemoryRecord.objects.update(embedding_model="other"),
        lambda: MemoryRecord.objects.update(embedding_model=""),
        lambda: MemoryVector.objects.update(model="other"),
        lambda: MemoryVector.objects.all().delete(),
    ],
)
def test_a_memory_cannot_be_said_to_have_another_vector_than_it_has(port: Stage, change: Callable[[], Any]) -> None:
    """Both are written in one transaction, or neither; one that writes half of it does not commit."""
    with pytest.raises(IntegrityError, match="of another model than it has"), port.bound():
        change()
    assert models(port) == ["usem3"] * 4
    with port.bound():
        assert MemoryVector.objects.filter(model="usem3").count() == 4


@pytest.mark.parametrize("bound_to", ["", str(UUID(int=7))])
def test_it_cannot_either_when_another_tenant_is_bound_as_it_commits(port: Stage, bound_to: str) -> None:
    def change() -> None:
        MemoryVector.objects.all().delete()
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('chimera.tenant', %s, true)", [bound_to])

    with pytest.raises(IntegrityError, match="of another model than it has"), port.bound():
        change()


def test_a_vector_stays_with_its_memory(port: Stage, remember: Remember) -> None:
    """Else the memory that it leaves names a model, and has no vector."""
    without = remember(port.ada, "The tide gate opens at six.")["id"]

    def move() -> None:
        MemoryRecord.objects.filter(pk=without).update(embedding_model="usem3")
        MemoryVector.objects.filter(memory__content=TEXTS[0]).update(memory_id=without)

    with pytest.raises(IntegrityError, match="stays with its memory"), port.bound():
        move()


def test_what_is_forgotten_while_it_is_embedded_has_no_vector(port: Stage) -> None:
    with port.bound():
        key, other = MemoryRecord.objects.order_by("pk").values_list("pk", flat=True)[:2]
        vector = MemoryVector.objects.get(pk=key).embedding
    port.otto.post(f"memories/{key}/forget", {"reason": "wrong"}).ok()
    with port.bound():
        vectors.keep({key: vector, other: vector}, model="tiny")
        assert dict(MemoryVector.objects.filter(pk__in=[key, other]).values_list("pk", "model")) == {other: "tiny"}
        assert MemoryRecord.objects.get(pk=key).embedding_model == ""
