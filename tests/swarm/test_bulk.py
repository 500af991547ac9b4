"""Cancel, retry and drop by filter: one task per transaction, bounded, within the caller's reach, whatever changes meanwhile."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db.models import F

from chimera.flows import bulk_tasks
from chimera.flows.bulk_tasks import BulkVerb, change_each, change_matching
from chimera.kernel import clock
from commerce.models import Transaction
from safety.models import ReviewCard
from swarm.models import Task
from swarm.selection import TaskFilter
from swarm.states import TaskStatus
from tests import cluster
from tests.cast import Caller, Stage
from tests.races.threads import InBackground, held_after

Settle = Callable[[], None]


def statuses(stage: Stage) -> dict[str, int]:
    with stage.bound():
        return dict(Counter(Task.objects.values_list("status", flat=True)))


def many(stage: Stage, session: str, number: int, **more: Any) -> list[str]:
    """Created by Pia, in batches."""
    body = {"session": session, "type": "research", "input_payload": {}} | more
    made: list[str] = []
    while len(made) < number:
        batch = [body] * min(500, number - len(made))
        made += [task["id"] for task in stage.pia.post("tasks/batch", {"tasks": batch}).ok(201)["tasks"]]
    return made


def failed(stage: Stage, session: str, number: int, code: str = "unreadable", **more: Any) -> list[str]:
    """Dead letters, without the detour of claims."""
    made = many(stage, session, number, **more)
    error = {"code": code, "message": "It is a scanned picture.", "retryable": False}
    with stage.bound():
        Task.objects.filter(pk__in=made).update(
            status="failed", error=error, attempt_count=3, completed_at=clock.now(), version=F("version") + 1
        )
    return made


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
    said, after = [], None
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


def test_time_is_a_bound_too_and_the_next_call_goes_on(acme: Stage, settings: Any) -> None:
    settings.BULK_SECONDS_MAX = 0
    session = acme.session()["id"]
    made = many(acme, session, 3)
    for last in made[:2]:
        said = change(acme.otto, "cancel", session=session)
        assert (said["matched"], said["changed"], said["more"], said["next"]) == (1, 1, True, last)
    assert change(acme.otto, "cancel", session=session)["more"] is False
    assert statuses(acme) == {"cancelled": 3}


def test_whoever_goes_on_after_next_passes_over_what_is_refused(acme: Stage) -> None:
    ended, going = acme.session()["id"], acme.session()["id"]
    stuck = failed(acme, ended, 3)
    fine = failed(acme, going, 2)
    acme.otto.post(f"sessions/{ended}/stop").ok()
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


# ------------------------------------------------------------------ races


def bulk(stage: Stage, verb: BulkVerb, task_ids: list[str]) -> bulk_tasks.Outcome:
    return change_each(
        tenant_id=stage.tenant_id, verb=verb, task_ids=[UUID(t) for t in task_ids], by=stage.otto.actor, reason=""
    )


def test_a_task_that_ended_meanwhile_is_reported_and_the_others_go_on(acme: Stage, settle: Settle) -> None:
    made = many(acme, acme.session()["id"], 3)
    settle()
    claims = {c["task"]["id"]: c for c in acme.ada.claim(3)}
    acme.ada.finish(claims[made[1]]).ok()  # after it was found, before its turn
    outcome = bulk(acme, BulkVerb.CANCEL, made)
    assert (outcome.matched, outcome.changed) == (3, 2)
    assert [(str(f.task), f.code) for f in outcome.failed] == [(made[1], "task_completed")]
    assert statuses(acme) == {"cancelled": 2, "completed": 1}


def test_a_task_that_failed_meanwhile_is_not_dropped_by_a_cancel(acme: Stage) -> None:
    letters = failed(acme, acme.session()["id"], 1)
    assert [f.code for f in bulk(acme, BulkVerb.CANCEL, letters).failed] == ["task_failed"]
    assert statuses(acme) == {"failed": 1}


def test_a_dead_letter_that_was_retried_meanwhile_is_neither_dropped_nor_retried_again(acme: Stage) -> None:
    letters = failed(acme, acme.session()["id"], 2)
    acme.otto.post(f"tasks/{letters[0]}/retry").ok()
    for verb in (BulkVerb.DROP, BulkVerb.RETRY):
        outcome = bulk(acme, verb, letters[:1])
        assert [f.code for f in outcome.failed] == ["task_queued"]
    assert statuses(acme) == {"queued": 1, "failed": 1}


def test_a_task_that_is_gone_is_reported(acme: Stage) -> None:
    assert [f.code for f in bulk(acme, BulkVerb.CANCEL, [str(uuid4())]).failed] == ["not_found"]


def _cancel_while_the_second_finishes(
    acme: Stage, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> tuple[bulk_tasks.Outcome, list[str]]:
    """The bulk stands still after the first task, its list in hand, while the agent hands in the second's result."""
    session = acme.session()["id"]
    made = many(acme, session, 2)
    settle()
    claims = {c["task"]["id"]: c for c in acme.ada.claim(2)}
    chosen = TaskFilter(session=UUID(session))
    with held_after(monkeypatch, bulk_tasks, "cancel_task") as hold:
        going = InBackground(
            lambda: change_matching(
                tenant_id=acme.tenant_id, verb=BulkVerb.CANCEL, chosen=chosen, by=acme.otto.actor, reason=""
            )
        )
        hold.wait_reached()
        assert acme.ada.finish(claims[made[1]]).ok()["outcome"] == "completed"
        hold.release()
        outcome = going.answer()
    assert isinstance(outcome, bulk_tasks.Outcome), outcome
    return outcome, made


def test_a_result_that_comes_between_finding_and_cancelling_wins(
    acme: Stage, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome, made = _cancel_while_the_second_finishes(acme, settle, monkeypatch)
    assert [(str(f.task), f.code) for f in outcome.failed] == [(made[1], "task_completed")]
    assert statuses(acme) == {"cancelled": 1, "completed": 1}


def test_control_without_the_guards_a_completed_task_is_cancelled(
    acme: Stage, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unguarded(*, task_id: UUID, reason: str, by: Any) -> None:
        Task.objects.filter(pk=task_id).update(
            status=TaskStatus.CANCELLED, completed_at=clock.now(), lease_token=None, lease_expires_at=None
        )

    monkeypatch.setattr(bulk_tasks, "_check_still", lambda task_id, statuses: None)
    monkeypatch.setattr(bulk_tasks, "cancel_task", unguarded)
    outcome, _ = _cancel_while_the_second_finishes(acme, settle, monkeypatch)
    assert outcome.failed == []
    assert statuses(acme) == {"cancelled": 2}


def test_a_task_that_somebody_holds_is_reported_as_busy_and_the_others_go_on(acme: Stage, settings: Any) -> None:
    made = many(acme, acme.session()["id"], 3)
    with psycopg.connect(cluster.postgres.urls.superuser) as elsewhere:
        elsewhere.execute("SELECT 1 FROM swarm_task WHERE id = %s FOR UPDATE", [made[0]])
        begun = time.monotonic()
        said = change(acme.otto, "cancel", type="research")
        assert time.monotonic() - begun >= settings.LOCK_TIMEOUT_MS / 1000
    assert (said["changed"], [(f["task"], f["code"]) for f in said["failed"]]) == (2, [(made[0], "busy")])
    assert change(acme.otto, "cancel", type="research")["changed"] == 1
