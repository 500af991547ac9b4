"""Spend together: what agents of one tenant ask of money at the same moment, decided in memory and written in a few statements.

Does what is plain; the rest is answered None, untouched, and goes as it would have alone (`authorise_spend` and its like,
`spend_many`). Nobody waits here for a key or a task that another transaction holds; for the windows all do.
Locks: the keys by name, those that are free; tasks by id, those that are free; all windows by id; transactions by id.
Dies before the commit: nothing is held, and nothing kept for a key. Dies after it: all is held, captured, voided and kept;
who repeats with its key is answered the same, a capture or void also without one, and a hold nobody knows of ends with its lease.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog
from rest_framework.renderers import JSONRenderer

from chimera.flows.ask_policies import spend_subject
from chimera.flows.placing import above_of
from chimera.flows.show_transactions import show_denial
from chimera.flows.spend_many import Answered, Asked, Capture, Done, Spend, Void, has_key
from chimera.kernel import clock, idempotency, prepared, redis, tenancy
from chimera.kernel.http import problem
from chimera.kernel.relay.slow_lane import is_outage
from commerce import shapes
from commerce.actions import Outcome, Place, Purchase, booking
from commerce.actions.desk import GIVEN_BACK, Desk
from commerce.periods import periods_at
from commerce.states import Keeper
from safety.actions import policies
from safety.policies import Acting, may_stop
from swarm.actions import leased, tenants
from swarm.actions.leased import Lease, Leased

log = structlog.get_logger()
AT_ONCE_MAX = 128  # one transaction, some 20 ms
_renderer = JSONRenderer()


def spend_together(tenant_id: UUID, asked: Sequence[Asked]) -> list[Answered | None]:
    """Opens its own transaction. None for what is left; all are, where one of them cannot be written. Raises when PostgreSQL is away,
    and then what is not under a key may have been done."""
    try:
        with tenancy.bound(tenant_id):
            done = _Batch(asked).done()
    except Exception as fault:
        if is_outage(fault):
            raise
        log.warning("spends_left", spends=len(asked), error=repr(fault))
        return [None] * len(asked)
    if any(done):
        redis.nudge()
    return done


class _Batch:
    def __init__(self, asked: Sequence[Asked]) -> None:
        self._asked = asked
        self._tasks: dict[int, UUID] = {
            place: one.what.task_id for place, one in enumerate(asked) if isinstance(one.what, Spend)
        }
        self._also: set[UUID] = set()  # windows of what is to be settled
        self._leased: dict[int, Leased] = {}

    def done(self) -> list[Answered | None]:
        zone = self._begin()
        answers: list[Answered | None] = [None] * len(self._asked)
        if not self._leased:
            return answers
        places = self._places()
        desk = self._desk(places, zone)
        kept = []
        for number in self._leased:
            one = self._asked[number]
            outcome = _tried(desk, one, places.get(number), self._leased[number])
            if outcome is None:
                continue
            answer = answers[number] = _shown(outcome, self._leased[number], one.trace)
            if one.once:
                kept.append((one.once, answer.status, _renderer.render(answer.body)))
        if any(answers):
            desk.write([idempotency.keeping(kept)] if kept else ())
        return answers

    def _begin(self) -> str:
        """Keys, tasks and leases: of what may be done, and nobody else is at. Answers the tenant's time zone."""
        keyed = [number for number, one in enumerate(self._asked) if one.once]
        calls = [once for one in self._asked if (once := one.once)]
        opening = idempotency.beginning(calls) if calls else []
        named = {one.what.transaction_id for one in self._asked if not isinstance(one.what, Spend)}
        rows: list[Any] = []
        if named:
            *rows, found = prepared.ask_all([*opening, booking.finding(named)])
            self._find(found)
            opening = []
        leases = {number: self._lease(number) for number in sorted(self._tasks)}
        if not leases:
            return ""
        shown = list(dict.fromkeys(leases.values()))
        locking = leased.locking({lease.task_id for lease in shown})
        more = prepared.ask_all([*opening, locking, leased.holding(shown), tenants.zone(), policies.standing()])
        *before, locked, holding, ((zone,),), standing = rows + more
        free = dict(zip(keyed, idempotency.unanswered(calls, *before[:2]), strict=True)) if calls else {}
        ours, held = {task_id for (task_id,) in locked}, leased.leased(shown, holding)
        acting = policies.acting_at(standing).policies
        for number, lease in leases.items():
            if free.get(number, True) and lease.task_id in ours and lease in held and self._is_plain(number, acting):
                self._leased[number] = held[lease]
        return str(zone)

    def _is_plain(self, number: int, acting: Sequence[Acting]) -> bool:
        """No policy might have a word, whatever the task is, and no decision be there already."""
        what = self._asked[number].what
        if has_key(self._asked[number]):
            return False
        return not (acting and isinstance(what, Spend) and may_stop(spend_subject(_purchase(what)), acting))

    def _find(self, found: Sequence[Sequence[Any]]) -> None:
        known = {transaction_id: (task_id, windows) for transaction_id, task_id, windows in found}
        for number, one in enumerate(self._asked):
            if not isinstance(one.what, Spend) and one.what.transaction_id in known:
                self._tasks[number], windows = known[one.what.transaction_id]
                self._also.update(windows)

    def _lease(self, number: int) -> Lease:
        one = self._asked[number]
        return Lease(self._tasks[number], one.lease_token, one.agent_id)

    def _places(self) -> dict[int, Place]:
        """Where each spend spends."""
        above = above_of({self._tasks[number] for number, task in self._leased.items() if task.has_parent})
        return {
            number: Place(
                task_id=self._tasks[number],
                above=tuple(above.get(self._tasks[number], ())),
                session_id=task.session_id,
                campaign_id=task.campaign_id,
                agent_id=self._asked[number].agent_id,
            )
            for number, task in self._leased.items()
            if isinstance(self._asked[number].what, Spend)
        }

    def _desk(self, places: dict[int, Place], zone: str) -> Desk:
        periods = periods_at(clock.now(), zone)
        holds = [
            what.transaction_id for number in self._leased if not isinstance(what := self._asked[number].what, Spend)
        ]
        asked = booking.reading(set(places.values()), periods, self._also)
        *read, held = prepared.ask_all([*asked, *([booking.locking(holds)] if holds else [])]) + ([] if holds else [[]])
        return Desk(periods, read, held)


def _tried(desk: Desk, one: Asked, place: Place | None, task: Leased) -> Done | None:
    said: dict[str, Any] = {"lease_token": one.lease_token, "by": one.by, "trace": one.trace}
    match one.what:
        case Spend() as spend:
            assert place is not None
            return desk.spend(place, _purchase(spend), dry_run=task.dry_run, **said)
        case Capture() as capture:
            return desk.capture(capture.transaction_id, amount_usd=capture.amount_usd, **said)
        case Void() as void:
            return desk.void(void.transaction_id, reason=void.reason or GIVEN_BACK, **said)


def _purchase(spend: Spend) -> Purchase:
    return Purchase(
        amount_usd=spend.amount_usd,
        asset_symbol=spend.asset_symbol,
        payee=spend.payee,
        category=spend.category,
        purpose=spend.purpose,
        metadata=dict(spend.metadata),
    )


def _shown(done: Done, task: Leased, trace: str) -> Answered:
    row = done.transaction if isinstance(done, Outcome) else done
    shown = shapes.transaction(row, task.expires_at if row.keeper == Keeper.LEASE else None)
    if not isinstance(done, Outcome):
        return Answered(200, shown)
    if done.refusal:
        body = problem.body(show_denial(done, shown))
        return Answered(402, body | {"trace_id": trace} if trace else body)
    return Answered(201, shown)
