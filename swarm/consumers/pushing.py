"""What comes to an agent unasked: tasks for its free slots, and commands about what it holds."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings

from chimera.kernel.bridge import in_thread
from chimera.kernel.errors import Refused
from chimera.kernel.http.problem import as_refusal
from chimera.kernel.http.waiting import Place, waiters
from swarm.consumers import working
from swarm.consumers.committing import committing
from swarm.consumers.seat import Seat
from swarm.consumers.working import Lease, Looked, Taken, Worker

log = structlog.get_logger()
LOOK_AFTER_SECONDS = 10.0  # what became of a key, an agent or its leases without a word about it is found within this
FULL_ELSEWHERE_SECONDS = 5.0  # an agent that holds all it may through another process's connections tries again
FAULT_SECONDS = 1.0
GRACE_SECONDS = 1.0  # an agent that comes again and beats within this goes on with its leases
SHOW_OUT = frozenset({401, 403})

Say = Callable[[dict[str, Any]], None]
_afterwards: set["asyncio.Task[None]"] = set()  # what outlives its socket


async def push(seat: Seat, say: Say) -> None:
    """Keep its slots filled, for as long as it wants. Raises Refused when it may not stay."""
    async with waiters().listening(seat.topic) as place:
        place.stirred = seat.stirred
        while True:
            seat.stirred.clear()
            if (room := seat.room()) == 0:
                place.rest()
                await _stirred(seat, seat.next_end())
                continue
            taken = await _look(seat, place, min(room, settings.CLAIMS_MAX))
            for claim in taken.shown:
                say({"kind": "task", "resume": None, **claim})
            if not taken.able:
                await _stirred(seat, _about(FULL_ELSEWHERE_SECONDS))
            elif not taken.more:
                await _stirred(seat, None)


async def _look(seat: Seat, place: Place, most: int) -> Taken:
    place.look(seat.kind)
    try:
        taken = await _take(seat, most)
    except Exception as fault:
        place.unable()
        refusal = as_refusal(fault)
        if refusal is not None and refusal.status in SHOW_OUT:
            raise
        log.warning("push_failed", agent=str(seat.worker.agent.pk), error=repr(fault), exc_info=refusal is None)
        await asyncio.sleep(_about(FAULT_SECONDS))
        return Taken([], {}, more=True)  # look again
    if taken.able:
        place.found(len(taken.shown), more=taken.more)
    else:
        place.unable()
    return taken


async def _take(seat: Seat, most: int) -> Taken:
    """What was claimed for an agent that left meanwhile is given back too."""
    taking = asyncio.ensure_future(in_thread(working.take, seat.worker, most, seat.types))
    try:
        taken = await asyncio.shield(taking)
    except asyncio.CancelledError:
        afterwards(_give_back_taken(seat.worker, taking))
        raise
    seat.held |= taken.leases
    return taken


async def look_after(seat: Seat, say: Say) -> None:
    """Whatever changes about the agent or its leases without its doing. Raises Refused when it may not stay."""
    async with waiters().called(seat.own_topic) as called, waiters().called(seat.tenant_topic, called):
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_about(LOOK_AFTER_SECONDS)):
                    await called.wait()
            called.clear()
            holding = {task_id: lease.token for task_id, lease in seat.held.items()}
            try:
                looked = await committing().looks.add(seat.worker.principal.tenant_id, (seat.worker, holding))
            except Refused:
                raise
            except Exception as fault:
                log.warning("look_failed", agent=str(seat.worker.agent.pk), error=repr(fault))
                continue
            seat.worker.agent = looked.agent
            _command(seat, say, holding, looked)
            seat.stirred.set()  # it may take more, or less


def _command(seat: Seat, say: Say, holding: dict[UUID, UUID], looked: Looked) -> None:
    """Each command once for as long as it holds."""
    for task_id in looked.over:
        if task_id in seat.held:
            if "stop" not in seat.told.get(task_id, ()):
                say({"kind": "command", "name": "stop", "task": str(task_id)})
            seat.let_go(task_id, holding[task_id])
    for task_id, names in looked.commands.items():
        for name in set(names) - set(seat.told.get(task_id, ())):
            say({"kind": "command", "name": name, "task": str(task_id)})
    seat.told = looked.commands


async def _stirred(seat: Seat, seconds: float | None) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await seat.stirred.wait()


def _about(seconds: float) -> float:
    """A thousand sockets that were opened at once do not all look at once."""
    return seconds * random.uniform(0.8, 1.2)


# ------------------------------------------------------------------ what a socket leaves behind


def afterwards(coroutine: Coroutine[Any, Any, None]) -> None:
    later = asyncio.create_task(coroutine)
    _afterwards.add(later)
    later.add_done_callback(_afterwards.discard)


async def give_back(seat: Seat) -> None:
    """After the grace; until then a beat or a result of its last words may still be on its way, and counts."""
    await asyncio.sleep(GRACE_SECONDS)
    seat.leave()
    await _returned(seat.worker, dict(seat.held))
    seat.stir_all()


async def _give_back_taken(worker: Worker, taking: "asyncio.Future[Taken]") -> None:
    try:
        taken = await taking
    except Exception as fault:
        log.info("nothing_taken", error=repr(fault))
        return
    await _returned(worker, taken.leases)


async def _returned(worker: Worker, leases: dict[UUID, Lease]) -> None:
    if not leases:
        return
    try:
        await in_thread(working.give_back, worker.principal.tenant_id, leases)
    except Exception as fault:
        log.warning("leases_lapse_later", leases=len(leases), error=repr(fault))
