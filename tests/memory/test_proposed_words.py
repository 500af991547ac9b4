"""What the word index proposes, by the sum of what a memory's words weigh (memory.weighed_words_sql), and for whom."""

from collections.abc import Sequence
from uuid import UUID

import pytest
from django.db import connection

from chimera.kernel import tenancy
from memory.models import MemoryRecord
from tests.cast import Stage

ZENITH = UUID("0193f000-0000-7000-8000-00000000000a")
ACME = UUID("0193f000-0000-7000-8000-00000000000b")
COLLIDING = "tvfnebsfrhr7y18son営囔"  # ZENITH's key of it is ACME's of "ferri"; found in 44 s


def keep(tenant_id: UUID, said: Sequence[str]) -> list[UUID]:
    with tenancy.bound(tenant_id):
        rows = [MemoryRecord(tenant_id=tenant_id, content=words, category="semantic") for words in said]
        return [row.pk for row in MemoryRecord.objects.bulk_create(rows)]


def proposed(tenant_id: UUID, words: str, *, among: int, most: int, common_from: int) -> list[UUID]:
    each = words.split()
    with tenancy.bound(tenant_id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT chimera_memories_with(%s::tsquery, %s::text[], %s, %s, %s)",
            [" | ".join(each), each, among, most, common_from],
        )
        return [row[0] for row in cursor.fetchall()]


def test_what_has_a_common_word_beside_a_rarer_one_comes_before_what_has_the_rarer_one_alone(acme: Stage) -> None:
    said = ["a zeppelin above the ferry", *["ferry"] * 12, *["zeppelin"] * 5]
    both, *_ = keep(acme.tenant_id, [f"{words} {n}" for n, words in enumerate(said)])
    found = proposed(acme.tenant_id, "ferri zeppelin", among=100, most=3, common_from=10)
    assert found[0] == both, "also where common words by themselves weigh too little to be looked through"
    assert len(found) == 3


def test_a_tenant_that_has_grown_since_it_was_counted_has_as_many_as_one_of_the_words(
    acme: Stage,
) -> None:
    said = ["red blue green", *["red", "blue", "green"] * 7, *["dune"] * 2, *["ferry"] * 60]
    most_words, *_ = keep(acme.tenant_id, [f"{words} {n}" for n, words in enumerate(said)])
    for among in (1, len(said)):
        found = proposed(acme.tenant_id, "red blue green dune ferri", among=among, most=10, common_from=1_000)
        assert found[0] == most_words, "three of eight weigh more than one of two"


@pytest.mark.usefixtures("db")
def test_who_knows_a_word_of_the_same_key_hides_nothing_of_another_tenant() -> None:
    """Keys are no cryptographic hashes: such a word can be found, and said as often as somebody likes."""
    keep(ZENITH, [f"{COLLIDING} {n}" for n in range(10)])
    mine = keep(ACME, ["ferry", "The ferry leaves."])
    with connection.cursor() as cursor:
        asked = "SELECT chimera_word_keys(%s, ARRAY[%s]) = chimera_word_keys(%s, '{ferri}')"
        cursor.execute(asked, [ZENITH, COLLIDING, ACME])
        assert cursor.fetchone() == (True,), "the control: one key"
    for common_from in (1, 3, 100):
        assert set(proposed(ACME, "ferri", among=2, most=10, common_from=common_from)) == set(mine)
    assert len(proposed(ZENITH, COLLIDING, among=10, most=100, common_from=100)) == 10
