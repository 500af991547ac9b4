"""What is claimed has a holder: neither a fault after the commit nor a client that left leaves leases to nobody."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from uuid import UUID

import pytest
from asgiref.testing import ApplicationCommunicator

from chimera.asgi import django_application
from chimera.kernel.bridge import in_thread
from chimera.kernel.identity import Principal
from swarm import dispatch, liveness
from swarm.actions import agents
from swarm.consumers.working import Worker, take
from swarm.groups import returning
from swarm.groups.claiming import Ask, Asker, Claiming, Got
from swarm.models import AgentProfile, Task
from swarm.states import AgentStatus, Inactivity
from tests.cast import Stage
from tests.live.watching import run, until
from tests.swarm.at_wire import Wire, scope_of


@pytest.fixture(autouse=True)
def queued(acme: Stage, settle: Callable[[], None]) -> None:
    session = acme.session()
    for _ in range(4):
        acme.task(session)
    settle()


def fails(*_: object, **__: object) -> None:
    raise RuntimeError("something odd")


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that follows the commit of a claim."""
    monkeypatch.setattr(dispatch, "settle", fails)
    monkeypatch.setattr(liveness, "beat", fails)


def running(acme: Stage) -> int:
    with acme.bound():
        return Task.objects.filter(status="running").count()


@pytest.mark.usefixtures("broken")
def test_a_fault_after_the_commit_of_a_group_leaves_its_claims_to_who_asked(acme: Stage) -> None:
    ada = acme.ada
    got = Claiming().claim(Asker(acme.tenant_id, UUID(ada.id)), [Ask(1, ada.actor), Ask(1, ada.actor)])
    assert [len(one.shown) for one in got] == [1, 1]
    assert running(acme) == 2


def test_a_silent_agent_that_cannot_be_heard_keeps_what_it_claimed(
    acme: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, claiming = acme.ada, Claiming()
    asker, ask = Asker(acme.tenant_id, UUID(ada.id)), [Ask(1, ada.actor)]
    claiming.claim(asker, ask)
    with acme.bound():
        silent = AgentProfile.objects.filter(pk=ada.id)
        silent.update(status=AgentStatus.INACTIVE, inactive_because=Inactivity.SILENT)
    monkeypatch.setattr(agents, "hear", fails)
    (got,) = claiming.claim(asker, ask)
    assert (len(got.shown), running(acme)) == (1, 2)


@pytest.mark.usefixtures("broken")
def test_a_fault_after_the_commit_leaves_its_claims_to_the_socket(acme: Stage) -> None:
    ada = acme.ada
    with acme.bound():
        agent = AgentProfile.objects.get(pk=ada.id)
    worker = Worker(Principal(acme.tenant_id, "agent", ada.id, ada.name, frozenset()), agent)
    taken = take(worker, 2, ())
    assert len(taken.shown) == len(taken.leases) == running(acme) == 2


@pytest.mark.usefixtures("broken")
def test_a_fault_after_the_commit_leaves_its_claims_to_who_called_the_door(acme: Stage) -> None:
    assert len(acme.ada.claim(2)) == running(acme) == 2


def test_what_is_claimed_for_a_client_that_left_meanwhile_goes_back(
    acme: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims, begun, left = Claiming.claim, threading.Event(), threading.Event()

    def slowly(claiming: Claiming, asker: Asker, asked: Sequence[Ask]) -> list[Got]:
        got = claims(claiming, asker, asked)
        begun.set()
        assert left.wait(20)
        return got

    monkeypatch.setattr(Claiming, "claim", slowly)

    async def main() -> None:
        wire, body = Wire(django_application), b'{"max": 2}'
        client = ApplicationCommunicator(wire.quick, scope_of("/api/v1/claims", acme.ada.secret, body))
        await client.send_input({"type": "http.request", "body": body, "more_body": False})
        assert await asyncio.to_thread(begun.wait, 20)
        assert await in_thread(running, acme) == 2
        await client.send_input({"type": "http.disconnect"})
        await client.wait(20)
        left.set()
        await until(lambda: not returning._afterwards)
        assert await in_thread(running, acme) == 0
        assert wire.left == []

    run(main)
