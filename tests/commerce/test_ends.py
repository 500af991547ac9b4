"""Every end of a hold, by who kept it: afterwards ledger, windows, transitions, facts and mirror tell one story."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings

from chimera.flows.expire_cards import expire_cards
from chimera.flows.expire_holds import expire_holds
from chimera.flows.lapse_leases import lapse_leases, return_lease
from chimera.flows.reconcile import reconcile
from chimera.kernel import clock
from chimera.kernel.eventlog import Event
from commerce.accumulator import Mirror
from commerce.drift import Drift, Place
from commerce.models import Transaction, Transition
from safety.models import ReviewCard
from tests.cast import Said, Stage
from tests.commerce.books import at_work, check_books, claimed_again, spent, task_row
from tests.lanes import settle

Claim = dict[str, Any]
Act = Callable[[Stage, Claim], object]
SMALL, LARGE = "3", "60"  # the large one is above the threshold


def transaction(stage: Stage, amount: str) -> Transaction:
    return Transaction.objects.get(amount_usd=Decimal(amount))


def lease(claim: Claim) -> dict[str, Any]:
    return {"lease_token": claim["lease_token"]}


def in_tenant(find: Callable[[], Any], stage: Stage) -> Any:
    with stage.bound():
        return find()


def settled(verb: str, **more: str) -> Act:
    """The agent settles the small hold itself."""

    def act(stage: Stage, claim: Claim) -> Said:
        held = in_tenant(lambda: transaction(stage, SMALL).pk, stage)
        return stage.ada.post(f"transactions/{held}/{verb}", lease(claim) | more).ok()

    return act


def voided_by_hand(stage: Stage, claim: Claim) -> None:
    held = in_tenant(lambda: list(Transaction.objects.filter(status="held").order_by("pk")), stage)
    for row in held:
        stage.fay.post(f"transactions/{row.pk}/void", {"reason": "not to be spent"}).ok()


def finished(stage: Stage, claim: Claim) -> Said:
    return stage.ada.finish(claim).ok()


def failed(*, retryable: bool) -> Act:
    def act(stage: Stage, claim: Claim) -> Said:
        error = {"code": "broken", "message": "no", "retryable": retryable}
        return stage.ada.post(
            f"tasks/{claim['task']['id']}/result", lease(claim) | {"status": "failed", "error": error}
        ).ok()

    return act


def cancelled(stage: Stage, claim: Claim) -> Said:
    return stage.otto.post(f"tasks/{claim['task']['id']}/cancel", {"reason": "enough"}).ok()


def lapsed(stage: Stage, claim: Claim) -> None:
    with clock.held(clock.now() + settings.LEASE + timedelta(seconds=1)):
        assert lapse_leases() == 1


def connection_lost(stage: Stage, claim: Claim) -> None:
    with stage.bound():
        until = datetime.fromisoformat(claim["lease_expires_at"])
        return_lease(UUID(claim["task"]["id"]), UUID(claim["lease_token"]), until)


def killed(stage: Stage, claim: Claim) -> Said:
    return stage.otto.post(f"agents/{stage.ada.id}/kill", {"reason": "mad"}).ok()


def session_stopped(stage: Stage, claim: Claim) -> Said:
    return stage.otto.post(f"sessions/{claim['task']['session']}/stop", {"reason": "enough"}).ok()


def campaign_stopped(stage: Stage, claim: Claim) -> Said:
    session = stage.otto.get(f"sessions/{claim['task']['session']}").ok()
    return stage.otto.post(f"campaigns/{session['campaign']}/stop", {"reason": "enough"}).ok()


def session_paused(stage: Stage, claim: Claim) -> Said:
    return stage.otto.post(f"sessions/{claim['task']['session']}/pause", {"reason": "a moment"}).ok()


def agent_paused(stage: Stage, claim: Claim) -> Said:
    return stage.otto.post(f"agents/{stage.ada.id}/pause", {"reason": "a moment"}).ok()


# ------------------------------------------------------------------ with a card


def asked(stage: Stage, claim: Claim) -> Said:
    return stage.ada.spend(claim, LARGE).ok(202)


def doubted(stage: Stage, claim: Claim) -> Said:
    """A result whose confidence lies between the bands waits for a person, and so does what the lease held."""
    return stage.ada.finish(claim, confidence=0.75).ok()


def decided(decision: str) -> Act:
    def act(stage: Stage, claim: Claim) -> Said:
        (card,) = in_tenant(lambda: list(ReviewCard.objects.filter(task_id=claim["task"]["id"])), stage)
        return stage.rita.post(f"reviews/{card.pk}/decision", {"decision": decision, "note": "seen"}).ok()

    return act


def nobody_decided(stage: Stage, claim: Claim) -> None:
    with clock.held(clock.now() + settings.CARD_DUE + timedelta(seconds=1)):
        assert expire_cards() == 1


def goal_changed_then_approved(stage: Stage, claim: Claim) -> None:
    """The result is stale by then: it is not applied, and its money comes back."""
    session = stage.otto.get(f"sessions/{claim['task']['session']}").ok()
    stage.otto.patch(f"campaigns/{session['campaign']}", {"goal": "another"}).ok()
    decided("approve")(stage, claim)


def approved(stage: Stage, claim: Claim) -> None:
    asked(stage, claim)
    decided("approve")(stage, claim)


def resumed(then: Act) -> Act:
    def act(stage: Stage, claim: Claim) -> None:
        then(stage, claimed_again(stage, claim))

    return act


@contextmanager
def past_the_deadline() -> Iterator[None]:
    with clock.held(clock.now() + settings.RESUME_DEADLINE + timedelta(seconds=1)):
        yield


def nobody_claimed(stage: Stage, claim: Claim) -> None:
    with past_the_deadline():
        assert expire_holds() == 1


def claimed_too_late(stage: Stage, claim: Claim) -> None:
    with past_the_deadline():
        assert claimed_again(stage, claim)["resume"]["transactions"] == []


def nothing(stage: Stage, claim: Claim) -> None:
    pass


# ------------------------------------------------------------------ the table


@dataclass(frozen=True)
class End:
    """From a lease that holds the small sum: `begin` gives it another keeper, `act` ends it.

    `small` and `large` are the facts told of each in order, `by` the kind of who told the last of them.
    """

    name: str
    act: Act
    small: str
    by: str
    task: str
    begin: Act = nothing
    large: str = ""


KEPT = "held kept"
RELEASED = f"{KEPT} released"
REBOUND = f"{RELEASED} rebound"
ASKED = "review_requested"
APPROVED = f"{ASKED} approved"
ENDS = [
    # kept by its lease
    End("captured by its agent", settled("capture"), "held captured", "agent", "running"),
    End("captured in part", settled("capture", amount_usd="2"), "held captured", "agent", "running"),
    End("voided by its agent", settled("void"), "held voided", "agent", "running"),
    End("voided by hand", voided_by_hand, "held voided", "person", "running"),
    End("task finished", finished, "held captured", "agent", "completed"),
    End("task failed", failed(retryable=False), "held voided", "agent", "failed"),
    End("task failed, to be retried", failed(retryable=True), "held voided", "agent", "queued"),
    End("task cancelled", cancelled, "held voided", "person", "cancelled"),
    End("lease lapsed", lapsed, "held voided", "system", "queued"),
    End("connection lost", connection_lost, "held voided", "system", "queued"),
    End("agent killed", killed, "held voided", "person", "queued"),
    End("session stopped", session_stopped, "held voided", "person", "cancelled"),
    End("campaign stopped", campaign_stopped, "held voided", "person", "cancelled"),
    End("session paused", session_paused, "held", "agent", "running"),
    End("agent paused", agent_paused, "held", "agent", "running"),
    # kept by the card of a large spend
    End("rejected", decided("reject"), f"{KEPT} voided", "person", "failed", asked, f"{ASKED} denied"),
    End("changes", decided("request_changes"), f"{KEPT} voided", "person", "queued", asked, f"{ASKED} denied"),
    End("nobody decided", nobody_decided, f"{KEPT} voided", "system", "failed", asked, f"{ASKED} denied"),
    End("withdrawn by a cancel", cancelled, f"{KEPT} voided", "person", "cancelled", asked, f"{ASKED} denied"),
    End("withdrawn by a stop", session_stopped, f"{KEPT} voided", "person", "cancelled", asked, f"{ASKED} denied"),
    End("agent killed, card open", killed, KEPT, "agent", "blocked", asked, ASKED),
    # kept by the card of a result
    End("result approved", decided("approve"), f"{KEPT} captured", "person", "completed", doubted),
    End("result rejected", decided("reject"), f"{KEPT} voided", "person", "failed", doubted),
    End("result to be changed", decided("request_changes"), f"{KEPT} voided", "person", "queued", doubted),
    End("result stale", goal_changed_then_approved, f"{KEPT} voided", "person", "queued", doubted),
    End("result undecided", nobody_decided, f"{KEPT} voided", "system", "failed", doubted),
    # kept for the next claim
    End("nobody claimed", nobody_claimed, f"{RELEASED} expired", "system", "queued", approved, f"{APPROVED} expired"),
    End(
        "claimed too late", claimed_too_late, f"{RELEASED} expired", "agent", "running", approved, f"{APPROVED} expired"
    ),
    End("cancelled before", cancelled, f"{RELEASED} voided", "person", "cancelled", approved, f"{APPROVED} voided"),
    End("stopped before", session_stopped, f"{RELEASED} voided", "person", "cancelled", approved, f"{APPROVED} voided"),
    End("voided before", voided_by_hand, f"{RELEASED} voided", "person", "queued", approved, f"{APPROVED} voided"),
    # and by the next lease
    End(
        "resumed",
        resumed(finished),
        f"{REBOUND} captured",
        "agent",
        "completed",
        approved,
        f"{APPROVED} rebound captured",
    ),
    End(
        "resumed, lost",
        resumed(lapsed),
        f"{REBOUND} voided",
        "system",
        "queued",
        approved,
        f"{APPROVED} rebound voided",
    ),
]
STATUS = {
    "held": "held",
    "kept": "held",
    "released": "held",
    "rebound": "held",
    "approved": "held",
    "review_requested": "review",
}


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.name)
def test_an_end_is_the_same_story_everywhere(acme: Stage, end: End) -> None:
    budget = acme.budget(day_usd="100", total_usd="100", approval_threshold_usd="50")
    campaign = acme.otto.post("campaigns", {"name": "Launch", "goal": "to be launched"}).ok(201)
    claim = at_work(acme, session=acme.session(campaign=campaign["id"]))
    acme.ada.spend(claim, SMALL).ok(201)
    end.begin(acme, claim)
    settle()
    end.act(acme, claim)
    settle()
    assert task_row(acme, claim).status == end.task
    rows = {SMALL: end.small} | ({LARGE: end.large} if end.large else {})
    with acme.bound():
        assert Transaction.objects.count() == len(rows)
        for amount, facts in rows.items():
            check_story(transaction(acme, amount), facts.split(), end.by)
        held = sum((row.amount_usd for row in Transaction.objects.open()), Decimal(0))
        captured = sum((row.captured_usd or Decimal(0) for row in Transaction.objects.all()), Decimal(0))
    assert spent(acme, budget, "total")[:2] == (f"{held:.2f}", f"{captured:.2f}")
    check_books(acme)
    check_mirror()


def check_story(row: Transaction, facts: list[str], by: str) -> None:
    """The row, its transitions and its facts, each with the version that it made."""
    told = Event.objects.filter(aggregate_id=row.pk).order_by("xid", "seq")
    assert [event.type.split(".")[2] for event in told] == facts
    assert [event.payload["aggregate_version"] for event in told] == list(range(1, len(facts) + 1))
    last = told[len(facts) - 1]
    assert last.actor.partition(":")[0] == by
    statuses = [STATUS.get(fact, fact) for fact in facts]
    steps = list(Transition.objects.of(row.pk))
    assert [(step.from_status, step.to_status) for step in steps] == list(
        zip([None, *statuses], statuses, strict=False)
    )
    assert [step.version for step in steps] == list(range(1, len(facts) + 1))
    assert (steps[-1].actor, steps[-1].keeper) == (last.actor, row.keeper)
    assert (row.status, row.version) == (statuses[-1], len(facts))
    is_open = row.status in ("held", "review")
    assert (row.keeper is not None, row.settled_at is None) == (is_open, is_open)
    assert (row.lease_token is not None) == (row.keeper == "lease")
    assert (row.captured_usd is not None) == (row.status == "captured")


def check_mirror() -> None:
    """Reconciliation finds windows, ledger, transitions and the mirror in agreement."""
    Mirror().write()
    drifts = list[Drift]()
    done = reconcile(tenant_id=None, repair=False, tell=drifts.append)
    assert (drifts, done.mirror, done.drifts) == ([], [], 0)
    assert done.looked_at[Place.MIRROR] == 1
