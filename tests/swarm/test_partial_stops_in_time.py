"""A session or a campaign with 200 leases, or an agent with all that it may hold, is stopped: leases and money are gone within five seconds,
while an agent of it goes on handing in, and nothing of that is accepted once the stop has been answered."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from chimera.flows.spend_many import spend_many
from chimera.kernel.actors import SYSTEM
from commerce.models import Transaction
from swarm.actions import agents
from swarm.models import AgentProfile, Task
from tests.cast import Caller, Stage
from tests.commerce.books import check_books
from tests.races.test_spend_together import asked
from tests.swarm.test_partial_stops import housed
from tests.swarm.test_stops import WHY

SLOTS_MAX = 64  # of one agent, and of one claim
LEASES = {"session": 200, "campaign": 200, "agent": SLOTS_MAX}
IN_TIME_SECONDS = 5.0
Settle = Callable[[], None]
Claim = dict[str, Any]


def at_work(acme: Stage, settle: Settle, session: dict[str, Any], leases: int) -> list[Claim]:
    """A hold under each lease; those of Ada come first."""
    acme.budget(day_usd="100")
    with acme.bound():
        AgentProfile.objects.filter(pk=acme.ada.id).update(max_slots=SLOTS_MAX)
        others = [_hired(number) for number in range(-(-leases // SLOTS_MAX) - 1)]
    task = {"session": session["id"], "type": "research", "input_payload": {}}
    acme.pia.post("tasks/batch", {"tasks": [task] * leases}).ok(201)
    settle()
    pairs = [(agent, claim) for agent in (acme.ada, *others) for claim in agent.claim(SLOTS_MAX)]
    said = spend_many(acme.tenant_id, [asked(pair, "0.10") for pair in pairs])
    assert [getattr(one, "status", one) for one in said] == [201] * leases
    return [claim for _, claim in pairs]


def _hired(number: int) -> Caller:
    agent, key = agents.register(
        name=f"more {number}", role="worker", capabilities=[], tools_config={}, max_slots=SLOTS_MAX, by=SYSTEM
    )
    return Caller(key, id=str(agent.pk), name=agent.name)


class HandsIn(threading.Thread):
    """One after the other until it is refused; when the last was asked that was accepted."""

    def __init__(self, acme: Stage, claims: list[Claim]) -> None:
        super().__init__()
        self.acme, self.claims = acme, claims
        self.accepted, self.last_asked, self.begun = 0, 0.0, threading.Event()

    def run(self) -> None:
        for claim in self.claims:
            asked_at = time.monotonic()
            if self.acme.ada.finish(claim).status != 200:
                break
            self.accepted, self.last_asked = self.accepted + 1, asked_at
            self.begun.set()
        connections.close_all()


@pytest.mark.slow
@pytest.mark.parametrize("what", ["session", "campaign", "agent"])
def test_what_was_stopped_with_200_leases_holds_nothing_in_time(
    acme: Stage, settle: Settle, record_property: Any, what: str
) -> None:
    path, session = housed(acme, "campaign" if what == "campaign" else "session")
    claims = at_work(acme, settle, session, LEASES[what])
    agent = HandsIn(acme, claims[:SLOTS_MAX])
    agent.start()
    assert agent.begun.wait(30)
    began = time.monotonic()
    acme.otto.post(f"agents/{acme.ada.id}/kill" if what == "agent" else f"{path}/stop", WHY).ok()
    answered = time.monotonic()
    with acme.bound():
        assert not Task.objects.filter(status="running").exists()
        assert not Transaction.objects.filter(status="held").exists()
        assert Transaction.objects.filter(status="captured").count() == Task.objects.filter(status="completed").count()
    record_property("stopped after", round(answered - began, 3))
    assert answered - began <= IN_TIME_SECONDS
    agent.join(30)
    assert agent.accepted < SLOTS_MAX
    assert agent.last_asked <= answered
    acme.ada.finish(claims[SLOTS_MAX - 1]).refused(
        *((401, "unauthenticated") if what == "agent" else (409, "stale_lease"))
    )
    check_books(acme)
