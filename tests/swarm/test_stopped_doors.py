"""Every door through which an agent works, tried after each kind of stop before any sweep has come by: none accepts anything.

The control is the same table with nothing stopped, in which every door accepts.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from chimera.asgi import django_application
from chimera.flows import stop_tenant, stop_work
from chimera.kernel.actors import SYSTEM
from chimera.kernel.bridge import in_thread
from commerce.models import Transaction
from safety.models import Action
from swarm.models import AgentProfile, Task, TaskResult
from swarm.states import StopKind
from tests.cast import Said, Stage
from tests.live.watching import run
from tests.safety import acts
from tests.swarm.at_socket import AtSocket
from tests.swarm.at_wire import Wire, result

Settle = Callable[[], None]
Claim = dict[str, Any]
HUMAN = {"reason": "enough", "by": SYSTEM}


class Doors:
    """Ada with a lease for each door, at her socket and on the wire."""

    def __init__(self, acme: Stage, claims: list[Claim], holds: list[str], action: Said, ada: AtSocket) -> None:
        self.acme, self.claims, self.holds, self.action, self.ada = acme, claims, holds, action, ada
        self.wire = Wire(django_application)

    def table(self) -> dict[str, Callable[[Claim], Awaitable[str]]]:
        many = self._many
        return {
            "result": lambda c: self._door(*result(c, confidence_score=0.95)),
            "result, quick": lambda c: self._quick(*result(c, confidence_score=0.95)),
            "results, many": many,
            "result, socket": lambda c: self._said(self.ada.finish(c)),
            "failure": lambda c: self._door(
                *result(c, status="failed", output_payload=None, error={"code": "x", "message": ""})
            ),
            "spend": lambda c: self._door("transactions", _spend(c)),
            "spend, quick": lambda c: self._quick("transactions", _spend(c)),
            "spend, socket": lambda c: self._said(self.ada.spend(c, "0.01")),
            "capture": lambda c: self._door(f"transactions/{self.holds[0]}/capture", _lease(self.claims[0])),
            "capture, quick": lambda c: self._quick(f"transactions/{self.holds[1]}/capture", _lease(self.claims[1])),
            "capture, socket": lambda c: self._said(
                self.ada.ask("capture", transaction=self.holds[2], lease_token=self.claims[2]["lease_token"])
            ),
            "beat": lambda c: self._door(f"tasks/{c['task']['id']}/heartbeat", _lease(c)),
            "beat, quick": lambda c: self._quick(f"tasks/{c['task']['id']}/heartbeat", _lease(c)),
            "beat, socket": self._beat,
            "cost": lambda c: self._quick(f"tasks/{c['task']['id']}/heartbeat", _lease(c) | {"cost_usd": "0.01"}),
            "memory check": lambda c: self._door(
                "memories/search", {"query": "tide", "task": c["task"]["id"]} | _lease(c)
            ),
            "action": lambda c: in_thread(lambda: _code(acts.propose(self.acme, c, {"text": "on"}))),
            "execution": lambda c: in_thread(
                lambda: _code(acts.execute(self.acme, self.claims[3], self.action["id"], digest=self.action["digest"]))
            ),
            "claim": lambda c: self._claims(in_thread(lambda: self.acme.ada.post("claims", {"max": 1}))),
            "claim, quick": lambda c: self._claims(self.wire.call(self.acme.ada, "claims", {"max": 1})),
        }

    async def tried(self) -> dict[str, str]:
        """What each door answered: ok, or why not."""
        spare = iter(self.claims[4:])
        return {name: await door(next(spare)) for name, door in self.table().items()}

    async def _door(self, path: str, body: Any) -> str:
        return _code(await in_thread(lambda: self.acme.ada.post(path, body)))

    async def _quick(self, path: str, body: Any) -> str:
        return _code(await self.wire.call(self.acme.ada, path, body))

    async def _many(self, claim: Claim) -> str:
        path, body = result(claim, confidence_score=0.95)
        said = await in_thread(
            lambda: self.acme.ada.post("claims/results", {"results": [{"task": path.split("/")[1], **body}]})
        )
        return (
            str(said["outcomes"][0]["error"]["code"] if "error" in said["outcomes"][0] else "ok")
            if said.status == 200
            else _code(said)
        )

    async def _beat(self, claim: Claim) -> str:
        (lease,) = (await self.ada.beat(claim))["leases"]
        return str(lease["error"]["code"]) if "error" in lease else "ok"

    async def _said(self, answer: Awaitable[dict[str, Any]]) -> str:
        said = await answer
        return "ok" if said["kind"] == "ack" else str(said["code"])

    async def _claims(self, call: Awaitable[Said]) -> str:
        said = await call
        return ("ok" if said["claims"] else "nothing") if said.status == 200 else _code(said)


def _lease(claim: Claim) -> dict[str, Any]:
    return {"lease_token": claim["lease_token"]}


def _spend(claim: Claim) -> dict[str, Any]:
    return _lease(claim) | {
        "task": claim["task"]["id"],
        "amount_usd": "0.01",
        "asset_symbol": "USD",
        "payee": "render.example",
    }


def _code(said: Said) -> str:
    return "ok" if said.status < 300 else str(said["code"])


def mark(acme: Stage, what: str, session: dict[str, Any]) -> None:
    """As the door does, without the sweep that follows it."""
    with acme.bound():
        match what:
            case "agent":
                stop_work.kill_agent(agent_id=UUID(acme.ada.id), **HUMAN)
            case "session":
                stop_work.stop_session(session_id=UUID(session["id"]), **HUMAN)
            case "campaign":
                stop_work.stop_campaign(campaign_id=UUID(session["campaign"]), **HUMAN)
            case "tenant":
                stop_tenant.stop_tenant(kind=StopKind.STOP, **HUMAN)
    if what == "everything":
        stop_tenant.stop_everything(kind=StopKind.STOP, **HUMAN)


def stands(acme: Stage) -> tuple[Any, ...]:
    """All that an agent could have moved."""
    with acme.bound():
        return (
            sorted(Task.objects.values_list("pk", "status", "lease_token", "lease_expires_at"), key=str),
            sorted(Transaction.objects.values_list("pk", "status", "amount_usd")),
            sorted(Action.objects.values_list("pk", "status")),
            TaskResult.objects.count(),
        )


@pytest.mark.parametrize("what", ["nothing", "agent", "session", "campaign", "tenant", "everything"])
def test_no_door_accepts_anything_of_what_was_stopped(acme: Stage, settle: Settle, what: str) -> None:
    acme.budget(day_usd="10")
    with acme.bound():
        AgentProfile.objects.filter(pk=acme.ada.id).update(max_slots=64)
    campaign = acme.otto.post("campaigns", {"name": "c", "goal": "g"}).ok(201)["id"]
    session = acme.session(campaign=campaign)
    task = {"session": session["id"], "type": "research", "input_payload": {}}
    acme.pia.post("tasks/batch", {"tasks": [task] * 30}).ok(201)
    settle()
    claims = acme.ada.claim(26)
    holds = [acme.ada.spend(claim, "0.01").ok(201)["id"] for claim in claims[:3]]
    action = acts.propose(acme, claims[3]).ok(201)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            doors = Doors(acme, claims, holds, action, ada)
            await in_thread(lambda: mark(acme, what, session))
            before = await in_thread(lambda: stands(acme))
            answers = await doors.tried()
            if what == "nothing":
                assert set(answers.values()) == {"ok"}, answers
                return
            refused = {"stale_lease", "unauthenticated"} if what == "agent" else {"stale_lease"}
            claimed = {name: answers.pop(name) for name in ("claim", "claim, quick")}
            assert {name: code for name, code in answers.items() if code not in refused} == {}
            assert "ok" not in claimed.values()
            assert await in_thread(lambda: stands(acme)) == before

    run(main)
