"""Locks at the door: who gets them, keeps them, gives them back; and who is refused, in which words."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings

from chimera.kernel import clock, tenancy
from chimera.kernel.eventlog import Event
from chimera.kernel.idempotency import Answer
from swarm.actions import locks
from swarm.models import ResourceLock
from tests.cast import Caller, Said, Stage

FILE = "file:/harbour/plan.md"


def acquire(who: Caller, resource: str = FILE, seconds: int = 60, **headers: str) -> Said:
    return who.post("locks", {"resource": resource, "ttl_seconds": seconds}, **headers)


def renew(who: Caller, taken: Said, seconds: int = 60) -> Said:
    shown = {"resource": taken["resource"], "owner_token": taken["owner_token"]}
    return who.post("locks/renew", shown | {"ttl_seconds": seconds})


def release(who: Caller, taken: Said) -> Said:
    return who.post("locks/release", {"resource": taken["resource"], "owner_token": taken["owner_token"]})


def later(seconds: float) -> Any:
    return clock.held(clock.now() + timedelta(seconds=seconds))


def seconds_left(said: Any) -> float:
    return (datetime.fromisoformat(said["expires_at"]) - clock.now()).total_seconds()


# ------------------------------------------------------------------ the holder, and the others


def test_a_free_resource_is_taken(acme: Stage) -> None:
    with clock.held(clock.now()):
        taken = acquire(acme.ada, seconds=90).ok(201)
        assert seconds_left(taken) == pytest.approx(90, abs=0.001)
    assert set(taken.body) == {"resource", "owner_token", "fencing_number", "expires_at"}
    assert taken["resource"] == FILE
    assert taken["fencing_number"] >= 1
    assert len(taken["owner_token"]) >= 43


def test_a_held_one_is_refused_with_its_holder_and_its_end(acme: Stage) -> None:
    taken = acquire(acme.ada).ok(201)
    refused = acquire(acme.bob).refused(409, "lock_held")
    assert (refused["holder"], refused["holder_name"]) == (f"agent:{acme.ada.id}", "ada")
    assert refused["expires_at"] == taken["expires_at"]
    assert "owner_token" not in refused.body
    acquire(acme.ada).refused(409, "lock_held")  # also from its holder, who may be another process under the same key


def test_another_resource_is_free(acme: Stage) -> None:
    acquire(acme.ada).ok(201)
    acquire(acme.bob, "printer").ok(201)


def test_the_owner_renews(acme: Stage) -> None:
    with clock.held(clock.now()):
        taken = acquire(acme.ada, seconds=30).ok(201)
        with later(29):
            renewed = renew(acme.ada, taken, 60).ok()
            assert seconds_left(renewed) == pytest.approx(60, abs=0.001)
        assert set(renewed.body) == {"resource", "fencing_number", "expires_at"}
        assert renewed["fencing_number"] == taken["fencing_number"]
        with later(80):
            acquire(acme.bob).refused(409, "lock_held")


def test_the_owner_releases_and_the_next_has_a_larger_number(acme: Stage) -> None:
    taken = acquire(acme.ada).ok(201)
    released = release(acme.ada, taken).ok()
    assert set(released.body) == {"resource", "fencing_number", "released_at"}
    assert acquire(acme.bob).ok(201)["fencing_number"] > taken["fencing_number"]


def test_a_release_is_repeated_without_harm(acme: Stage) -> None:
    taken = acquire(acme.ada).ok(201)
    assert release(acme.ada, taken).ok().body == release(acme.ada, taken).ok().body


def test_another_token_neither_renews_nor_releases(acme: Stage) -> None:
    taken, other = acquire(acme.ada).ok(201), acquire(acme.bob, "printer").ok(201)
    forged = Said(201, {"resource": FILE, "owner_token": other["owner_token"]}, {})
    for who in (acme.bob, acme.ada, acme.otto):
        renew(who, forged).refused(409, "lock_lost")
        release(who, forged).refused(409, "lock_lost")
    acquire(acme.bob).refused(409, "lock_held")
    renew(acme.ada, taken).ok()


def test_the_token_counts_and_not_who_shows_it(acme: Stage) -> None:
    taken = acquire(acme.ada).ok(201)
    renew(acme.bob, taken).ok()
    release(acme.otto, taken).ok()


# ------------------------------------------------------------------ the end


def test_a_lock_lapses_and_goes_to_the_next(acme: Stage) -> None:
    late = acquire(acme.ada, seconds=30).ok(201)
    with later(29):
        acquire(acme.bob).refused(409, "lock_held")
    with later(31):
        taken = acquire(acme.bob).ok(201)
        renew(acme.ada, late).refused(409, "lock_lost")
        release(acme.ada, late).refused(409, "lock_lost")
        assert late["fencing_number"] < taken["fencing_number"]
        acquire(acme.pia).refused(409, "lock_held")  # what the late one tried changed nothing


def test_what_is_written_to_refuses_the_late_holder(acme: Stage) -> None:
    """The number does what the lock alone cannot: Ada has not noticed that hers has lapsed."""
    highest, written = 0, list[str]()

    def write(taken: Said, text: str) -> None:
        nonlocal highest
        if taken["fencing_number"] >= highest:
            highest = taken["fencing_number"]
            written.append(text)

    ada = acquire(acme.ada, seconds=1).ok(201)
    with later(2):
        bob = acquire(acme.bob).ok(201)
        write(bob, "bob's")
        write(ada, "ada's, late")
    assert written == ["bob's"]


def test_a_lapsed_lock_is_not_renewed_though_nobody_else_has_it(acme: Stage) -> None:
    taken = acquire(acme.ada, seconds=30).ok(201)
    with later(31):
        renew(acme.ada, taken).refused(409, "lock_lost")
        release(acme.ada, taken).ok()


def test_a_released_lock_is_not_renewed(acme: Stage) -> None:
    taken = acquire(acme.ada).ok(201)
    release(acme.ada, taken).ok()
    renew(acme.ada, taken).refused(409, "lock_lost")
    acquire(acme.bob).ok(201)
    release(acme.ada, taken).refused(409, "lock_lost")


def test_numbers_only_grow_also_when_the_row_was_swept_in_between(acme: Stage) -> None:
    seen = []
    for _ in range(3):
        taken = acquire(acme.ada, seconds=1).ok(201)
        seen.append(taken["fencing_number"])
        release(acme.ada, taken).ok()
    with clock.held(clock.now() + settings.LOCK_KEPT + timedelta(seconds=5)):
        with tenancy.system():
            assert locks.sweep() == 1
        seen.append(acquire(acme.bob).ok(201)["fencing_number"])
        release(acme.ada, taken).refused(409, "lock_lost")
    assert seen == sorted(set(seen))


def test_the_sweep_leaves_what_is_held_or_has_just_ended(acme: Stage) -> None:
    taken = acquire(acme.ada, seconds=30).ok(201)
    acquire(acme.bob, "printer", seconds=3600).ok(201)
    with clock.held(clock.now() + settings.LOCK_KEPT - timedelta(seconds=60)), tenancy.system():
        assert locks.sweep() == 0
    release(acme.ada, taken).ok()


# ------------------------------------------------------------------ tenants, roles, secrets


def test_the_same_name_at_another_tenant_is_another_resource(acme: Stage, zenith: Stage) -> None:
    ours, theirs = acquire(acme.ada).ok(201), acquire(zenith.ada).ok(201)
    forged = Said(201, {"resource": FILE, "owner_token": ours["owner_token"]}, {})
    renew(zenith.ada, forged).refused(409, "lock_lost")
    release(zenith.ada, forged).refused(409, "lock_lost")
    release(zenith.ada, theirs).ok()
    acquire(acme.bob).refused(409, "lock_held")
    assert zenith.boss.get("locks").ok()["results"] == []


ALLOWED = {"ada": True, "pia": True, "jude": True, "otto": True, "boss": True} | dict.fromkeys(
    ["rita", "fay", "anna"], False
)


@pytest.mark.parametrize("who", ALLOWED)
def test_agents_and_operators_lock_and_everybody_reads(acme: Stage, who: str) -> None:
    caller: Caller = getattr(acme, who)
    caller.get("locks").ok()
    if ALLOWED[who]:
        taken = acquire(caller).ok(201)
        renew(caller, taken).ok()
        release(caller, taken).ok()
        return
    taken = acquire(acme.ada).ok(201)
    for said in (acquire(caller), renew(caller, taken), release(caller, taken)):
        said.refused(403, "role")


def test_the_list_shows_what_is_held_and_no_token(acme: Stage) -> None:
    taken = [acquire(acme.ada, f"berth {n}").ok(201) for n in range(5)]
    release(acme.ada, taken[0]).ok()
    acquire(acme.bob, "lapsed", seconds=1).ok(201)
    with later(2):
        first = acme.anna.get("locks", limit=3).ok()
        rest = acme.anna.get("locks", limit=3, cursor=first["next"]).ok()
    shown = first["results"] + rest["results"]
    assert [lock["resource"] for lock in shown] == ["berth 4", "berth 3", "berth 2", "berth 1"]
    assert rest["next"] is None
    assert set(shown[0]) == {"resource", "fencing_number", "holder", "holder_name", "acquired_at", "expires_at"}
    assert not [one for one in taken if one["owner_token"] in str(first.body) + str(rest.body)]


def test_a_key_gives_the_same_token_again_and_it_can_be_read_nowhere(acme: Stage) -> None:
    first = acquire(acme.ada, Idempotency_Key="one").ok(201)
    again = acquire(acme.ada, Idempotency_Key="one").ok(201)
    assert again.body == first.body
    assert again.headers["Idempotent-Replayed"] == "true"
    acquire(acme.ada, Idempotency_Key="two").refused(409, "lock_held")
    release(acme.ada, first).ok()
    acquire(acme.ada, Idempotency_Key="two").ok(201)  # a refusal is not kept
    token = first["owner_token"].encode()
    with acme.bound():
        assert all(token not in bytes(answer.body) for answer in Answer.objects.all())
        assert token not in bytes(ResourceLock.objects.get().owner_digest)


def test_taking_and_giving_back_are_no_facts(acme: Stage) -> None:
    with acme.bound():
        before = Event.objects.count()
    taken = acquire(acme.ada).ok(201)
    renew(acme.ada, taken).ok()
    release(acme.ada, taken).ok()
    with acme.bound():
        assert Event.objects.count() == before


# ------------------------------------------------------------------ bad input

BAD: list[dict[str, Any]] = [
    {"resource": ""},
    {"resource": "   "},
    {"resource": "a\x00b"},
    {"resource": "x" * 201},
    {"resource": "\ud800"},
    {"resource": 5},
    {"resource": None},
    {"resource": ["a"]},
    {"ttl_seconds": 0},
    {"ttl_seconds": -1},
    {"ttl_seconds": 3601},
    {"ttl_seconds": 1.5},
    {"ttl_seconds": 1.0},
    {"ttl_seconds": True},
    {"ttl_seconds": "60"},
    {"ttl_seconds": None},
    {"ttl_seconds": 10**30},
    {"surprise": 1},
]


@pytest.mark.parametrize("change", BAD, ids=str)
def test_a_bad_lock_is_refused_by_name(acme: Stage, change: dict[str, Any]) -> None:
    (name,) = change
    code = "unknown_field" if name == "surprise" else "invalid"
    good = {"resource": FILE, "ttl_seconds": 60}
    for path, body in (("locks", good), ("locks/renew", good | {"owner_token": "x"})):
        refused = acme.ada.post(path, body | change).refused(422, code)
        assert [error["field"] for error in refused["errors"]] == [name]
    with acme.bound():
        assert ResourceLock.objects.count() == 0


@pytest.mark.parametrize("token", ["", "a\x00b", "x" * 101, 5, None, "\ud800"], ids=str)
def test_a_bad_token_is_refused_by_name(acme: Stage, token: Any) -> None:
    acquire(acme.ada).ok(201)
    for path, more in (("locks/renew", {"ttl_seconds": 1}), ("locks/release", {})):
        refused = acme.ada.post(path, {"resource": FILE, "owner_token": token} | more).refused(422, "invalid")
        assert [error["field"] for error in refused["errors"]] == ["owner_token"]


def test_nothing_may_be_left_out(acme: Stage) -> None:
    for path in ("locks", "locks/renew", "locks/release"):
        acme.ada.post(path, {}).refused(422, "invalid")


def test_the_longest_name_and_the_longest_time_are_taken(acme: Stage) -> None:
    acquire(acme.ada, "ß" * 200, 3600).ok(201)
    acquire(acme.ada, "{a}:*\n\t'\"; DROP", 1).ok(201)
