"""Who may ask the index after a fault, without any index."""

import pytest

from memory.stores.weaviate import breaker
from memory.stores.weaviate.breaker import Guard
from memory.stores.weaviate.wire import IndexAway, UnknownTenant
from tests.processes.proc import until


@pytest.fixture
def guard(monkeypatch: pytest.MonkeyPatch) -> Guard:
    """After a fault, with a pause that is over at once; somebody who tries and says nothing would be waited for until the end."""
    monkeypatch.setattr(breaker, "PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(breaker, "PAUSE_SECONDS_MAX", 600.0)
    failed = Guard()
    with pytest.raises(IndexAway, match="slow"), failed.guard():
        raise IndexAway("slow")
    return failed


def asked(guard: Guard, fault: BaseException | None = None) -> bool:
    """Whether the index was asked, with this as what came of it."""
    was_asked = False
    try:
        with guard.guard():
            was_asked = True
            if fault:
                raise fault
    except BaseException as raised:
        if raised is not fault and not isinstance(raised, IndexAway):
            raise
    return was_asked


@pytest.mark.parametrize("fault", [RuntimeError("canceling statement"), KeyboardInterrupt(), GeneratorExit()])
def test_who_is_called_off_while_they_try_keeps_nobody_else_from_trying(guard: Guard, fault: BaseException) -> None:
    until(lambda: asked(guard, fault))
    assert asked(guard), "the next caller tries in their place"
    assert asked(guard)


def test_while_somebody_tries_nobody_else_does(guard: Guard) -> None:
    until(lambda: _tries_beside_another(guard))


def _tries_beside_another(guard: Guard) -> bool:
    try:
        with guard.guard():
            assert not asked(guard)
    except IndexAway:
        return False
    return True


def test_who_is_called_off_has_found_no_fault_and_mended_none(guard: Guard) -> None:
    well = Guard()
    assert asked(well, RuntimeError("canceling statement"))
    assert asked(well), "it was closed, and still is"
    until(lambda: asked(guard, RuntimeError("canceling statement")))
    assert guard._breaker.is_open, "that nobody heard of it does not make it well"


def test_an_index_that_knows_no_such_tenant_is_there(guard: Guard) -> None:
    until(lambda: asked(guard, UnknownTenant("acme")))
    assert not guard._breaker.is_open
