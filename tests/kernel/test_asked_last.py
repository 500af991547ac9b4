"""The last statements of a bound transaction end it in their round trip; nobody sees another tenant's rows for that."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from django.db import DataError, connection, transaction
from django.test.utils import CaptureQueriesContext

from chimera.kernel import prepared, tenancy
from memory.models import MemoryRecord
from tests.cast import Stage

TRANSACTION = "SELECT pg_current_xact_id()::text, current_setting('chimera.tenant', true), current_setting('work_mem')"
SET = ("SELECT set_config('work_mem', '77MB', true)", {})
FAILS = ("SELECT 1 / %(zero)s::int", {"zero": 0})


@pytest.fixture(params=["unseen", "watched"])
def seen(request: Any) -> Iterator[None]:
    with CaptureQueriesContext(connection) if request.param == "watched" else nullcontext():
        yield


@pytest.fixture
def both(acme: Stage, zenith: Stage) -> tuple[Stage, Stage]:
    for stage in (acme, zenith):
        with stage.bound():
            MemoryRecord.objects.create(tenant_id=stage.tenant_id, content=f"of {stage.tenant_id}")
    return acme, zenith


def asked_last() -> tuple[str, str, str]:
    (_, (found,)) = tenancy.ask_last([SET, (TRANSACTION, {})])
    return found  # type: ignore[return-value]


def asked() -> tuple[str, str, str]:
    ((found,),) = prepared.ask_all([(TRANSACTION, {})])
    return found  # type: ignore[return-value]


def contents() -> list[str]:
    return list(MemoryRecord.objects.values_list("content", flat=True))


@pytest.mark.usefixtures("seen")
def test_what_is_asked_after_the_last_is_another_transaction_of_the_same_tenant(both: tuple[Stage, Stage]) -> None:
    acme, _ = both
    with acme.bound():
        first = asked_last()
        assert not connection.connection.pgconn.transaction_status, "it is over"
        second = asked_last()
        third = asked()
        assert contents() == [f"of {acme.tenant_id}"]
        assert asked() == third, "which ends with the block"
    assert len({first[0], second[0], third[0]}) == 3
    assert [one[1] for one in (first, second, third)] == [str(acme.tenant_id)] * 3
    assert first[2] == "77MB"
    assert third[2] != "77MB", "what was set for the transaction ended with it"


@pytest.mark.usefixtures("seen")
def test_the_next_block_is_bound_to_its_own_tenant_and_none_is_bound_between(both: tuple[Stage, Stage]) -> None:
    acme, zenith = both
    with acme.bound():
        asked_last()
    assert contents() == []
    with zenith.bound():
        assert contents() == [f"of {zenith.tenant_id}"]
        asked_last()
        with zenith.bound():
            assert contents() == [f"of {zenith.tenant_id}"]
    with tenancy.system():
        assert len(contents()) == 2


@pytest.mark.usefixtures("seen")
def test_inside_a_savepoint_nothing_ends(both: tuple[Stage, Stage]) -> None:
    acme, _ = both
    with acme.bound():
        outer = asked()
        with acme.bound():
            assert asked_last()[0] == outer[0]
        with transaction.atomic():
            MemoryRecord.objects.update(content="lost")
            assert asked_last()[0] == outer[0]
            transaction.set_rollback(True)
        assert contents() == [f"of {acme.tenant_id}"]
        assert asked()[0] == outer[0]


@pytest.mark.usefixtures("seen")
def test_a_last_statement_that_fails_undoes_the_block_and_leaves_the_connection_as_it_was(
    both: tuple[Stage, Stage],
) -> None:
    acme, zenith = both
    for before in (lambda: None, asked_last):
        with pytest.raises(DataError):
            _lose(acme, before)
    with zenith.bound():
        assert asked()[1:2] == (str(zenith.tenant_id),)
        assert asked()[2] != "77MB"
        assert contents() == [f"of {zenith.tenant_id}"]
    with acme.bound():
        assert contents() == [f"of {acme.tenant_id}"]


def _lose(stage: Stage, before: Callable[[], Any]) -> None:
    with stage.bound():
        before()
        MemoryRecord.objects.update(content="lost")
        tenancy.ask_last([SET, FAILS])


def test_work_across_tenants_is_not_ended_by_it(both: tuple[Stage, Stage]) -> None:
    """Its role would end with it."""
    with tenancy.system():
        before = asked()
        with pytest.raises(LookupError):
            tenancy.ask_last([(TRANSACTION, {})])
        assert asked()[0] == before[0]
        assert len(contents()) == 2
