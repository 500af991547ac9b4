"""Spend many: what agents of one tenant ask of money within a few milliseconds, in one transaction, each with an answer of its own.

Locks: the keys by name; then all tasks by id, and only then what each spend, capture or void locks: budgets whose windows
are missing, all windows by id, each one's transaction. What is refused is undone alone (a savepoint); after a deadlock, a
lock that does not come or a fault of the database each goes alone, as over HTTP. So does what has a correlation key, which comes
before the windows.
Dies before the commit: nothing is held, and nothing kept for a key. Dies after it: all is held, captured, voided and kept;
who repeats with its key is answered the same, a capture or void also without one, and a hold nobody knows of ends with its lease.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, assert_never
from uuid import UUID

import structlog
from django.db import DatabaseError, transaction
from rest_framework.renderers import JSONRenderer

from chimera.flows.authorise_spend import authorise_spend
from chimera.flows.capture_spend import capture_spend
from chimera.flows.placing import places_of
from chimera.flows.read_usage import tenant_time_zone
from chimera.flows.show_transactions import show_denial, show_transactions
from chimera.flows.void_spend import void_spend
from chimera.kernel import tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.http import problem
from chimera.kernel.idempotency import Once, keep_all, prior_all
from chimera.kernel.relay.slow_lane import is_outage
from commerce import actions as commerce
from commerce.actions import Outcome, Purchase
from commerce.models import Transaction
from commerce.states import MoneyStatus
from swarm.actions import houses, tasks

log = structlog.get_logger()
AT_ONCE_MAX = 32  # each writes in two savepoints, and of one transaction PostgreSQL keeps 64 at hand


@dataclass(frozen=True, kw_only=True)
class Spend:
    task_id: UUID
    amount_usd: Decimal
    asset_symbol: str
    payee: str = ""
    category: str = ""
    purpose: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    correlation_key: str = ""  # under which a decision may be there already


@dataclass(frozen=True, kw_only=True)
class Capture:
    transaction_id: UUID
    amount_usd: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Void:
    transaction_id: UUID
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What an agent asks under a lease; `once` when it may come again after a lost answer."""

    what: Spend | Capture | Void
    lease_token: UUID
    agent_id: UUID
    by: Actor
    once: Once | None = None
    trace: str = ""  # of the call, where it is one of its own


@dataclass(frozen=True)
class Answered:
    """Status and body as the API answers the same call."""

    status: int
    body: dict[str, Any]


Done = Outcome | Transaction


def spend_many(tenant_id: UUID, asked: Sequence[Asked]) -> list[Answered | Exception]:
    """Opens its own transactions. Raises only when PostgreSQL is away; what was refused is answered in its place."""
    done: dict[int, Answered | Exception] = {}
    for begin in range(0, len(asked), AT_ONCE_MAX):
        places = range(begin, min(begin + AT_ONCE_MAX, len(asked)))
        if together := {place: asked[place] for place in places if not has_key(asked[place])}:
            done |= _together(tenant_id, together)
    return [done[place] if place in done else _alone(tenant_id, one) for place, one in enumerate(asked)]


def has_key(one: Asked) -> bool:
    """Whether a decision may be there already: then it goes alone."""
    return isinstance(one.what, Spend) and bool(one.what.correlation_key)


def _together(tenant_id: UUID, asked: Mapping[int, Asked]) -> dict[int, Answered | Exception]:
    """Nothing of those who are to go alone."""
    try:
        with tenancy.bound(tenant_id):
            return _answer(_first_of_each_key(asked))
    except Exception as fault:
        if is_outage(fault):
            raise
        log.warning("spends_go_alone", spends=len(asked), error=repr(fault))
        return {}


def _alone(tenant_id: UUID, one: Asked) -> Answered | Exception:
    try:
        with tenancy.bound(tenant_id):
            return _answer({0: one})[0]
    except Exception as fault:
        return fault


def _first_of_each_key(asked: Mapping[int, Asked]) -> dict[int, Asked]:
    """The same key once more goes alone, after this one, and finds its answer."""
    chosen: dict[int, Asked] = {}
    seen: set[tuple[str, bytes]] = set()
    for place, one in asked.items():
        name = (one.once.principal, one.once.key_digest) if one.once else None
        if name is None or name not in seen:
            chosen[place] = one
        if name is not None:
            seen.add(name)
    return chosen


def _answer(asked: Mapping[int, Asked]) -> dict[int, Answered | Exception]:
    answers = _before(asked)
    fresh = {place: one for place, one in asked.items() if place not in answers}
    _lock(list(fresh.values()))
    done = {place: _tried(one) for place, one in fresh.items()}
    went = {place: outcome for place, outcome in done.items() if not isinstance(outcome, Exception)}
    shown = show_transactions([_row(outcome) for outcome in went.values()])
    fresh_answers = {place: _shown(outcome, s) for (place, outcome), s in zip(went.items(), shown, strict=True)}
    _keep(fresh, fresh_answers)
    refused = {place: outcome for place, outcome in done.items() if isinstance(outcome, Exception)}
    return answers | refused | fresh_answers


def _before(asked: Mapping[int, Asked]) -> dict[int, Answered | Exception]:
    """What the keys say: answered before, or used for something else."""
    calls = {place: one.once for place, one in asked.items() if one.once}
    prior = dict(zip(calls, prior_all(list(calls.values())), strict=True))
    return {
        place: Answered(*found) if isinstance(found, tuple) else found
        for place, found in prior.items()
        if found is not None
    }


def _lock(asked: Sequence[Asked]) -> None:
    """All tasks by id, then all windows by id. What each locks again afterwards is ours already. Windows wait for a correlation key."""
    if not asked:
        return
    named = [one.what.transaction_id for one in asked if not isinstance(one.what, Spend)]
    settling = list(Transaction.objects.filter(pk__in=named)) if named else []
    spends = [one for one in asked if isinstance(one.what, Spend)]
    spending = {one.what.task_id for one in spends}  # type: ignore[union-attr]
    locked = {t.pk: t for t in tasks.lock_all(spending | {row.task_id for row in settling})}
    houses.read(list(locked.values()))
    plain = [(one.what.task_id, one.agent_id) for one in spends if not has_key(one)]  # type: ignore[union-attr]
    places = places_of([(locked[task_id], agent_id) for task_id, agent_id in plain if task_id in locked])
    commerce.lock_ahead(places, settling=settling, time_zone=tenant_time_zone())


def _tried(one: Asked) -> Done | Exception:
    try:
        with transaction.atomic():
            return _do(one)
    except DatabaseError:
        raise
    except Exception as refusal:
        return refusal


def _do(one: Asked) -> Done:
    match one.what:
        case Spend() as spend:
            return authorise_spend(
                task_id=spend.task_id,
                lease_token=one.lease_token,
                agent_id=one.agent_id,
                purchase=Purchase(
                    amount_usd=spend.amount_usd,
                    asset_symbol=spend.asset_symbol,
                    payee=spend.payee,
                    category=spend.category,
                    purpose=spend.purpose,
                    metadata=dict(spend.metadata),
                    correlation_key=spend.correlation_key,
                ),
                by=one.by,
            )
        case Capture() as capture:
            return capture_spend(
                transaction_id=capture.transaction_id,
                lease_token=one.lease_token,
                agent_id=one.agent_id,
                amount_usd=capture.amount_usd,
                by=one.by,
            )
        case Void() as void:
            return void_spend(
                transaction_id=void.transaction_id,
                lease_token=one.lease_token,
                agent_id=one.agent_id,
                reason=void.reason,
                by=one.by,
            )
        case _:
            assert_never(one.what)


def _row(done: Done) -> Transaction:
    return done.transaction if isinstance(done, Outcome) else done


_CREATED = {MoneyStatus.HELD: 201, MoneyStatus.REVIEW: 202}


def _shown(done: Done, shown: dict[str, Any]) -> Answered:
    if not isinstance(done, Outcome):
        return Answered(200, shown)
    if done.refusal:
        return Answered(402, problem.body(show_denial(done, shown)))
    return Answered(_CREATED[MoneyStatus(done.transaction.status)], shown)


def _keep(asked: Mapping[int, Asked], answers: Mapping[int, Answered]) -> None:
    """The keys' rows last, as over HTTP."""
    keyed = [(asked[place].once, answer) for place, answer in answers.items()]
    keep_all([(once, answer.status, JSONRenderer().render(answer.body)) for once, answer in keyed if once])
