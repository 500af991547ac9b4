"""What an agent says at its socket, and the answer to each item. What is to be written goes through the groups."""

from typing import Any
from uuid import UUID

from chimera.flows.finish_task import Handed
from chimera.kernel.errors import StaleLease
from chimera.kernel.identity import Role
from swarm.actions.progress import Note
from swarm.actions.results import NewResult
from swarm.consumers import acting, frames, metering, money
from swarm.consumers.committing import Beat, Beaten, committing, pay
from swarm.consumers.seat import Seat
from swarm.consumers.working import Lease

ADOPT_TRIES = 5  # each waits for its batch; together they are over before the connection before gives its leases back
Fields = dict[str, Any]


async def answer(seat: Seat, item: Any) -> Fields:
    """The fields of the ack; raises what is refused."""
    said = frames.read(item)
    match said:
        case frames.Ready():
            return {"slots": seat.be_ready(said.slots, said.types)}
        case frames.Result():
            return await _finish(seat, said)
        case frames.Heartbeat():
            return await _beat(seat, said)
        case frames.Progress():
            return await _note(seat, said)
        case frames.Spend() | frames.Capture() | frames.Void():
            return await _pay(seat, said, item)
        case frames.Action() | frames.Execution() | frames.Outcome():
            return await acting.answer(seat, said, item)


async def _finish(seat: Seat, said: frames.Result) -> Fields:
    handed = Handed(
        task_id=said.task,
        lease_token=said.lease_token,
        agent_id=seat.worker.agent.pk,
        new=_new(said),
        by=seat.worker.principal.actor,
        judges=seat.worker.principal.role == Role.JUDGE,
    )
    try:
        done = await committing().results.add(seat.worker.principal.tenant_id, handed)
    except StaleLease:
        seat.let_go(said.task, said.lease_token)
        raise
    seat.let_go(said.task, said.lease_token)
    return {
        "task": str(said.task),
        "status": done.status,
        "outcome": done.outcome,
        "review": str(done.review_id) if done.review_id else None,
    }


def _new(said: frames.Result) -> NewResult:
    return NewResult(
        status=said.status,
        output_payload=said.output_payload if said.status == "failed" else said.output_payload or {},
        confidence_score=said.confidence_score,
        reasoning=said.reasoning,
        evidence=said.evidence,
        artifacts=[a.model_dump(exclude_none=True) for a in said.artifacts],
        metrics=said.metrics,
        error=said.error.model_dump(exclude_none=True) if said.error else None,
        cost_usd=said.cost_usd,
        correlation_key=said.correlation_key,
    )


async def _beat(seat: Seat, said: frames.Heartbeat) -> Fields:
    """Those whose cost ends or refuses them are answered by their meter; the others go on to be renewed."""
    ended = await metering.ended(seat, said.leases)
    others = [lease for place, lease in enumerate(said.leases) if place not in ended]
    beaten = iter(await _beaten_by(seat, [(lease.task, lease.lease_token) for lease in others]))
    answers = []
    for place, lease in enumerate(said.leases):
        if place in ended:
            answers.append(ended[place])
            continue
        what = next(beaten)
        answers.append(_beaten(seat, lease, what))
        if lease.progress and what.lease_expires_at is not None:
            await _note_down(seat, lease.task, lease.progress)
    return {"leases": answers}


async def _beaten_by(seat: Seat, leases: list[tuple[UUID, UUID]]) -> list[Beaten]:
    """What this seat does not hold it adopts; tries again while somebody settles the task at this very moment."""
    worker, tries = seat.worker, ADOPT_TRIES
    while True:
        adopts = frozenset(lease for lease in leases if not seat.holds(*lease))
        beat = Beat(worker.agent.pk, leases, worker.agent.max_slots, adopts)
        beaten = await committing().beats.add(worker.principal.tenant_id, beat)
        for (task_id, token), what in zip(leases, beaten, strict=True):
            if what.adopted and what.lease_expires_at is not None:
                seat.adopt(task_id, Lease(token, what.lease_expires_at))
        tries -= 1
        if not tries or all(what.task_id in seat.held for what in beaten if what.lease_expires_at is not None):
            return beaten


def _beaten(seat: Seat, lease: frames.Lease, what: Beaten) -> Fields:
    if what.lease_expires_at is None:
        seat.let_go(lease.task, lease.lease_token)
        stale = StaleLease()
        return {"task": str(lease.task), "error": {"code": stale.code, "detail": stale.detail}}
    seat.renewed(lease.task, lease.lease_token, what.lease_expires_at)
    return {"task": str(lease.task), "lease_expires_at": what.lease_expires_at, "commands": what.commands}


async def _note(seat: Seat, said: frames.Progress) -> Fields:
    """What this socket holds needs no look; for any other lease PostgreSQL is asked, as for a beat."""
    if not seat.holds(said.task, said.lease_token):
        worker = seat.worker
        beat = Beat(worker.agent.pk, [(said.task, said.lease_token)], worker.agent.max_slots)
        (what,) = await committing().beats.add(worker.principal.tenant_id, beat)
        if what.lease_expires_at is None:
            seat.let_go(said.task, said.lease_token)
            raise StaleLease
    await _note_down(seat, said.task, said)
    return {"task": str(said.task)}


async def _note_down(seat: Seat, task_id: UUID, said: frames.ProgressFields) -> None:
    shown = said.model_dump(include={"phase", "percentage", "message", "metadata"})
    principal = seat.worker.principal
    await committing().progress.add(principal.tenant_id, Note(task_id, principal.tenant_id, principal.id, shown))


async def _pay(seat: Seat, said: money.Said, item: Fields) -> Fields:
    """A spend that a person decides about blocks its task, which ends the lease."""
    principal = seat.worker.principal
    answered = await pay(principal.tenant_id, money.asked(seat.worker, said, item))
    if isinstance(said, frames.Spend) and answered.status == 202:
        seat.let_go(said.task, said.lease_token)
    return money.answer(said, answered)
