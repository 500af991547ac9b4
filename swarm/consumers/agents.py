"""The agents' socket (docs/agent-socket.md): tasks are pushed to free slots, results, beats and progress come back.

Nothing that an agent says waits for what another says before it; each item has its own answer. What is to be written
goes through groups (committing.py), so that agents who speak one at a time cost the database what batches cost.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

import structlog
from channels.generic.websocket import AsyncWebsocketConsumer  # type: ignore[import-untyped]
from django.conf import settings

from chimera.flows.finish_task import Handed
from chimera.kernel.bridge import in_thread
from chimera.kernel.errors import Refused, StaleLease
from chimera.kernel.http.problem import as_refusal
from chimera.kernel.http.waiting import waiters
from swarm.actions.progress import Note
from swarm.actions.results import NewResult
from swarm.consumers import frames, working
from swarm.consumers.committing import Beat, committing
from swarm.consumers.working import Lease, Worker

log = structlog.get_logger()
TOO_FAST = 4429  # more than twice `unanswered_max` requests at once
TOO_BIG = 4413
BROKEN = 4500
UNANSWERED_MAX = 256
HEARTBEAT_SECONDS = 10
CHECK_AGAIN_SECONDS = 10.0  # how long a revoked key or a suspended agent may go on
GRACE_SECONDS = 1.0  # an agent that comes again within this goes on with its leases

_afterwards: set["asyncio.Task[None]"] = set()  # what outlives its socket


class AgentConsumer(AsyncWebsocketConsumer):
    worker: Worker | None = None

    async def connect(self) -> None:
        await self.accept()  # a handshake that is refused shows the client no code
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: dict[UUID, Lease] = {}
        self._wanted, self._types = 0, []  # type: int, list[str]
        self._freed, self._answered = asyncio.Event(), asyncio.Event()
        self._outbox: list[Any] = []
        self._unanswered = 0
        try:
            worker = await in_thread(working.come_in, self.scope)
            shown, self._held = await in_thread(working.leases_of, worker)
        except Exception as fault:
            await self._refuse(fault)
            return
        self.worker = worker
        await self._send(self._hello(worker, shown))
        self._spawn(self._push(worker))

    async def disconnect(self, code: int) -> None:
        for task in list(self._tasks):
            task.cancel()
        if self.worker and self._held:
            _after(_give_back(self.worker, dict(self._held)))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.worker is None:
            return
        if text_data is None or len(text_data) > settings.FRAME_BYTES_MAX:
            await self.close(TOO_BIG, reason="Send text frames of at most 256 KiB.")
            return
        try:
            items = frames.split(text_data)
        except Refused as refusal:
            self._say(_error(None, refusal))
            return
        if self._unanswered + len(items) > 2 * UNANSWERED_MAX + settings.BATCH_MAX:
            await self.close(TOO_FAST, reason="Wait for answers; see unanswered_max.")
            return
        for item in items:
            self._unanswered += 1
            self._spawn(self._answer(self.worker, item))
        while self._unanswered > UNANSWERED_MAX:
            self._answered.clear()
            await self._answered.wait()

    # -------------------------------------------------------------- what the agent says

    async def _answer(self, worker: Worker, item: Any) -> None:
        ref = frames.ref_of(item)
        try:
            said = frames.read(item)
            match said:
                case frames.Ready():
                    answer = self._be_ready(worker, said)
                case frames.Result():
                    answer = await self._finish(worker, said)
                case frames.Heartbeat():
                    answer = await self._beat(worker, said)
                case frames.Progress():
                    answer = await self._note(worker, said)
        except Exception as fault:
            self._say(_error(ref, _refusal(fault), task=item.get("task") if isinstance(item, dict) else None))
        else:
            self._say({"kind": "ack", "ref": ref, **answer})
        finally:
            self._unanswered -= 1
            self._answered.set()

    def _be_ready(self, worker: Worker, said: frames.Ready) -> dict[str, Any]:
        self._wanted, self._types = min(said.slots, worker.agent.max_slots), list(said.types)
        self._freed.set()
        return {"slots": self._wanted}

    async def _finish(self, worker: Worker, said: frames.Result) -> dict[str, Any]:
        new = NewResult(
            status=said.status,
            output_payload=said.output_payload if said.status == "failed" else said.output_payload or {},
            confidence_score=said.confidence_score,
            reasoning=said.reasoning,
            evidence=said.evidence,
            artifacts=[a.model_dump(exclude_none=True) for a in said.artifacts],
            metrics=said.metrics,
            error=said.error.model_dump() if said.error else None,
        )
        handed = Handed(
            task_id=said.task,
            lease_token=said.lease_token,
            agent_id=worker.agent.pk,
            new=new,
            by=worker.principal.actor,
        )
        try:
            done = await committing().results.add(worker.principal.tenant_id, handed)
        except StaleLease:
            self._let_go(said.task, said.lease_token)
            raise
        self._let_go(said.task, said.lease_token)
        return {
            "task": str(said.task),
            "status": str(done.task.status),
            "outcome": done.outcome,
            "review": str(done.review_id) if done.review_id else None,
        }

    async def _beat(self, worker: Worker, said: frames.Heartbeat) -> dict[str, Any]:
        beat = Beat(worker.agent.pk, [(lease.task, lease.lease_token) for lease in said.leases], worker.agent.max_slots)
        beaten = await committing().beats.add(worker.principal.tenant_id, beat)
        answers: list[dict[str, Any]] = []
        for lease, what in zip(said.leases, beaten, strict=True):
            if what.lease_expires_at is None:
                self._let_go(lease.task, lease.lease_token)
                stale = StaleLease()
                answers.append({"task": str(lease.task), "error": {"code": stale.code, "detail": stale.detail}})
                continue
            if lease.task in self._held:
                self._held[lease.task].expires_at = what.lease_expires_at
            if lease.progress:
                await self._note_one(worker, lease.task, lease.progress)
            answers.append(
                {"task": str(lease.task), "lease_expires_at": what.lease_expires_at, "commands": what.commands}
            )
        return {"leases": answers}

    async def _note(self, worker: Worker, said: frames.Progress) -> dict[str, Any]:
        held = self._held.get(said.task)
        if held is None or held.token != said.lease_token:
            raise StaleLease
        await self._note_one(worker, said.task, said)
        return {"task": str(said.task)}

    async def _note_one(self, worker: Worker, task_id: UUID, said: frames.ProgressFields) -> None:
        shown = said.model_dump(include={"phase", "percentage", "message", "metadata"})
        note = Note(task_id, worker.principal.tenant_id, worker.principal.id, shown)
        await committing().progress.add(worker.principal.tenant_id, note)

    def _let_go(self, task_id: UUID, token: UUID) -> None:
        """The lease is over, whoever ended it: its slot is free."""
        held = self._held.get(task_id)
        if held is not None and held.token == token:
            del self._held[task_id]
            self._freed.set()

    # -------------------------------------------------------------- what the agent is given

    async def _push(self, worker: Worker) -> None:
        """Keep its slots filled, as long as it is ready and may come in."""
        try:
            loop = asyncio.get_running_loop()
            topic, check_at = f"{worker.principal.tenant_id}:{worker.agent.role}", loop.time() + CHECK_AGAIN_SECONDS
            async with waiters().listening(topic) as place:
                while True:
                    place.stirred.clear()
                    self._freed.clear()
                    if loop.time() > check_at:
                        self.worker = worker = await in_thread(working.come_in, self.scope)
                        check_at = loop.time() + CHECK_AGAIN_SECONDS
                    if (free := self._wanted - len(self._held)) > 0:
                        most = min(free, settings.CLAIMS_MAX)
                        place.look((tuple(self._types), tuple(worker.agent.capabilities)))
                        shown = await self._take(worker, most)
                        place.found(len(shown), more=len(shown) == most)
                        for claim in shown:
                            self._say({"kind": "task", **claim})
                        if len(shown) == most:
                            continue
                    else:
                        place.rest()
                    await _either(place.stirred, self._freed, CHECK_AGAIN_SECONDS)
        except Exception as fault:
            await self._refuse(fault)

    async def _take(self, worker: Worker, most: int) -> list[dict[str, Any]]:
        """What was claimed for an agent that left meanwhile is given back too."""
        taking = asyncio.ensure_future(in_thread(working.take, worker, most, self._types))
        try:
            shown, leases = await asyncio.shield(taking)
        except asyncio.CancelledError:
            _after(_give_back_taken(worker, taking))
            raise
        self._held |= leases
        return shown

    # -------------------------------------------------------------- frames

    def _say(self, frame: dict[str, Any]) -> None:
        """What is said in one turn of the loop goes in one frame."""
        self._outbox.append(frame)
        if len(self._outbox) == 1:
            self._spawn(self._flush())

    async def _flush(self) -> None:
        said, self._outbox = self._outbox, []
        await self._send(said[0] if len(said) == 1 else said)

    async def _send(self, frame: Any) -> None:
        await self.send(text_data=frames.dumps(frame))

    def _hello(self, worker: Worker, leases: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "kind": "hello",
            "agent": str(worker.agent.pk),
            "name": worker.agent.name,
            "role": worker.agent.role,
            "max_slots": worker.agent.max_slots,
            "lease_seconds": settings.LEASE.total_seconds(),
            "heartbeat_seconds": HEARTBEAT_SECONDS,
            "frame_bytes_max": settings.FRAME_BYTES_MAX,
            "unanswered_max": UNANSWERED_MAX,
            "leases": leases,
        }

    async def _refuse(self, fault: Exception) -> None:
        refusal = _refusal(fault)
        await self.close(BROKEN if refusal.status == 500 else 4000 + refusal.status, reason=refusal.detail[:100])

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _refusal(fault: Exception) -> Refused:
    refusal = as_refusal(fault)
    if refusal is None:
        log.exception("agent_socket_broke", exc_info=fault)
        return Refused("Something broke on our side; try again.", code="internal", status=500)
    return refusal


def _error(ref: Any, refusal: Refused, **more: Any) -> dict[str, Any]:
    shown = {"kind": "error", "ref": ref, "code": refusal.code, "detail": refusal.detail, **more, **refusal.extra}
    return shown | ({"errors": refusal.errors} if refusal.errors else {})


async def _either(first: asyncio.Event, second: asyncio.Event, seconds: float) -> None:
    waiting = [asyncio.ensure_future(event.wait()) for event in (first, second)]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()


def _after(coroutine: Coroutine[Any, Any, None]) -> None:
    later = asyncio.create_task(coroutine)
    _afterwards.add(later)
    later.add_done_callback(_afterwards.discard)


async def _give_back(worker: Worker, leases: dict[UUID, Lease]) -> None:
    await asyncio.sleep(GRACE_SECONDS)
    try:
        await in_thread(working.give_back, worker.principal.tenant_id, leases)
    except Exception as fault:
        log.warning("leases_lapse_later", leases=len(leases), error=repr(fault))


async def _give_back_taken(worker: Worker, taking: "asyncio.Future[tuple[Any, dict[UUID, Lease]]]") -> None:
    _, leases = await taking
    await _give_back(worker, leases)
