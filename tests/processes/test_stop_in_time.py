"""Twenty agents, at sockets and over HTTP, hold 200 leases with money and capture, finish and claim without a pause; then comes a stop.

Real processes: web, relay, and the agents. From the stop's call to the last thing that is accepted, to the last hold that is free, and
to the last socket's command it takes five seconds at most; and resumed, the queue is in order.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chimera.kernel import redis
from chimera.kernel.actors import SYSTEM
from chimera.kernel.eventlog import Event
from commerce.models import SpendWindow, Transaction
from swarm.actions import agents
from swarm.models import Task
from tests.cast import Stage
from tests.processes import harness, proc
from tests.processes.harness import House, until

pytestmark = pytest.mark.slow

AGENTS, SLOTS, TASKS = 20, 10, 1_000
IN_TIME_SECONDS = 5.0
SECONDS = 90  # for what has no time of its own
MOVED = ("swarm.task.claimed.v1", "swarm.task.completed.v1", "commerce.transaction.captured.v1")
REFUSED = 300  # refusals after the stop before we believe them


class Scene:
    """200 leases, each with a hold, and 800 tasks that wait."""

    def __init__(self, acme: Stage, house: House, keys: list[str]) -> None:
        self.acme, self.house = acme, house
        self.go, self.out = house.folder / "go", house.folder / "out"
        self.out.touch()
        told = {"CHIMERA_URL": house.url, "CHIMERA_KEYS": ",".join(keys), "SLOTS": str(SLOTS)}
        told |= {"GO": str(self.go), "OUT": str(self.out), "PATH": os.environ["PATH"]}
        with (house.folder / "agents.log").open("ab") as log:
            command = [sys.executable, "-m", "tests.processes.hammering"]
            self.agents = subprocess.Popen(
                command, env=told, cwd=proc.ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def said(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.read_text().splitlines() if line.endswith("}")]

    def held(self) -> tuple[int, int]:
        """Leases and holds."""
        with self.acme.bound():
            running = Task.objects.filter(status="running").count()
            return running, Transaction.objects.filter(status="held").count()

    def alive(self) -> bool:
        assert self.agents.poll() is None, (self.house.folder / "agents.log").read_text()[-3000:]
        return self.house.all_alive()

    def call(self, path: str) -> tuple[float, float]:
        """When it was sent, and when answered."""
        body = json.dumps({"reason": "they do not listen"}).encode()
        headers = {"Authorization": f"Bearer {self.acme.otto.secret}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.house.url}/api/v1/{path}", body, headers)
        sent = time.time()
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200
        return sent, time.time()


@pytest.fixture
def scene(acme: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(harness, "LEASE_SECONDS", 120)  # nothing lapses meanwhile
    acme.budget(day_usd="100")
    with acme.bound():
        hired = [
            agents.register(name=f"a{n}", role="worker", capabilities=[], tools_config={}, max_slots=SLOTS, by=SYSTEM)
            for n in range(AGENTS)
        ]
    task = {"session": acme.session()["id"], "type": "research", "input_payload": {}}
    for _ in range(2):
        acme.pia.post("tasks/batch", {"tasks": [task] * (TASKS // 2)}).ok(201)
    house = House(tmp_path, [])
    house.start("relay", "web")
    made = Scene(acme, house, [key for _, key in hired])
    try:
        yield made
    finally:
        made.agents.kill()
        made.agents.wait(10)
        house.stop()


def test_nothing_is_accepted_five_seconds_after_a_stop_and_the_queue_is_in_order_when_it_goes_on(
    acme: Stage, scene: Scene, record_property: Any
) -> None:
    until(lambda: scene.alive() and scene.held() == (AGENTS * SLOTS, AGENTS * SLOTS), SECONDS)
    waiting = _listed(acme)
    scene.go.touch()
    until(lambda: any(one["got"] and one["what"] == "result" for one in scene.said()), SECONDS)
    sent, answered = scene.call("tenant/stop")
    until(lambda: scene.held() == (0, 0), IN_TIME_SECONDS)
    freed = time.time()
    until(
        lambda: (
            scene.alive() and len([one for one in scene.said() if one["at"] > answered and not one["got"]]) >= REFUSED
        ),
        SECONDS,
    )
    said = scene.said()
    last = max(one["at"] for one in said if one["got"] and not one["what"].startswith("command"))
    told = {one["who"]: one["at"] for one in said if one["what"] == "command stop"}
    for name, seconds in (("last accepted", last), ("holds free", freed), ("sockets told", max(told.values()))):
        record_property(name, round(seconds - sent, 3))
        assert seconds - sent <= IN_TIME_SECONDS, name
    assert len(told) == AGENTS // 2
    assert {one["what"] for one in said if one["at"] > answered and not one["got"]} >= {"capture", "result", "claim"}
    scene.agents.kill()
    with acme.bound():
        assert {window.held_usd for window in SpendWindow.objects.all()} == {0}
        late = Event.objects.filter(type__in=MOVED, at__gt=datetime.fromtimestamp(last, UTC) + timedelta(seconds=1))
        assert not late.exists(), "accepted, though no agent heard of it"
        taken = set(map(str, Event.objects.filter(type=MOVED[0]).values_list("task_id", flat=True)))
        queued = set(map(str, Task.objects.filter(status="queued").values_list("pk", flat=True)))
        assert len(queued) + Task.objects.filter(status="completed").count() == TASKS
    scene.call("tenant/resume")
    stood = [one for one in waiting if one not in taken]
    until(lambda: _in_order(_listed(acme), queued & taken, stood), IN_TIME_SECONDS)


def _in_order(listed: list[str], revoked: set[str], stood: list[str]) -> bool:
    """First what was revoked, with those that a claim had popped when it met the stop; then the others as they stood."""
    return any(listed == sorted([*revoked, *stood[:most]]) + stood[most:] for most in range(AGENTS * SLOTS))


def _listed(acme: Stage) -> list[str]:
    found: Any = redis.client().lrange(redis.queue("normal", acme.tenant_id, "worker"), 0, -1)
    return [entry[:36] for entry in found]
