"""A tenant, or everything, is paused, stopped and goes on: what the API says, who may, and how the queue stands afterwards."""

from collections.abc import Callable

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, connection

from chimera.flows import stop_tenant
from chimera.kernel import redis
from chimera.kernel.eventlog import Event
from commerce.models import Transaction
from swarm import dispatch
from swarm.models import Task
from tests.cast import Caller, Stage

Settle = Callable[[], None]
WHY = {"reason": "the swarm runs away"}


@pytest.fixture
def root(acme: Stage) -> Caller:
    """The admin of Acme, who also runs the installation."""
    get_user_model().objects.filter(pk=acme.boss.id).update(is_superuser=True)
    return acme.boss


def listed(acme: Stage) -> list[str]:
    entries: list[str] = redis.client().lrange(redis.queue("normal", acme.tenant_id, "worker"), 0, -1)  # type: ignore[assignment]
    return [entry[:36] for entry in entries]


def queue_of(acme: Stage, settle: Settle, number: int) -> list[str]:
    session = acme.session()
    made = [acme.task(session)["id"] for _ in range(number)]
    settle()
    return made


def test_a_stop_voids_what_is_held_and_gives_the_tasks_back_with_their_attempts(acme: Stage, settle: Settle) -> None:
    acme.budget(day_usd="10")
    (task,) = queue_of(acme, settle, 1)
    (claim,) = acme.ada.claim()
    acme.ada.spend(claim, "1").ok(201)
    assert acme.otto.post("tenant/stop", WHY).ok()["status"] == "stopped"
    with acme.bound():
        assert Transaction.objects.get().status == "voided"
        back = Task.objects.get(pk=task)
        assert (back.status, back.attempt_count, back.lease_token) == ("queued", 0, None)
        assert Event.objects.filter(type="swarm.tenant.stopped.v1").count() == 1
    assert acme.otto.post("tenant/resume", WHY).ok()["status"] == "active"
    settle()
    assert [one["task"]["id"] for one in acme.ada.claim()] == [task]


@pytest.mark.parametrize("verb", ["pause", "stop"])
def test_the_queue_stands_after_it_as_it_stood_before(acme: Stage, settle: Settle, verb: str) -> None:
    order = queue_of(acme, settle, 12)
    taken = [claim["task"]["id"] for claim in acme.ada.claim(4)]
    assert (taken, listed(acme)) == (order[:4], order[4:])
    acme.otto.post(f"tenant/{verb}", WHY).ok()
    assert [acme.bob.claim(), acme.bob.claim(), acme.ada.claim(4)] == [[], [], []]
    late = acme.task(acme.session())["id"]
    dispatch.restock()
    dispatch.queue_due()
    settle()
    acme.otto.post("tenant/resume", WHY).ok()
    dispatch.restock()  # who is first does not matter
    settle()
    before = order if verb == "stop" else order[4:]
    assert [one for one in listed(acme) if one != late] == before
    dispatch.queue_due()
    assert listed(acme) == [*before, late]


def test_a_paused_tenant_hands_out_nothing_and_what_is_held_may_be_finished(acme: Stage, settle: Settle) -> None:
    queue_of(acme, settle, 2)
    (claim,) = acme.ada.claim()
    assert acme.otto.post("tenant/pause", WHY).ok()["status"] == "paused"
    assert acme.bob.claim() == []
    beat = acme.ada.post(f"tasks/{claim['task']['id']}/heartbeat", {"lease_token": claim["lease_token"]}).ok()
    assert beat["commands"] == ["pause"]
    assert acme.ada.finish(claim).ok()["outcome"] == "completed"


def test_a_stop_takes_the_place_of_a_pause_and_a_pause_never_that_of_a_stop(acme: Stage) -> None:
    acme.otto.post("tenant/pause", WHY).ok()
    acme.otto.post("tenant/pause", WHY).refused(409, "already_paused")
    acme.otto.post("tenant/stop", WHY).ok()
    acme.otto.post("tenant/stop", WHY).refused(409, "already_stopped")
    acme.otto.post("tenant/pause", WHY).refused(409, "already_stopped")
    assert acme.otto.post("tenant/resume", WHY).ok()["stops"] == []
    acme.otto.post("tenant/resume", WHY).refused(409, "not_stopped")
    told = [(one["kind"], one["lifted_by"]) for one in acme.anna.get("stops").ok()["results"]]
    assert told == [("stop", "otto@acme"), ("pause", "otto@acme")]


def test_everything_is_stopped_for_everybody_and_only_by_a_superuser(
    acme: Stage, zenith: Stage, root: Caller, settle: Settle
) -> None:
    for stage in (acme, zenith):
        queue_of(stage, settle, 1)
    zenith.boss.post("everything/stop", WHY).refused(403, "role")
    for nothing in (" ", "\u200b"):
        root.post("everything/stop", {"reason": nothing}).refused(422, "invalid")
    root.post("everything/stop", WHY).ok()
    zenith.otto.post("tenant/stop", WHY).ok()
    settle()
    for stage in (acme, zenith):
        assert stage.ada.claim() == []
        with stage.bound():
            assert Event.objects.filter(type="swarm.tenant.stopped.v1", payload__scope="everything").count() == 1
    root.post("everything/resume", WHY).ok()
    settle()
    assert (len(acme.ada.claim()), len(zenith.ada.claim())) == (1, 0)
    assert zenith.otto.get("tenant").ok()["status"] == "stopped"


def test_what_slipped_in_is_taken_away_by_the_clock(acme: Stage, settle: Settle) -> None:
    queue_of(acme, settle, 1)
    (claim,) = acme.ada.claim()
    with acme.bound():
        row = Task.objects.get(pk=claim["task"]["id"])
    acme.otto.post("tenant/stop", WHY).ok()
    with acme.bound():  # as a claim that had not seen the stop would have left it
        Task.objects.filter(pk=row.pk).update(
            status="running", lease_token=row.lease_token, lease_expires_at=row.lease_expires_at
        )
    acme.ada.finish(claim).refused(409, "stale_lease")
    assert stop_tenant.revoke_stopped() == 1
    with acme.bound():
        assert Task.objects.get(pk=row.pk).status == "queued"


def test_nothing_is_approved_meanwhile_and_what_lies_before_people_keeps_its_money(acme: Stage, settle: Settle) -> None:
    acme.budget(day_usd="10", approval_threshold_usd="1")
    queue_of(acme, settle, 1)
    (claim,) = acme.ada.claim()
    card = acme.ada.spend(claim, "2").ok(202)["review"]
    acme.otto.post("tenant/stop", WHY).ok()
    acme.boss.post(f"reviews/{card}/decision", {"decision": "approve"}).refused(409, "stopped")
    acme.otto.post("tenant/resume", WHY).ok()
    acme.boss.post(f"reviews/{card}/decision", {"decision": "approve"}).ok()
    settle()
    (again,) = acme.ada.claim()
    assert [one["amount_usd"] for one in again["resume"]["transactions"]] == ["2.00"]


@pytest.mark.parametrize("change", ["lifted_at = NULL, lifted_by = ''", "lifted_by = 'person:0'", "lift_reason = 'x'"])
def test_a_lifted_stop_stays_lifted_as_it_was(acme: Stage, change: str) -> None:
    acme.otto.post("tenant/stop", WHY).ok()
    acme.otto.post("tenant/resume", WHY).ok()
    with pytest.raises(IntegrityError), acme.bound(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE swarm_stop SET {change}")


ALL = ("ada", "pia", "jude", "rita", "otto", "fay", "anna", "boss")


@pytest.mark.parametrize("path", ["tenant/pause", "tenant/stop", "tenant/resume", "everything/stop"])
def test_who_may(acme: Stage, path: str) -> None:
    """By a body without its reason, so that what is allowed is refused for its words alone."""
    may = set() if path.startswith("everything") else {"otto", "boss"}
    for who in ALL:
        said = getattr(acme, who).post(path, {})
        assert said.status == (422 if who in may else 403), who
