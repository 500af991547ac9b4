"""Many agents, one resource: one holds it. With the guard off the same race has more holders, so the test can see them."""

import threading
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from chimera.kernel import clock, redis, tenancy
from chimera.kernel.actors import SYSTEM
from swarm import lock_hints
from swarm.actions import agents, locks
from swarm.models import ResourceLock
from tests import cluster
from tests.cast import Caller, Said, Stage
from tests.races.dying import at_every_line
from tests.races.threads import PATIENCE_SECONDS, InBackground, at_once, held_after, wait_for_waiters
from tests.swarm.test_locks import FILE, acquire, later, release, renew

RIVALS = 8
ROUNDS = 6
ANYTHING = "%(at)s IS NOT NULL"  # the guard, switched off


@pytest.fixture
def rivals(acme: Stage) -> list[Caller]:
    with acme.bound():
        made = [
            agents.register(name=f"rival {n}", role="worker", capabilities=[], tools_config={}, max_slots=1, by=SYSTEM)
            for n in range(RIVALS)
        ]
    return [Caller(key, id=str(agent.pk), name=agent.name) for agent, key in made]


def race(rivals: list[Caller]) -> list[Said]:
    return at_once([lambda rival=rival: acquire(rival) for rival in rivals])  # type: ignore[misc]


def taken_of(answers: list[Any]) -> list[Said]:
    """Those who believe that they hold it; the others must have been told why not."""
    taken = [said for said in answers if said.status == 201]
    for said in answers:
        if said.status != 201:
            said.refused(409, "lock_held")
    return taken


# ------------------------------------------------------------------ taking


def test_control_without_the_guard_all_believe_that_they_hold_it(
    rivals: list[Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "FREE", ANYTHING)
    monkeypatch.setattr(lock_hints, "is_shown", lambda *_: False)
    assert len(taken_of(race(rivals))) == RIVALS


def test_control_who_looks_first_and_takes_then_is_not_alone(
    acme: Stage, rivals: list[Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard as many write it: everybody looks, finds it free, and then takes it."""
    looked = threading.Barrier(RIVALS)
    monkeypatch.setattr(locks, "FREE", ANYTHING)

    def look_then_take(rival: Caller) -> str:
        with acme.bound():
            assert not ResourceLock.objects.filter(resource=FILE).held(clock.now()).exists()
            looked.wait(PATIENCE_SECONDS)
            _, token = locks.acquire(resource=FILE, ttl_seconds=60, seems_held=False, by=rival.actor)
        return token

    tokens = at_once([lambda rival=rival: look_then_take(rival) for rival in rivals])  # type: ignore[misc]
    assert len({token for token in tokens if isinstance(token, str)}) == RIVALS, tokens


def test_of_eight_rivals_one_holds_it_and_each_new_holder_has_a_larger_number(
    acme: Stage, rivals: list[Caller]
) -> None:
    """The first round races for a row that is not there yet, the others for one that is."""
    numbers = []
    for _ in range(ROUNDS):
        (taken,) = taken_of(race(rivals))
        numbers.append(taken["fencing_number"])
        release(rivals[0], taken).ok()
    assert numbers == sorted(set(numbers))


def test_a_lapsed_lock_goes_to_one_rival(acme: Stage, rivals: list[Caller]) -> None:
    late = acquire(acme.ada, seconds=30).ok(201)
    with later(31):
        (taken,) = taken_of(race(rivals))
        assert taken["fencing_number"] > late["fencing_number"]
        renew(acme.ada, late).refused(409, "lock_lost")


def test_without_redis_one_holds_it(acme: Stage, rivals: list[Caller]) -> None:
    cluster.redis.kill()
    try:
        (taken,) = taken_of(race(rivals))
        assert len(acme.otto.get("locks").ok()["results"]) == 1
        release(rivals[0], taken).ok()
    finally:
        cluster.redis.start()
        redis.try_again()


def test_while_redis_forgets_all_the_time_there_is_one_holder_at_a_time(acme: Stage, rivals: list[Caller]) -> None:
    """Each takes it some times, and nobody is inside while another is."""
    inside, seen = threading.Lock(), list[int]()

    def work(rival: Caller) -> int:
        done = 0
        while done < 3:
            redis.client().flushall()
            taken = acquire(rival)
            if taken.status == 201:
                assert inside.acquire(blocking=False), "two are inside"
                seen.append(taken["fencing_number"])
                inside.release()
                release(rival, taken).ok()
                done += 1
            else:
                taken.refused(409, "lock_held")
        return done

    assert at_once([lambda rival=rival: work(rival) for rival in rivals[:3]]) == [3, 3, 3]  # type: ignore[misc]
    assert seen == sorted(set(seen))


# ------------------------------------------------------------------ two at the same row


def test_who_waits_for_the_first_to_commit_is_refused(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with held_after(monkeypatch, locks, "acquire") as hold:
        first = InBackground(lambda: acquire(acme.ada))
        hold.wait_reached()
        second = InBackground(lambda: acquire(acme.bob))
        wait_for_waiters()
        hold.release()
        taken = first.answer().ok(201)
        refused = second.answer().refused(409, "lock_held")
    assert refused["holder_name"] == "ada"
    release(acme.ada, taken).ok()


def test_who_waits_for_one_that_dies_has_it(acme: Stage) -> None:
    """Its row was written and not committed."""
    with psycopg.connect(cluster.postgres.urls.superuser) as dying:
        dying.execute(
            "INSERT INTO swarm_resourcelock (id, tenant_id, resource, fencing_number, owner_digest, holder, holder_name,"
            " acquired_at, expires_at) VALUES (gen_random_uuid(), %s, %s, nextval('swarm_fencing'), '', 'x', 'x', now(),"
            " now() + interval '1 hour')",
            [acme.tenant_id, FILE],
        )
        waiting = InBackground(lambda: acquire(acme.bob))
        wait_for_waiters()
        dying.rollback()
    waiting.answer().ok(201)


def test_a_renewal_and_a_takeover_at_the_same_moment_have_one_winner(
    acme: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ada's process is slow: she read the clock before her lock lapsed, and writes when Bob has taken it."""
    late = acquire(acme.ada, seconds=30).ok(201)
    before = clock.now()
    with later(31):
        with held_after(monkeypatch, locks, "acquire") as hold:
            bob = InBackground(lambda: acquire(acme.bob))
            hold.wait_reached()

            def renew_with_an_old_clock() -> Any:
                with acme.bound():
                    shown = {"resource": FILE, "owner_token": late["owner_token"]}
                    monkeypatch.setattr(clock, "now", lambda: before)
                    return locks.renew(**shown, ttl_seconds=60)

            ada = InBackground(renew_with_an_old_clock)
            wait_for_waiters()
            monkeypatch.undo()
            hold.release()
            taken = bob.answer().ok(201)
        assert "lock_lost" in str(ada.answer())
        renew(acme.bob, taken).ok()


def test_two_releases_and_a_sweep_disturb_nobody(acme: Stage) -> None:
    taken = acquire(acme.ada, seconds=1).ok(201)

    def sweep() -> int:
        with clock.held(clock.now() + timedelta(days=2)), tenancy.system():
            return locks.sweep()

    first, second = at_once([lambda: release(acme.ada, taken), lambda: release(acme.ada, taken)])
    assert first.ok().body == second.ok().body
    assert sweep() == 1
    assert acquire(acme.bob).ok(201)["fencing_number"] > taken["fencing_number"]


# ------------------------------------------------------------------ deaths


class Scene:
    """Ada takes a resource and gives it back, with a key for each; whoever dies, honest clients repeat."""

    made = 0

    def __init__(self, acme: Stage) -> None:
        Scene.made += 1
        self.acme, self.resource = acme, f"berth {Scene.made}"

    def take(self) -> Said:
        return acquire(self.acme.ada, self.resource, Idempotency_Key=f"take {self.resource}").ok(201)

    def take_and_give_back(self) -> None:
        taken = self.take()
        renew(self.acme.ada, taken, 120).ok()
        release(self.acme.ada, taken).ok()

    def trace(self) -> Any:
        with self.acme.bound():
            rows = list(ResourceLock.objects.filter(resource=self.resource).values_list("expires_at", "released_at"))
        return rows, redis.client().get(redis.resource_lock(self.acme.tenant_id, self.resource))

    def to_the_end(self) -> None:
        """By the key the token comes again, and does what it would have done; the next has a larger number."""
        taken = self.take()
        with self.acme.bound():
            lock = ResourceLock.objects.get(resource=self.resource)
            assert lock.fencing_number == taken["fencing_number"]
        if lock.is_held(clock.now()):
            acquire(self.acme.bob, self.resource).refused(409, "lock_held")
            renew(self.acme.ada, taken).ok()
        release(self.acme.ada, taken).ok()
        following = acquire(self.acme.bob, self.resource).ok(201)
        assert following["fencing_number"] > taken["fencing_number"]
        renew(self.acme.ada, taken).refused(409, "lock_lost")


@pytest.mark.slow
def test_a_process_dies_at_every_line(acme: Stage) -> None:
    scenes: list[Scene] = []

    def prepare() -> Scene:
        scenes.append(Scene(acme))
        return scenes[-1]

    def trace() -> Any:
        return scenes[-1].trace()

    deaths = at_every_line(prepare, Scene.take_and_give_back, Scene.to_the_end, mark=trace)
    assert deaths > 20
