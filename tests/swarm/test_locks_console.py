"""A person looks at locks, and takes one from an owner who is stuck."""

from collections.abc import Callable

import pytest

from chimera.kernel import redis
from chimera.kernel.eventlog import Event
from swarm.models import ResourceLock
from tests.cast import Stage
from tests.console.desk import Desk
from tests.console.places import NOUNS
from tests.swarm.test_locks import FILE, acquire, later, release, renew

Settle = Callable[[], None]
LOCKS = NOUNS["lock"]


@pytest.fixture
def otto(acme: Stage) -> Desk:
    return Desk(acme.otto)


def lock_of(acme: Stage, resource: str = FILE) -> ResourceLock:
    with acme.bound():
        return ResourceLock.objects.get(resource=resource)


def test_the_list_says_who_holds_what_and_shows_no_token(acme: Stage, otto: Desk) -> None:
    taken = [acquire(acme.ada).ok(201), acquire(acme.bob, "printer", 1).ok(201)]
    release(acme.bob, acquire(acme.bob, "returned").ok(201)).ok()
    with later(2):
        page, held = otto.get(LOCKS.list).ok(), otto.get(LOCKS.list, standing="held").ok()
        one = otto.get(LOCKS.one(lock_of(acme).pk)).ok()
    for word in (FILE, "printer", "returned", "ada", "bob", "held", "lapsed", "released"):
        assert word in page.text, word
    assert FILE in held.text
    assert "printer" not in held.text
    assert "returned" not in held.text
    assert str(taken[0]["fencing_number"]) in one.text
    for said in taken:
        assert said["owner_token"] not in page.html + one.html


def test_a_person_takes_it_from_its_owner_and_it_is_told(acme: Stage, otto: Desk, settle: Settle) -> None:
    taken = acquire(acme.ada, seconds=3600).ok(201)
    lock = lock_of(acme)
    page = otto.post(LOCKS.one(lock.pk, "release"), reason="Ada hangs").ok()
    assert f"otto@acme released the lock on {FILE}" in page.text
    assert page.buttons == set()
    with acme.bound():
        told = Event.objects.get(type="swarm.lock.revoked.v1")
    assert (told.actor, told.aggregate_id) == (f"person:{acme.otto.id}", lock.pk)
    assert told.payload["reason"] == "Ada hangs"
    assert told.payload["holder"] == f"agent:{acme.ada.id}"
    key = redis.resource_lock(acme.tenant_id, FILE)
    assert redis.client().exists(key)
    settle()
    assert not redis.client().exists(key)
    renew(acme.ada, taken).refused(409, "lock_lost")
    assert acquire(acme.bob).ok(201)["fencing_number"] > taken["fencing_number"]


def test_before_the_relay_has_heard_of_it_others_may_take_it_already(acme: Stage, otto: Desk, settle: Settle) -> None:
    """And what the relay then removes is not the next holder's."""
    acquire(acme.ada, seconds=3600).ok(201)
    otto.post(LOCKS.one(lock_of(acme).pk, "release")).ok()
    acquire(acme.bob).ok(201)
    settle()
    assert "bob" in str(redis.client().get(redis.resource_lock(acme.tenant_id, FILE)))


def test_an_old_page_does_not_take_it_from_the_next_holder(acme: Stage, otto: Desk) -> None:
    taken = acquire(acme.ada).ok(201)
    page_of_ada = LOCKS.one(lock_of(acme).pk, "release")
    release(acme.ada, taken).ok()
    assert "Nobody holds this lock any more" in otto.post(page_of_ada).ok().text
    theirs = acquire(acme.bob).ok(201)
    assert otto.post(page_of_ada).status == 404
    renew(acme.bob, theirs).ok()
