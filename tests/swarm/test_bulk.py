"""Cancel, retry and drop by filter: one task per transaction, bounded, within the caller's reach, whatever changes meanwhile."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from chimera.flows import grouping
from chimera.flows.bulk_tasks import BulkVerb, change_each
from chimera.kernel import clock
from commerce.models import Transaction
from safety.models import ReviewCard
from swarm.models import Task
from tests.cast import Caller, Stage
from tests.swarm.letters import failed, many, statuses

Settle = Callable[[], None]


def change(who: Caller, verb: str, more: dict[str, Any] | None = None, /, **filters: Any) -> Any:
    return who.post(f"tasks/{verb}", {"filter": filters} | (more or {})).ok().body


# ------------------------------------------------------------------ what it does


def test_a_session_is_cancelled_and_another_is_not(acme: Stage, settle: Settle) -> None:
    first, second = acme.session()["id"], acme.session()["id"]
    many(acme, first, 5)
    many(acme, second, 2)
    settle()
    said = change(acme.otto, "cancel", {"reason": "wrong brief"}, session=first)
    assert said == {"matched": 5, "changed": 5, "failed": [], "more": False, "next": None}
    assert statuses(acme) == {"cancelled": 5, "queued": 2}
    with acme.bound():
        assert {t.error["message"] for t in Task.objects.filter(status="cancelled")} == {"wrong brief"}


def test_dead_letters_are_retried_by_their_error(acme: Stage, settle: Settle) -> None:
    session = acme.session()["id"]
    retried = failed(acme, session, 3, code="timeout")
    failed(acme, session, 2, code="unreadable")
    assert change(acme.otto, "retry", error_code="timeout")["changed"] == 3
    settle()
    with acme.bound():
        rows = Task.objects.filter(status="queued")
        assert {str(t.pk) for t in rows} == set(retried)
        assert {(t.attempt_count, t.error) for t in rows} == {(0, None)}
    assert statuses(acme) == {"queued": 3, "failed": 2}


def test_dead_letters_are_dropped_and_what_waits_for_them_is_cancelled(acme: Stage, settle: Settle) -> None:
    session = acme.session()["id"]
    letters = failed(acme, session, 3)
    waiting = acme.task(session, depends_on=letters[:1])["id"]
    acme.task(session)
    assert change(acme.otto, "drop", type="research", status="failed")["changed"] == 3
    settle()
    assert statuses(acme) == {"cancelled": 4, "queued": 1}
    assert acme.pia.get(f"tasks/{waiting}").ok()["status"] == "cancelled"


@pytest.mark.parametrize(
    "filters",
    [
        {"type": "write"},
        {"role": "judge"},
        {"status": "pending"},
        {"error_code": "late"},
        {"created_after": "2099-01-01T00:00:00Z"},
        {"created_before": "0001-01-01T00:00:00Z"},
        {"campaign": str(uuid4())},
        {"session": str(uuid4())},
    ],
)
def test_each_filter_keeps_out_what_it_does_not_name(acme: Stage, settle: Settle, filters: dict[str, str]) -> None:
    acme.task(acme.session())
    settle()
    assert change(acme.otto, "cancel", **filters)["matched"] == 0
    assert statuses(acme) == {"queued": 1}


def test_each_filter_lets_in_what_it_names(acme: Stage, settle: Settle) -> None:
    campaign = acme.otto.post("campaigns", {"name": "c", "goal": "g"}).ok(201)["id"]
    session = acme.session(campaign=campaign)["id"]
    begun = clock.now()
    for filters in (
        {"type": "research"},
        {"role": "worker"},
        {"status": "queued"},
        {"created_after": (begun - timedelta(seconds=1)).isoformat()},
        {"created_before": (begun + timedelta(hours=1)).isoformat()},
        {"campaign": campaign},
        {"session": session, "type": "research", "role": "worker", "status": "queued"},
    ):
        acme.task(session)
        settle()
        assert change(acme.otto, "cancel", **filters)["changed"] == 1, filters


def test_a_repeat_is_harmless(acme: Stage, settle: Settle) -> None:
    session = acme.session()["id"]
    many(acme, session, 3)
    settle()
    assert [change(acme.otto, "cancel", session=session)["changed"] for _ in range(2)] == [3, 0]
    failed(acme, session, 2)
    assert [change(acme.otto, "drop", session=session)["changed"] for _ in range(2)] == [2, 0]
    assert statuses(acme) == {"cancelled": 5}


def test_the_single_calls_stay(acme: Stage, settle: Settle) -> None:
    session = acme.session()["id"]
    open_task, letter = acme.task(session)["id"], failed(acme, session, 1)[0]
    assert acme.otto.post(f"tasks/{letter}/retry").ok()["status"] == "queued"
    assert acme.otto.post(f"tasks/{open_task}/cancel").ok()["status"] == "cancelled"


# ------------------------------------------------------------------ bounds


def test_a_thousand_tasks_take_a_few_bounded_calls(acme: Stage, settings: Any) -> None:
    settings.BULK_SECONDS_MAX = 60  # here the number is the bound, however slow the machine
    session = acme.session()["id"]
    many(acme, session, 1_000)
    said: list[Any] = []
    after = None
    while not said or said[-1]["more"]:
        said.append(change(acme.otto, "cancel", {"after": after}, session=session))
        after = said[-1]["next"]
    assert [(s["matched"], s["changed"], s["failed"]) for s in said] == [(500, 500, [])] * 2
    assert statuses(acme) == {"cancelled": 1_000}


def test_a_limit_is_kept_and_the_oldest_come_first(acme: Stage) -> None:
    session = acme.session()["id"]
    made = many(acme, session, 5)
    said = change(acme.otto, "cancel", {"limit": 2}, session=session)
    assert (said["changed"], said["more"], said["next"]) == (2, True, made[1])
    assert [acme.pia.get(f"tasks/{t}").ok()["status"] for t in made] == ["cancelled"] * 2 + ["pending"] * 3


def test_time_is_a_bound_too_and_the_next_call_goes_on(
    acme: Stage, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BULK_SECONDS_MAX = 0
    monkeypatch.setattr(grouping, "TOGETHER_MAX", 1)
    session = acme.session()["id"]
    made = many(acme, session, 3)
    for last in made[:2]:
        said = change(acme.otto, "cancel", session=session)
        assert (said["matched"], said["changed"], said["more"], said["next"]) == (1, 1, True, last)
    assert change(acme.otto, "cancel", session=session)["more"] is False
    assert statuses(acme) == {"cancelled": 3}


def test_when_time_is_up_within_a_group_none_of_it_is_forgotten_or_looked_at_twice(acme: Stage, settings: Any) -> None:
    settings.BULK_SECONDS_MAX = 0
    ended, going = acme.session()["id"], acme.session()["id"]
    letters = [failed(acme, session, 1)[0] for session in (ended, going, ended, going)]
    acme.otto.post(f"sessions/{ended}/stop", {"reason": "over"}).ok()
    left, failures = [UUID(letter) for letter in letters], []
    while left:
        done = change_each(tenant_id=acme.tenant_id, verb=BulkVerb.RETRY, task_ids=left, by=acme.otto.actor)
        left = [letter for letter in left if letter not in done.looked_at]
        failures += done.failed
    assert [(str(f.task), f.code) for f in failures] == [(letters[0], "session_ended"), (letters[2], "session_ended")]
    assert statuses(acme) == {"queued": 2, "failed": 2}


def test_whoever_goes_on_after_next_passes_over_what_is_refused(acme: Stage) -> None:
    ended, going = acme.session()["id"], acme.session()["id"]
    stuck = failed(acme, ended, 3)
    fine = failed(acme, going, 2)
    acme.otto.post(f"sessions/{ended}/stop", {"reason": "over"}).ok()
    said = change(acme.otto, "retry", {"limit": 3}, type="research")
    assert (said["matched"], said["changed"], said["next"]) == (3, 0, stuck[-1])
    assert {f["code"] for f in said["failed"]} == {"session_ended"}
    said = change(acme.otto, "retry", {"limit": 3, "after": said["next"]}, type="research")
    assert (said["changed"], said["more"]) == (2, False)
    assert [acme.pia.get(f"tasks/{t}").ok()["status"] for t in fine] == ["queued"] * 2


# ------------------------------------------------------------------ who may


@pytest.mark.parametrize("verb", list(BulkVerb))
def test_another_tenants_tasks_are_untouched(acme: Stage, zenith: Stage, verb: str) -> None:
    theirs = zenith.session()["id"]
    many(zenith, theirs, 2)
    failed(zenith, theirs, 2)
    failed(acme, acme.session()["id"], 1)
    for filters in ({"session": theirs}, {"type": "research"}):
        change(acme.boss, verb, **filters)
    assert statuses(zenith) == {"pending": 2, "failed": 2}


def test_a_planner_reaches_what_it_created_and_no_more(acme: Stage) -> None:
    session = acme.session()["id"]
    mine = many(acme, session, 2)
    body = {"session": session, "type": "research", "input_payload": {}}
    theirs = [acme.otto.post("tasks", body).ok(201)["id"] for _ in range(2)]
    said = change(acme.pia, "cancel", session=session)
    assert (said["matched"], said["changed"], said["failed"]) == (2, 2, [])
    assert [acme.pia.get(f"tasks/{t}").ok()["status"] for t in mine + theirs] == ["cancelled"] * 2 + ["pending"] * 2
    assert change(acme.otto, "cancel", session=session)["changed"] == 2


@pytest.mark.parametrize("verb", list(BulkVerb))
def test_workers_judges_and_people_without_the_role_may_not(acme: Stage, verb: str) -> None:
    for who in (acme.ada, acme.jude, acme.rita, acme.fay, acme.anna):
        who.post(f"tasks/{verb}", {"filter": {"type": "research"}}).refused(403, "role")
    for who in (acme.pia, acme.otto, acme.boss):
        who.post(f"tasks/{verb}", {"filter": {"type": "research"}}).ok()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid"),
        ({"filter": {}}, "filter_empty"),
        ({"filter": {"colour": "red"}}, "unknown_field"),
        ({"filter": {"status": "odd"}}, "invalid"),
        ({"filter": {"status": "completed"}}, "status_out_of_reach"),
        ({"filter": {"session": "x"}}, "invalid"),
        ({"filter": {"type": ""}}, "invalid"),
        ({"filter": {"type": "a\x00b"}}, "invalid"),
        ({"filter": {"type": "x"}, "limit": 0}, "invalid"),
        ({"filter": {"type": "x"}, "limit": 501}, "invalid"),
        ({"filter": {"type": "x"}, "after": "x"}, "invalid"),
        ({"filter": {"created_after": "2026-01-02T00:00:00Z", "created_before": "2026-01-01T00:00:00Z"}}, "invalid"),
    ],
)
def test_a_filter_that_cannot_be_is_refused(acme: Stage, body: dict[str, Any], code: str) -> None:
    for verb in BulkVerb:
        acme.otto.post(f"tasks/{verb}", body).refused(422, code)


def test_a_cancel_does_not_reach_dead_letters_nor_a_retry_what_is_open(acme: Stage) -> None:
    session = acme.session()["id"]
    many(acme, session, 1)
    failed(acme, session, 1)
    acme.otto.post("tasks/cancel", {"filter": {"status": "failed"}}).refused(422, "status_out_of_reach")
    for verb in ("retry", "drop"):
        acme.otto.post(f"tasks/{verb}", {"filter": {"status": "pending"}}).refused(422, "status_out_of_reach")
    change(acme.otto, "cancel", session=session)
    assert statuses(acme) == {"cancelled": 1, "failed": 1}


# ------------------------------------------------------------------ money, cards, leases


def test_money_cards_and_leases_of_cancelled_tasks_are_released(acme: Stage, settle: Settle) -> None:
    acme.budget(day_usd="10", approval_threshold_usd="1")
    session = acme.session()["id"]
    many(acme, session, 2)
    settle()
    held, reviewed = acme.ada.claim(2)
    acme.ada.spend(held, "0.50").ok(201)
    acme.ada.spend(reviewed, "2.00").ok(202)
    assert change(acme.otto, "cancel", session=session)["changed"] == 2
    with acme.bound():
        ended = dict(Transaction.objects.values_list("amount_usd", "status"))
        assert ended == {Decimal("0.50"): "voided", Decimal("2.00"): "denied"}
        assert ReviewCard.objects.get().status == "withdrawn"
    (budget,) = acme.fay.get("budgets").ok()["results"]
    windows = acme.fay.get(f"budgets/{budget['id']}/usage").ok()["windows"]
    assert {Decimal(w["held_usd"]) for w in windows} == {Decimal(0)}
    acme.ada.finish(held).refused(409, "stale_lease")
